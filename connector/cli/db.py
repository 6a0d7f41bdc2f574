"""``connector db``."""

from pathlib import Path

import click

from connector.cli.answers import print_json, say, words
from connector.cli.examples import ExampledCommand, ExampledGroup
from connector.cli.options import config_option, given, json_option
from connector.cli.session import config_of, require_known
from connector.runtime.upkeep import (
    back_up,
    current_revision,
    find_faults,
    known_revisions,
    migrate_down,
    migrate_up,
)


@click.group(
    cls=ExampledGroup,
    short_help="Look after the ledger: its schema and its backups.",
    examples=["connector db check", "connector db backup copies/connector.db"],
)
def command() -> None:
    """Look after the ledger: its schema and its backups."""


@command.command(cls=ExampledCommand, examples=["connector db upgrade"])
@click.argument("revision", default="head")
@config_option
@click.pass_context
def upgrade(context: click.Context, revision: str) -> None:
    """Bring the ledger up to the schema of this version.

    On SQLite a copy of the ledger is made beside it first, where there is anything to lose. The
    daemon does this by itself on SQLite; on PostgreSQL it is done on purpose, with this command.
    """
    _require_known(revision)
    moved = migrate_up(config_of(context), revision)
    _tell_move(moved.before, moved.after, moved.copy)


@command.command(cls=ExampledCommand, examples=["connector db downgrade 0001"])
@click.argument("revision")
@config_option
@click.pass_context
def downgrade(context: click.Context, revision: str) -> None:
    """Bring the ledger back to an older REVISION, before an older version of the program runs."""
    _require_known(revision)
    moved = migrate_down(config_of(context), revision)
    _tell_move(moved.before, moved.after, moved.copy)


def _require_known(revision: str) -> None:
    require_known(revision, [*known_revisions(), "head"], what="revision")


def _tell_move(before: str | None, after: str | None, copy: Path | None) -> None:
    if copy is not None:
        say(f"The ledger as it was: {copy}")
    if before == after:
        say(f"The ledger is at revision {after} already.")
    else:
        say(f"The ledger went from revision {before or 'none'} to {after or 'none'}.")


@command.command(cls=ExampledCommand, examples=["connector db current --json"])
@config_option
@json_option
@click.pass_context
def current(context: click.Context) -> int:
    """Say which revision the ledger is at; exit status 1 if this version needs another."""
    found = current_revision(config_of(context))
    if given(context).as_json:
        print_json(found)
    else:
        say(f"The ledger is at revision {found['revision'] or 'none'}.")
        if not found["current"]:
            say(words(f"This version needs {found['needed']}: `connector db upgrade`.", "yellow"))
    return 0 if found["current"] else 1


@command.command(cls=ExampledCommand, examples=["connector db check"])
@config_option
@json_option
@click.pass_context
def check(context: click.Context) -> int:
    """Compare the ledger's tables with this version's, and let SQLite look for damage."""
    faults = find_faults(config_of(context))
    if given(context).as_json:
        print_json({"ok": not faults, "faults": faults})
    elif faults:
        say(words("The ledger is not as it should be:", "bold red"), *(f"  {f}" for f in faults))
        say("Stop the daemon, copy the file, and restore a backup or report this.")
    else:
        say(words("The ledger is sound.", "green"))
    return 1 if faults else 0


@command.command(cls=ExampledCommand, examples=["connector db backup copies/connector.db"])
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@json_option
@click.pass_context
def backup(context: click.Context, file: Path) -> None:
    """Copy a SQLite ledger to FILE while the daemon runs, and check the copy.

    The copy holds the installation's key, messages and people: keep it as safe as the ledger. A
    PostgreSQL is backed up with its own tools.
    """
    if file.exists():
        raise click.UsageError(f"{file} exists already: name a file that does not")
    size = back_up(config_of(context), file)
    if given(context).as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        say(f"{file}: {size / 2**20:.1f} MiB, checked.")
