"""Only WhatsApp speaks: whatever else comes to the public listener changes nothing but counters."""

import base64
import codecs
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Final

import pytest
from sqlalchemy import Connection, func, select

from connector import metrics
from connector.ledger.ledger import Ledger
from connector.ledger.schema import installation, metadata
from tests.flow.receiver import PATH, SECRET, Receiver, receiver, signature, text_message

pytestmark = pytest.mark.anyio
BODY: Final = text_message()
RIGHT: Final = signature(BODY)
DIGEST: Final = RIGHT.removeprefix("sha256=")


def _rewritten() -> Iterator[tuple[str, bytes]]:
    """Yield bodies that say the same in other bytes."""
    value = json.loads(BODY)
    yield "compact", json.dumps(value, separators=(",", ":")).encode()
    yield "indented", json.dumps(value, indent=1).encode()
    yield "unescaped", json.dumps(value, ensure_ascii=False).encode()
    yield "sorted", json.dumps(value, sort_keys=True).encode()
    yield "a mark at its start", codecs.BOM_UTF8 + BODY
    yield "a line break at its end", BODY + b"\n"
    yield "a space at its start", b" " + BODY
    yield "upper-case escapes", BODY.replace(b"\\u", b"\\U")
    yield "in UTF-16", BODY.decode().encode("utf-16")
    yield "cut short", BODY[:-1]
    yield "twice", BODY * 2
    yield "nothing", b""


HEADERS: Final = {
    "upper case": RIGHT.upper(),
    "upper-case digits": f"sha256={DIGEST.upper()}",
    "another name": f"SHA256={DIGEST}",
    "no name": DIGEST,
    "the name alone": "sha256=",
    "spaces within": f"sha256= {DIGEST}",
    "a tab within": f"sha256={DIGEST[:10]}\t{DIGEST[10:]}",
    "cut short": RIGHT[:-1],
    "one too many": RIGHT + "0",
    "half of it": RIGHT[: len(RIGHT) // 2],
    "a list": f"{RIGHT}, {RIGHT}",
    "a list with another": f"sha256={'0' * 64}, {RIGHT}",
    "quoted": f'"{RIGHT}"',
    "in base64": "sha256=" + base64.b64encode(bytes.fromhex(DIGEST)).decode(),
    "sha1": "sha1=" + hmac.new(SECRET, BODY, hashlib.sha1).hexdigest(),
    "sha1 under the new name": "sha256=" + hmac.new(SECRET, BODY, hashlib.sha1).hexdigest(),
    "a hash without key": "sha256=" + hashlib.sha256(BODY).hexdigest(),
    "the key hashed with it": "sha256=" + hashlib.sha256(SECRET + BODY).hexdigest(),
    "an empty key": signature(BODY, b""),
    "zeros": "sha256=" + "0" * 64,
    "very long": "sha256=" + "a" * 10_000,
    "a wildcard": "sha256=*",
    "empty": "",
}


def _everything(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
        if table is not installation  # its key is made when a receiver starts for the first time
    }


async def _post(at: Receiver, body: bytes, **headers: str) -> int:
    answer = await at.client.post(PATH, content=body, headers=headers)
    assert answer.content == b""
    return answer.status_code


async def test_no_other_form_of_a_signature_is_taken(sqlite_ledger: Ledger) -> None:
    before = sqlite_ledger.query(_everything)
    refused = metrics.WEBHOOK_REJECTED.labels("signature")
    count = refused._value.get()
    async with receiver(sqlite_ledger) as at:
        for name, header in HEADERS.items():
            assert await _post(at, BODY, **{"X-Hub-Signature-256": header}) == 403, name

    assert sqlite_ledger.query(_everything) == before
    assert refused._value.get() - count == len(HEADERS)


async def test_no_other_header_is_taken_for_the_signature(sqlite_ledger: Ledger) -> None:
    before = sqlite_ledger.query(_everything)
    sha1 = "sha1=" + hmac.new(SECRET, BODY, hashlib.sha1).hexdigest()
    async with receiver(sqlite_ledger) as at:
        for headers in (
            {},
            {"X-Hub-Signature": sha1},
            {"X-Hub-Signature": RIGHT},
            {"X-Hub-Signature-512": RIGHT},
            {"X_Hub_Signature_256": RIGHT},
            {"Authorization": RIGHT},
        ):
            assert await _post(at, BODY, **headers) == 401, headers

    assert sqlite_ledger.query(_everything) == before


async def test_the_same_in_other_bytes_is_another_body(sqlite_ledger: Ledger) -> None:
    before = sqlite_ledger.query(_everything)
    async with receiver(sqlite_ledger) as at:
        for name, body in _rewritten():
            assert await _post(at, body, **{"X-Hub-Signature-256": RIGHT}) == 403, name

    assert sqlite_ledger.query(_everything) == before


async def test_a_refusal_tells_nothing_of_what_was_wrong(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger) as at:
        answers = [
            await at.client.post(PATH, content=BODY, headers={"X-Hub-Signature-256": header})
            for header in (HEADERS["upper case"], HEADERS["cut short"], HEADERS["zeros"])
        ]

    seen = {
        (each.status_code, each.content, tuple(k for k in each.headers if k != "date"))
        for each in answers
    }
    assert len(seen) == 1


async def test_a_captured_event_that_is_played_again_is_stored_once(
    sqlite_ledger: Ledger,
) -> None:
    async with receiver(sqlite_ledger) as at:
        codes = [await _post(at, BODY, **{"X-Hub-Signature-256": RIGHT}) for _ in range(20)]

        assert codes == [200] * 20
        assert at.rows() == 1
