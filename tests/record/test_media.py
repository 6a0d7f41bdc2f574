"""Media are fetched from where Graph says, checked, and kept under names of our own."""

import asyncio
import base64
import dataclasses
import json
import stat
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from connector.crm.transport import PinnedTransport
from connector.ledger import schema
from connector.ledger.keeper import HeldLease
from connector.record.graph import read_sha256
from connector.record.media import LARGEST, MediaDownloader, MediaSettings
from connector.record.sniff import extension_of

JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 1000
DIGEST = base64.b64encode(sha256(JPEG).digest()).decode()


class Meta:
    """Graph and its file host, as far as a download sees them."""

    def __init__(self) -> None:
        self.url = "https://lookaside.fbsbx.com/whatsapp/1"
        self.file: bytes = JPEG
        self.answers: list[httpx.Response] = []
        self.requests: list[httpx.Request] = []
        self.extra: dict[str, Any] = {}

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        if request.url.host == "graph.facebook.com":
            return httpx.Response(200, json={"url": self.url, "id": "77", **self.extra})
        return httpx.Response(200, content=self.file)


@pytest.fixture
def meta() -> Meta:
    return Meta()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def downloader(book: Any, meta: Meta, folder: Path) -> MediaDownloader:
    book.recorder._rules = dataclasses.replace(book.recorder._rules, fetch_media=True)
    return MediaDownloader(
        book.ledger,
        MediaSettings(
            directory=folder,
            graph_url="https://graph.facebook.com",
            graph_version="v25.0",
            token=lambda: "SECRET",
            hosts=["lookaside.fbsbx.com", "*.fbcdn.net"],
        ),
        transport=httpx.MockTransport(meta.handle),
    )


def picture(wire: Any, wamid: str = "wamid.1", **part: Any) -> dict[str, Any]:
    image = {"id": "77", "mime_type": "image/jpeg", "sha256": DIGEST} | part
    return wire.text(wamid, type="image", image=image)


def fetch(book: Any, downloader: MediaDownloader) -> int:
    return asyncio.run(downloader.fetch_due(book.lease))


def row(book: Any) -> Any:
    (found,) = book.rows(schema.media)
    return found


def test_a_picture_is_stored_under_a_name_of_our_own(
    book: Any, wire: Any, meta: Meta, folder: Path, downloader: MediaDownloader
) -> None:
    book.take(picture(wire))

    assert fetch(book, downloader) == 1

    assert row(book).state == "stored"
    stored = folder / row(book).path
    assert stored.read_bytes() == JPEG
    assert stored.suffix == ".jpg"
    assert [path.name for path in folder.iterdir()] == [row(book).path]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert [str(request.url) for request in meta.requests] == [
        "https://graph.facebook.com/v25.0/77",
        "https://lookaside.fbsbx.com/whatsapp/1",
    ]
    assert {request.headers["Authorization"] for request in meta.requests} == {"Bearer SECRET"}
    assert fetch(book, downloader) == 0


def test_without_download_a_file_is_only_noted(book: Any, wire: Any) -> None:
    book.take(picture(wire))

    assert (row(book).state, row(book).media_id, row(book).due_at) == ("skipped", "77", None)


def test_a_message_recorded_again_is_fetched_once(
    book: Any, wire: Any, downloader: MediaDownloader
) -> None:
    book.take(picture(wire))
    fetch(book, downloader)

    book.take(json.dumps(picture(wire), indent=1).encode())

    assert row(book).state == "stored"
    assert fetch(book, downloader) == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/1",
        "https://lookaside.fbsbx.com:8443/1",
        "https://evil.example/1",
        "https://lookaside.fbsbx.com.evil.example/1",
        "https://fbcdn.net/1",
        "https://xfbcdn.net/1",
        "https://me@scontent.fbcdn.net/1",
        "https://169.254.169.254/latest",
        "https://[::ffff:127.0.0.1]/1",
        "file:///etc/passwd",
        "https://",
    ],
)
def test_no_other_host_is_asked_and_none_sees_the_token(
    book: Any, wire: Any, meta: Meta, downloader: MediaDownloader, url: str
) -> None:
    book.take(picture(wire))
    meta.url = url

    fetch(book, downloader)

    assert row(book).state == "failed"
    assert row(book).error_code in {"forbidden_url", "forbidden_host", "bad_url"}
    assert {request.url.host for request in meta.requests} == {"graph.facebook.com"}


def test_a_host_that_leads_into_a_private_network_is_not_connected_to(
    book: Any, wire: Any, folder: Path, downloader: MediaDownloader
) -> None:
    book.take(picture(wire))

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["169.254.169.254", "::ffff:127.0.0.1", "10.0.0.1"]

    downloader._transport = PinnedTransport(resolver=resolve)
    fetch(book, downloader)

    assert (row(book).error_code, row(book).attempts) == ("forbidden_address", 1)
    assert list(folder.iterdir()) == []


def test_a_redirect_is_not_followed(
    book: Any, wire: Any, meta: Meta, downloader: MediaDownloader
) -> None:
    book.take(picture(wire))
    meta.answers = [
        httpx.Response(200, json={"url": meta.url}),
        httpx.Response(302, headers={"Location": "http://169.254.169.254/latest"}),
    ]

    fetch(book, downloader)

    assert (row(book).state, row(book).error_code) == ("failed", "http.302")
    assert len(meta.requests) == 2


def test_a_file_that_is_not_what_was_sent_is_not_kept(
    book: Any, wire: Any, meta: Meta, folder: Path, downloader: MediaDownloader
) -> None:
    book.take(picture(wire))
    meta.file = JPEG + b"!"

    fetch(book, downloader)

    assert (row(book).state, row(book).error_code, row(book).attempts) == ("wanted", "sha256", 1)
    assert list(folder.iterdir()) == []


def test_a_file_that_is_too_large_is_given_up(
    book: Any, wire: Any, meta: Meta, folder: Path, downloader: MediaDownloader
) -> None:
    book.take(picture(wire))
    meta.extra = {"file_size": LARGEST + 1}

    fetch(book, downloader)

    assert (row(book).state, row(book).error_code) == ("failed", "too_large")
    assert list(folder.iterdir()) == []


def test_a_passing_failure_is_tried_again_later_and_at_last_given_up(
    book: Any, wire: Any, meta: Meta, downloader: MediaDownloader, clock: Any
) -> None:
    book.take(picture(wire))
    tries = 0
    while row(book).state == "wanted":
        meta.answers = [httpx.Response(503)]
        fetch(book, downloader)
        tries += 1
        if row(book).due_at is not None:
            assert row(book).due_at > clock.at
            assert fetch(book, downloader) == 0
        clock.at += timedelta(hours=1)

    assert tries == 8
    assert (row(book).state, row(book).error_code) == ("failed", "http.503")


def test_what_is_gone_is_given_up_at_once(
    book: Any, wire: Any, meta: Meta, downloader: MediaDownloader
) -> None:
    book.take(picture(wire))
    meta.answers = [httpx.Response(400, json={"error": {"code": 100}})]

    fetch(book, downloader)

    assert (row(book).state, row(book).error_code) == ("failed", "http.400")


def test_a_dead_token_costs_no_file_an_attempt(
    book: Any, wire: Any, meta: Meta, downloader: MediaDownloader, clock: Any
) -> None:
    book.take(picture(wire))
    meta.answers = [httpx.Response(401, json={"error": {"code": 190}})]
    fetch(book, downloader)
    assert (row(book).state, row(book).attempts) == ("wanted", 0)
    assert fetch(book, downloader) == 0

    clock.at += timedelta(seconds=61)
    fetch(book, downloader)

    assert row(book).state == "stored"


def test_failures_are_rationed_before_meta_blocks_the_app(
    book: Any, wire: Any, meta: Meta, downloader: MediaDownloader, clock: Any
) -> None:
    book.take_together(*(picture(wire, f"wamid.{n}", id=str(n)) for n in range(30)))
    meta.answers = [httpx.Response(404, json={})] * 30
    while fetch(book, downloader):
        clock.at += timedelta(seconds=1)

    asked = len(meta.requests)
    assert 15 <= asked < 20
    clock.at += timedelta(minutes=61)
    assert fetch(book, downloader) > 0


def test_a_file_whose_message_was_purged_meanwhile_is_not_kept(
    book: Any, wire: Any, meta: Meta, folder: Path, downloader: MediaDownloader
) -> None:
    book.take(picture(wire))
    handle = meta.handle

    def purge_meanwhile(request: httpx.Request) -> httpx.Response:
        with book.ledger.engine.begin() as connection:
            connection.execute(update(schema.media).values(state="purged", due_at=None))
        return handle(request)

    downloader._transport = httpx.MockTransport(purge_meanwhile)
    fetch(book, downloader)

    assert row(book).state == "purged"
    assert list(folder.iterdir()) == []


def test_what_a_crash_left_half_fetched_is_removed(
    book: Any, folder: Path, downloader: MediaDownloader
) -> None:
    folder.mkdir()
    (folder / "abc.part").write_bytes(b"half")

    fetch(book, downloader)

    assert list(folder.iterdir()) == []


def test_the_loop_fetches_what_is_wanted_and_ends_when_told(
    book: Any, wire: Any, meta: Meta, downloader: MediaDownloader
) -> None:
    book.take(picture(wire))
    held = HeldLease(book.ledger, book.lease, life=90.0, since=book.ledger.clock.boot())

    async def scenario() -> None:
        wake, stop = asyncio.Event(), asyncio.Event()
        handle = meta.handle

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.host != "graph.facebook.com":
                stop.set()
            return handle(request)

        downloader._transport = httpx.MockTransport(answer)
        await asyncio.wait_for(downloader.run(held, wake=wake, stop=stop), 10)

    asyncio.run(scenario())

    assert row(book).state == "stored"


@pytest.mark.parametrize(
    ("head", "extension"),
    [
        (JPEG, "jpg"),
        (b"\x89PNG\r\n\x1a\n....", "png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
        (b"OggS\x00", "ogg"),
        (b"\x00\x00\x00\x18ftypmp42", "mp4"),
        (b"\x00\x00\x00\x18ftypM4A ", "m4a"),
        (b"%PDF-1.7", "pdf"),
        (b"PK\x03\x04", "zip"),
        (b"<html><script>", "bin"),
        (b"#!/bin/sh", "bin"),
        (b"", "bin"),
    ],
)
def test_an_extension_comes_from_the_bytes_and_from_a_closed_list(
    head: bytes, extension: str
) -> None:
    assert extension_of(head) == extension


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (DIGEST, sha256(JPEG).digest()),
        (sha256(JPEG).hexdigest(), sha256(JPEG).digest()),
        ("nonsense", None),
        ("aGFzaA==", None),
        (None, None),
        (5, None),
    ],
)
def test_a_digest_comes_in_base64_or_in_hex(given: Any, expected: bytes | None) -> None:
    assert read_sha256(given) == expected


def test_somebody_blocked_has_no_file_fetched(new_book: Callable[..., Any], wire: Any) -> None:
    book = new_book(block=["5511987654321"])

    book.take(picture(wire))

    assert book.rows(schema.media) == []
