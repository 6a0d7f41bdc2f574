"""What every table of the configuration has in common: strict, frozen, and complaining well."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

Name = Annotated[str, Field(min_length=1, max_length=80)]


class Section(BaseModel):
    """One table. Attributes are named as the keys are; unknown keys and wrong types are errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        hide_input_in_errors=True,
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a configuration is read; ``surroundings`` in the context of a validation."""

    folder: Path = field(default_factory=Path.cwd)
    """Relative paths in the file start here."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


def surroundings(info: ValidationInfo) -> Surroundings:
    """Return the surroundings of a validation; without any, this process's folder and variables."""
    found = (info.context or {}).get("surroundings")
    return found if isinstance(found, Surroundings) else Surroundings()


def complain(
    message: str,
    *,
    key: Iterable[str | int] = (),
    expected: str | None = None,
    nearest: str | None = None,
) -> PydanticCustomError:
    """Return the error that a validator raises to say what is wrong with the value it was given.

    ``key`` leads from that value to the part meant, such as ``("token",)`` in a validator of a
    whole table. Values are never repeated in ``message``: they may be secrets or people.
    """
    return PydanticCustomError(
        "config",
        "{message}",
        {"message": message, "key": tuple(key), "expected": expected, "nearest": nearest},
    )


def nearest_name(word: object, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that ``word`` was most likely meant to be, if any is close."""
    by_folded = {name.casefold(): name for name in names}
    close = get_close_matches(str(word).casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None
