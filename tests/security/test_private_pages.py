"""The private listener: who gets in, how often one may try, and what every answer forbids."""

import json
from pathlib import Path
from typing import Final

import httpx
import pytest

from connector.config.load import load_config
from connector.crm.registry import settings_models
from connector.errors import ConfigError
from connector.ledger.ledger import Ledger
from connector.web.guesses import BURST, EVERY, Guesses
from tests.web.listening import private_listener
from tests.web.office import CONFIG
from tests.web.test_private_listener import TOKEN

FORBIDDEN: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def read(folder: Path, admin: str) -> None:
    file = folder / "config.toml"
    file.write_text(f"[admin]\n{admin}\n{CONFIG}")
    load_config(file, settings_models=settings_models(), environ={"SECRET": "s" * 40})


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.5", "192.168.1.2", "connector.internal", "example.com"],  # noqa: S104
)
def test_an_address_that_others_reach_needs_a_token(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"host = {json.dumps(host)}")

    assert {problem.key for problem in caught.value.problems} == {"admin.token"}
    read(tmp_path, f'host = {json.dumps(host)}\ntoken = {{ env = "SECRET" }}')


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_this_machine_alone_needs_none(host: str, tmp_path: Path) -> None:
    read(tmp_path, f"host = {json.dumps(host)}")


def test_an_address_has_so_many_guesses_and_gets_one_back_at_a_time() -> None:
    now = [100.0]
    guesses = Guesses(lambda: now[0])
    for _ in range(BURST):
        assert not guesses.exhausted("a")
        guesses.count("a")

    assert guesses.exhausted("a")
    assert not guesses.exhausted("b")
    now[0] += EVERY
    assert not guesses.exhausted("a")
    guesses.count("a")
    assert guesses.exhausted("a")
    now[0] += EVERY * BURST
    assert not guesses.exhausted("a")


def test_addresses_without_end_take_no_memory_without_end() -> None:
    guesses = Guesses(lambda: 0.0)
    for number in range(10_000):
        guesses.count(str(number))

    assert len(guesses._free_at) < 2000


@pytest.mark.anyio
async def test_whoever_guesses_is_not_listened_to_for_a_while(sqlite_ledger: Ledger) -> None:
    async with private_listener(sqlite_ledger, token=TOKEN) as setting:
        get = setting.client.get
        for _ in range(100):  # a browser asks first without a token: that is no guess
            assert (await get("/healthz")).status_code == 401
        answers = [
            await get("/healthz", headers={"authorization": f"Bearer {n}"})
            for n in range(BURST + 10)
        ]
        codes = [answer.status_code for answer in answers]
        refused = next(answer for answer in answers if answer.status_code == 429)

        assert codes[:BURST] == [401] * BURST
        assert "retry-after" in refused.headers
        assert (await get("/livez")).status_code == 200


@pytest.mark.anyio
async def test_every_answer_forbids_what_no_page_of_ours_needs(sqlite_ledger: Ledger) -> None:
    async with private_listener(sqlite_ledger, token=TOKEN) as setting:
        signed = {"authorization": f"Bearer {TOKEN}"}

        async def ask(method: str, path: str, **headers: str) -> httpx.Response:
            return await setting.client.request(method, path, headers=headers)

        answers = {
            200: await ask("GET", "/", **signed),
            401: await ask("GET", "/"),
            403: await ask("POST", "/search", **signed),
            404: await ask("GET", "/nowhere", **signed),
            405: await ask("DELETE", "/", **signed),
            421: await ask("GET", "/", host="evil.example.com"),
        }

    for status, answer in answers.items():
        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in FORBIDDEN} == FORBIDDEN, status
        # the dashboard's forms need an Origin header, which no-referrer would empty
        assert answer.headers["referrer-policy"] in {"no-referrer", "same-origin"}
        assert "set-cookie" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers
