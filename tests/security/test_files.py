"""What holds people and secrets is for its owner alone, whatever the umask of the process."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connector.ledger import migrate
from connector.ledger.backup import copy_ledger
from connector.ledger.engine import hold_file, open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import store_webhooks
from connector.record.media import MediaDownloader, MediaSettings


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["0000", "0022", "0077"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set the umask for a test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.lstat().st_mode)
        for path in folder.rglob("*")
    }


@pytest.mark.usefixtures("umask")
def test_the_ledger_and_all_that_stands_beside_it_are_private(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state/ledger.db"
    held = hold_file(url)
    engine = open_engine(url)
    migrate.upgrade(engine)
    ledger = Ledger(engine)
    ledger.transact(store_webhooks, [(b"d" * 32, b"somebody's words")], now=ledger.clock.now())
    copy_ledger(tmp_path / "state" / "ledger.db", tmp_path / "state" / "copy.db")
    found = modes(tmp_path)
    ledger.close()
    assert held is not None
    held.close()

    assert {"state/ledger.db-wal", "state/ledger.db-shm"} <= found.keys()
    assert found == {
        "state": 0o700,
        "state/ledger.db": 0o600,
        "state/ledger.db-wal": 0o600,
        "state/ledger.db-shm": 0o600,
        "state/ledger.db.lock": 0o600,
        "state/copy.db": 0o600,
    }


@pytest.mark.usefixtures("umask")
def test_the_folder_of_media_is_private(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "media"
    settings = MediaSettings(folder, "https://graph.facebook.com", "v25.0", lambda: "t", [])
    downloader = MediaDownloader(
        sqlite_ledger, settings, transport=httpx.MockTransport(lambda _: httpx.Response(500))
    )
    asyncio.run(asyncio.to_thread(downloader._sweep))

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_copy_follows_no_link_that_somebody_laid(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    migrate.upgrade(engine)
    engine.dispose()
    victim = tmp_path / "victim"
    target = tmp_path / "copy.db"
    target.symlink_to(victim)

    copy_ledger(tmp_path / "ledger.db", target)

    assert not victim.exists()
    assert not target.is_symlink()
