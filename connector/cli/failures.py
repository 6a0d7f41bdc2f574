"""How a command fails: what, where, why and what to do next, without a traceback.

In words on stderr, or with ``--json`` as one object on stdout.
"""

import json
import traceback
from dataclasses import dataclass
from typing import Any, Final, Literal

import click

from connector.errors import ConfigError, ConnectorError, CrmError, LedgerError, Problem

Kind = Literal["usage", "config", "ledger", "crm", "problem", "bug"]

STATUS: Final[dict[Kind, int]] = {
    "usage": 2,
    "config": 2,
    "ledger": 3,
    "crm": 1,
    "problem": 1,
    "bug": 1,
}
"""The exit status of each kind of failure."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command gave up."""

    kind: Kind
    message: str
    remedy: str | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def status(self) -> int:
        """Return the exit status."""
        return STATUS[self.kind]

    def as_json(self) -> dict[str, Any]:
        """Return the object that a failing command prints with ``--json``."""
        return {
            "error": {
                "kind": self.kind,
                "message": self.message,
                "remedy": self.remedy,
                "problems": [
                    {
                        "file": problem.file or None,
                        "line": problem.line,
                        "key": problem.key or None,
                        "message": problem.message,
                        "expected": problem.expected,
                        "nearest": problem.nearest,
                    }
                    for problem in self.problems
                ],
            }
        }


def describe(error: Exception) -> Failure:
    """Turn an exception into what people and programs are told."""
    match error:
        case click.ClickException():
            return Failure("usage", error.format_message(), _usage_remedy(error))
        case ConfigError():
            remedy = error.remedy or "mend what is named above, and try again"
            return Failure("config", _count(error.problems), remedy, error.problems)
        case ConnectorError():
            return Failure(_kind(error), str(error), error.remedy)
        case OSError() if error.strerror:
            where = f"{error.filename}: " if error.filename else ""
            return Failure("problem", f"{where}{error.strerror}")
    return Failure(
        "bug",
        f"{type(error).__name__} {_place(error)}",
        "this is a mistake in the connector: report it with the line above and the command",
    )


def _kind(error: ConnectorError) -> Kind:
    if isinstance(error, LedgerError):
        return "ledger"
    return "crm" if isinstance(error, CrmError) else "problem"


def report(failure: Failure, *, as_json: bool) -> None:
    """Print a failure."""
    if as_json:
        click.echo(json.dumps(failure.as_json(), ensure_ascii=False))
        return
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {failure.message}", err=True)
    for problem in failure.problems:
        click.echo("  " + str(problem).removeprefix(": "), err=True)
    if failure.remedy:
        click.echo(f"{click.style('Next:', bold=True)}  {failure.remedy}", err=True)


def _count(problems: tuple[Problem, ...]) -> str:
    if len(problems) == 1:
        return "the configuration has a problem"
    return f"the configuration has {len(problems)} problems"


def _usage_remedy(error: click.ClickException) -> str | None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return None if context is None else f"see `{context.command_path} --help`"


def _place(error: Exception) -> str:
    """Return where an unforeseen error was raised; its words may hold what nobody should see."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "connector" in frame.filename] or frames
    if not own:
        return "at an unknown place"
    parts = own[-1].filename.replace("\\", "/").split("/")
    return f"at {'/'.join(parts[-3:])}:{own[-1].lineno} in {own[-1].name}"
