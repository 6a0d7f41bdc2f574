"""``connector db`` on both databases, and on one that is not there."""

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from connector.cli.main import main
from connector.config.models import Config
from connector.ledger import migrate
from connector.ledger.engine import hold_file, open_engine
from connector.ledger.ledger import Ledger
from connector.runtime.upkeep import migrate_down, migrate_up


def _run(config: Config, *typed: str) -> int:
    return main(["db", *typed, "--config", str(config.file)])


def test_a_ledger_at_this_revision_is_current_and_sound(
    ledger: Ledger, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.dialect in {"sqlite", "postgresql"}
    assert _run(config, "current", "--json") == 0
    head = migrate.head()
    assert json.loads(capsys.readouterr().out) == {
        "revision": head,
        "needed": head,
        "current": True,
    }
    assert _run(config, "check", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "faults": []}


def test_a_table_that_is_changed_is_a_fault(
    ledger: Ledger, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("CREATE TABLE stranger (id INTEGER PRIMARY KEY)"))
    try:
        assert _run(config, "check") == 1
        assert "stranger" in capsys.readouterr().out
    finally:
        with ledger.engine.begin() as connection:
            connection.execute(text("DROP TABLE stranger"))


@pytest.fixture
def sqlite_config(config: Config, tmp_path: Path) -> Config:
    """Return a configuration whose SQLite ledger is not there yet."""
    file = tmp_path / "fresh.toml"
    lines = config.file.read_text().splitlines()
    lines = ['url = "sqlite:///fresh.db"' if line.startswith("url") else line for line in lines]
    file.write_text("\n".join(lines))
    return config.model_copy(update={"file": file})


sqlite_only = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)


@sqlite_only
@pytest.mark.parametrize("typed", [["current"], ["check"], ["downgrade", "0001"]])
def test_a_look_makes_no_ledger(
    typed: list[str],
    sqlite_config: Config,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _run(sqlite_config, *typed) == 3
    assert "there is no ledger" in capsys.readouterr().err
    assert not (tmp_path / "fresh.db").exists()


@sqlite_only
def test_upgrade_makes_one_and_says_so(
    sqlite_config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(sqlite_config, "upgrade") == 0
    assert f"from revision none to {migrate.head()}" in capsys.readouterr().out
    assert (tmp_path / "fresh.db").stat().st_mode & 0o077 == 0
    assert _run(sqlite_config, "upgrade") == 0
    assert "already" in capsys.readouterr().out


@sqlite_only
def test_a_ledger_that_moves_is_copied_first(sqlite_config: Config, tmp_path: Path) -> None:
    fresh = sqlite_config.model_copy(
        update={
            "ledger": sqlite_config.ledger.model_copy(
                update={"url": f"sqlite:///{tmp_path / 'fresh.db'}"}
            )
        }
    )
    assert migrate_up(fresh).copy is None, "there was nothing to lose"
    head = migrate.head()
    for name in (f"fresh.db.{head}", f"fresh.db.{head}-2"):
        moved = migrate_down(fresh, "base")
        assert (moved.before, moved.after) == (head, None)
        assert moved.copy == tmp_path / name
        engine = open_engine(f"sqlite:///{moved.copy}")
        assert migrate.current(engine) == head
        engine.dispose()
        assert migrate_up(fresh).after == head


@sqlite_only
def test_an_unknown_revision_is_wrong_usage(
    sqlite_config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(sqlite_config, "upgrade", "9999") == 2
    assert "there is no revision '9999'" in capsys.readouterr().err
    assert not (tmp_path / "fresh.db").exists()


@sqlite_only
def test_a_ledger_that_a_daemon_holds_does_not_move(
    sqlite_config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = hold_file(f"sqlite:///{tmp_path / 'fresh.db'}")
    assert lock is not None
    with lock:
        assert _run(sqlite_config, "upgrade") == 3
    assert "another daemon holds" in capsys.readouterr().err


@sqlite_only
def test_a_backup_is_made_beside_the_daemon_and_not_over_a_file(
    sqlite_config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(sqlite_config, "upgrade") == 0
    capsys.readouterr()
    copy = tmp_path / "copy.db"
    assert _run(sqlite_config, "backup", str(copy), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": str(copy),
        "bytes": copy.stat().st_size,
    }
    assert _run(sqlite_config, "backup", str(copy)) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_postgresql_is_backed_up_with_its_own_tools(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(config, "backup", str(tmp_path / "copy.db")) == 3
    assert "pg_dump" in capsys.readouterr().err


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_server_that_is_away_is_an_unusable_ledger(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = make_url(config.ledger.url).set(host=None, port=None, query={"host": str(tmp_path)})
    file = tmp_path / "away.toml"
    text_ = config.file.read_text().replace(config.ledger.url, url.render_as_string())
    file.write_text(text_)
    assert main(["status", "--config", str(file)]) == 3
    err = capsys.readouterr().err
    assert "the ledger failed" in err
    assert "Traceback" not in err
    assert os.environ.get("PGPASSWORD", "no password") not in err
