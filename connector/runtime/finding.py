"""One line of ``connector check``: what was looked at, how it is, why, and what to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from connector.errors import Problem

State = Literal["ok", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line; the last four say where in a file, if it is about one."""

    name: str
    """What was looked at, such as ``hubspot.schema``."""
    state: State
    detail: str
    remedy: str | None = None
    destination: str | None = None
    file: str | None = None
    line: int | None = None
    field: str | None = None
    nearest: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the shape of an item of ``check --json``."""
        return asdict(self)


def findings_of(
    problems: Sequence[Problem], *, name: str, destination: str | None, remedy: str
) -> list[Finding]:
    """Return a failed line for each problem in a file."""
    return [
        Finding(
            name=name,
            state="fail",
            detail=_say(problem),
            remedy=remedy,
            destination=destination,
            file=problem.file or None,
            line=problem.line,
            field=problem.key or None,
            nearest=problem.nearest,
        )
        for problem in problems
    ]


def _say(problem: Problem) -> str:
    return (
        f"{problem.message}; expected {problem.expected}" if problem.expected else problem.message
    )
