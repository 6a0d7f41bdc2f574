"""Looking after the ledger: its schema, its health, its copies."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from connector.config.models import Config
from connector.errors import LedgerError
from connector.ledger import migrate
from connector.ledger.backup import copy_ledger, find_damage
from connector.ledger.engine import hold_file
from connector.runtime.opening import any_ledger, require_file


@dataclass(frozen=True, slots=True)
class Move:
    """From which revision to which, and where the ledger as it was is kept."""

    before: str | None
    after: str | None
    copy: Path | None = None


def known_revisions() -> list[str]:
    """Return the revisions that this version knows, the newest first."""
    return migrate.known()


def migrate_up(config: Config, revision: str = "head") -> Move:
    """Bring the ledger up; a SQLite one that holds anything is copied first."""
    return _migrate(config, migrate.head() if revision == "head" else revision, up=True)


def migrate_down(config: Config, revision: str) -> Move:
    """Bring the ledger back to an older revision; a SQLite one is copied first."""
    require_file(config)
    return _migrate(config, revision, up=False)


def _migrate(config: Config, revision: str, *, up: bool) -> Move:
    lock = hold_file(config.ledger.url)
    with any_ledger(config) as ledger, lock or nullcontext():
        before = migrate.current(ledger.engine)
        if before == revision:
            return Move(before, before)
        copy = _copy_before(config, before) if before is not None else None
        (migrate.upgrade if up else migrate.downgrade)(ledger.engine, revision)
        return Move(before, migrate.current(ledger.engine), copy)


def _copy_before(config: Config, revision: str) -> Path | None:
    path = sqlite_file(config)
    if path is None:
        return None
    target = path.with_name(f"{path.name}.{revision}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{revision}-{number}")
    copy_ledger(path, target)
    return target


def current_revision(config: Config) -> dict[str, Any]:
    """Return the ledger's revision, this program's, and whether they are the same."""
    require_file(config)
    with any_ledger(config) as ledger:
        found = migrate.current(ledger.engine)
    needed = migrate.head()
    return {"revision": found, "needed": needed, "current": found == needed}


def find_faults(config: Config) -> list[str]:
    """Return what is wrong with the ledger's tables and file; nothing where it is sound."""
    require_file(config)
    with any_ledger(config) as ledger:
        migrate.require_current(ledger.engine)
        faults = [_spell_difference(each) for each in migrate.differences(ledger.engine)]
    path = sqlite_file(config)
    if path is not None:
        faults += find_damage(path)
    return faults


def _spell_difference(difference: Any) -> str:
    """Return what Alembic found different, in words; it gives tuples, or lists of them."""
    steps = difference if isinstance(difference, list) else [difference]
    return "; ".join(
        " ".join(str(getattr(part, "name", part)) for part in step if part is not None)
        for step in steps
    )


def back_up(config: Config, target: Path) -> int:
    """Copy a SQLite ledger to a file; return its bytes. Raises ``LedgerError`` for PostgreSQL."""
    path = sqlite_file(config)
    if path is None:
        raise LedgerError(
            "the ledger is on a PostgreSQL server, which is backed up with its own tools",
            remedy="use pg_dump, or continuous archiving",
        )
    require_file(config)
    return copy_ledger(path, target)


def sqlite_file(config: Config) -> Path | None:
    """Return the file of a SQLite ledger; ``None`` for PostgreSQL."""
    url = make_url(config.ledger.url)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None
