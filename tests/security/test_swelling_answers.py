"""A few kilobytes that stand for gigabytes are unpacked up to a cap and no further."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from connector.clock import SystemClock
from connector.crm.budget import Budgets
from connector.crm.client import CrmClient
from connector.crm.oauth import OAuth2
from connector.crm.settings import AdapterSettings
from connector.crm.transport import (
    CappedTransport,
    ResponseTooLargeError,
    UnreadableResponseError,
)
from connector.errors import ConnectorError, CrmInDoubtError, CrmUnavailableError

MIB: Final = 1024 * 1024
CAP: Final = 4 * MIB


def bomb(mib: int) -> bytes:
    """Return gzip that unpacks to so many MiB of blanks, at a thousandth of the size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = b" " * MIB
    return b"".join(packer.compress(block) for _ in range(mib)) + packer.flush()


BOMB: Final = bomb(256)


def respond(body: bytes, encoding: str | None) -> Callable[[httpx.Request], httpx.Response]:
    headers = {"Content-Type": "application/json"}
    if encoding:
        headers["Content-Encoding"] = encoding
    return lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))


def peak_of(work: Callable[[], Any]) -> tuple[Any, int]:
    """Return what work gives, and the most bytes that Python held for it."""
    tracemalloc.start()
    try:
        found = work()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def fetch(body: bytes, encoding: str | None) -> Any:
    async def run() -> bytes:
        mock = httpx.MockTransport(respond(body, encoding))
        transport = CappedTransport(mock, most_bytes=CAP)
        async with httpx.AsyncClient(transport=transport) as client:
            return (await client.get("https://crm.example.com/")).content

    try:
        return asyncio.run(run())
    except httpx.HTTPError as error:
        return error


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", " gzip "])
def test_a_packed_answer_ends_at_the_cap(encoding: str) -> None:
    found, peak = peak_of(lambda: fetch(BOMB, encoding))

    assert isinstance(found, ResponseTooLargeError)
    assert peak < 4 * CAP


@pytest.mark.parametrize(
    "encoding", ["gzip, gzip", "gzip,gzip,gzip", "identity, gzip", "br", "zstd", "compress", "x"]
)
def test_an_answer_packed_in_a_way_nobody_asked_for_is_not_unpacked(encoding: str) -> None:
    found, peak = peak_of(lambda: fetch(gzip.compress(BOMB), encoding))

    assert isinstance(found, UnreadableResponseError)
    assert peak < 4 * CAP


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_not_packed_as_it_says_is_unreadable(encoding: str) -> None:
    assert isinstance(fetch(b"plain words", encoding), UnreadableResponseError)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b'{"id": 7}', None),
        (b'{"id": 7}', "identity"),
        (gzip.compress(b'{"id": 7}'), "gzip"),
        (zlib.compress(b'{"id": 7}'), "deflate"),
        (gzip.compress(b""), "gzip"),
        (gzip.compress(bytes(range(256)) * 8192), "gzip"),
    ],
    ids=range(6),
)
def test_an_honest_answer_is_read_whole(body: bytes, encoding: str | None) -> None:
    unpack: Any = {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(encoding or "")

    assert fetch(body, encoding) == (unpack(body) if unpack else body)


def client_of(
    handle: Callable[[httpx.Request], httpx.Response], auth: httpx.Auth | None = None
) -> CrmClient:
    settings = AdapterSettings(adapter="rest", base_url="https://crm.example.com")
    clock = SystemClock()
    return CrmClient(
        destination="crm",
        settings=settings,
        budgets=Budgets({}, clock=clock),
        request_timeout=20,
        clock=clock,
        auth=auth,
        transport=httpx.MockTransport(handle),
    )


def ask(client: CrmClient, method: str) -> Any:
    async def run() -> Any:
        try:
            return await client.request(method, "/things", call="things", json={})
        except ConnectorError as error:
            return error
        finally:
            await client.aclose()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "kind"), [("POST", CrmInDoubtError), ("GET", CrmUnavailableError)]
)
def test_a_crm_that_swells_is_broken_and_a_write_to_it_in_doubt(
    method: str, kind: type[Exception]
) -> None:
    swelling = bomb(64)
    found, peak = peak_of(lambda: ask(client_of(respond(swelling, "gzip")), method))

    assert isinstance(found, kind)
    assert peak < 96 * MIB


def test_a_token_endpoint_that_swells_gives_no_token() -> None:
    auth = OAuth2(
        token_url=lambda: "https://crm.example.com/token",
        client_id=lambda: "app",
        client_secret=lambda: "hush",
        refresh_token=lambda: "refresh",
        clock=SystemClock(),
    )
    swelling = bomb(96)
    found, peak = peak_of(lambda: ask(client_of(respond(swelling, "gzip"), auth), "GET"))

    assert isinstance(found, CrmUnavailableError)
    assert peak < 128 * MIB
