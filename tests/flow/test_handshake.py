"""The handshake by which WhatsApp verifies the webhook's address."""

import pytest

from connector.ledger.ledger import Ledger
from tests.flow.receiver import PATH, VERIFY_TOKEN, receiver

pytestmark = pytest.mark.anyio
HANDSHAKE = {
    "hub.mode": "subscribe",
    "hub.verify_token": VERIFY_TOKEN,
    "hub.challenge": "1158201444",
}


async def test_the_handshake_is_answered_with_the_bare_challenge(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger) as at:
        answer = await at.client.get(PATH, params=HANDSHAKE)

        assert (answer.status_code, answer.text) == (200, "1158201444")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "changes",
    [
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": VERIFY_TOKEN + "x"},
        {"hub.verify_token": VERIFY_TOKEN.upper()},
        {"hub.verify_token": ""},
        {"hub.verify_token": "ção\udcff".encode("utf-8", "surrogateescape").decode("latin-1")},
        {"hub.mode": "unsubscribe"},
    ],
)
async def test_a_handshake_with_a_wrong_token_is_forbidden(
    sqlite_ledger: Ledger, changes: dict[str, str]
) -> None:
    async with receiver(sqlite_ledger) as at:
        answer = await at.client.get(PATH, params={**HANDSHAKE, **changes})

        assert (answer.status_code, answer.content) == (403, b"")


async def test_a_handshake_without_parameters_is_forbidden(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger) as at:
        for query in ("", "?", "?" + "&" * 100, "?%ff=%00", "?hub.challenge=1"):
            assert (await at.client.get(PATH + query)).status_code == 403


@pytest.mark.parametrize(
    "challenge", ["<script>alert(1)</script>", "", "a b", "a\r\nb: c", "x" * 257, "é"]
)
async def test_a_challenge_that_is_not_plain_is_not_reflected(
    sqlite_ledger: Ledger, challenge: str
) -> None:
    async with receiver(sqlite_ledger) as at:
        answer = await at.client.get(PATH, params={**HANDSHAKE, "hub.challenge": challenge})

        assert (answer.status_code, answer.content) == (400, b"")


async def test_many_handshakes_at_once_are_put_off(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger) as at:
        answers = [await at.client.get(PATH) for _ in range(40)]

        assert {answer.status_code for answer in answers} == {403, 429}
        assert answers[-1].headers["retry-after"] == "5"
