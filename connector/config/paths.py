"""Paths in the configuration: relative to its file, and which mapping a name means."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

from pydantic import PlainValidator, ValidationInfo
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from connector.config.section import complain, nearest_name, surroundings

SHIPPED: Final = Path(str(files("mappings")))
"""The folder of the mappings that come with the connector."""


def shipped_mappings(shipped: Path = SHIPPED) -> tuple[str, ...]:
    """Return the names under which shipped mappings are asked for, such as ``rest/kinto``."""
    names = (file.relative_to(shipped).with_suffix("") for file in shipped.rglob("*.toml"))
    return tuple(
        sorted(
            name.as_posix()
            for name in names
            if name.name != "labels" and name.suffix != ".tests"  # examples beside a mapping
        )
    )


def resolve_mapping_path(reference: str, folder: Path, *, shipped: Path = SHIPPED) -> Path | None:
    """Return the file that a mapping's name means, or ``None`` if there is no such file.

    First a path relative to ``folder``, then the name of a shipped mapping, with or without
    ``mappings/`` before it and ``.toml`` behind: ``mappings/hubspot.toml``, ``hubspot``.
    """
    own = folder / reference
    if own.is_file():
        return own.resolve()
    name = _shipped_name(reference)
    return shipped / f"{name}.toml" if name in shipped_mappings(shipped) else None


def resolve_labels_path(reference: str, folder: Path, *, shipped: Path = SHIPPED) -> Path | None:
    """Return the file of label rules that is meant: the admin's own, else the one shipped."""
    own = folder / reference
    if own.is_file():
        return own.resolve()
    return shipped / "labels.toml" if _shipped_name(reference) == "labels" else None


def _shipped_name(reference: str) -> str:
    return reference.removeprefix("./").removeprefix("mappings/").removesuffix(".toml")


def _parse_mapping_reference(value: object, info: ValidationInfo) -> str | None:
    if value is None:
        return None
    names = shipped_mappings()
    form = f"a file, or one that is shipped: {', '.join(names)}"
    if not isinstance(value, str) or not value:
        raise complain("is not the path of a file", expected=form)
    if resolve_mapping_path(value, surroundings(info).folder) is None:
        nearest = nearest_name(_shipped_name(value), names)
        raise complain("there is no such file", expected=form, nearest=nearest)
    return value


def _parse_labels_reference(value: object, info: ValidationInfo) -> str | None:
    if value is None:
        return None
    form = 'a file, or "mappings/labels.toml", which is shipped'
    if not isinstance(value, str) or not value:
        raise complain("is not the path of a file", expected=form)
    if resolve_labels_path(value, surroundings(info).folder) is None:
        raise complain("there is no such file", expected=form)
    return value


def _parse_path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise complain("is not a path", expected="a path, relative to this file")
    return surroundings(info).folder / value


def _parse_ledger_url(value: object, info: ValidationInfo) -> str:
    form = '"sqlite:///connector.db" or "postgresql+psycopg://user@host/connector"'
    try:
        url = make_url(value if isinstance(value, str) else "")
    except (ArgumentError, ValueError):
        raise complain("is not the address of a database", expected=form) from None
    if url.password is not None or {"password", "sslpassword"} & set(url.query):
        raise complain(
            "a password may not be written here as plain text",
            expected="no password: PostgreSQL's client reads PGPASSWORD, PGPASSFILE or ~/.pgpass",
        )
    match url.drivername:
        case "postgresql" | "postgresql+psycopg":
            return url.set(drivername="postgresql+psycopg").render_as_string()
        case "sqlite" if url.database in {None, "", ":memory:"}:
            raise complain("would forget everything with the process", expected=form)
        case "sqlite":
            path = surroundings(info).folder / str(url.database)
            return url.set(database=str(path)).render_as_string()
        case _:
            raise complain("is not a database that can hold the ledger", expected=form)


MappingReference = Annotated[str | None, PlainValidator(_parse_mapping_reference)]
"""A mapping as the admin named it; ``resolve_mapping_path`` says which file it is."""
LabelsReference = Annotated[str | None, PlainValidator(_parse_labels_reference)]
"""Likewise, with ``resolve_labels_path``."""
FilePath = Annotated[Path, PlainValidator(_parse_path)]
"""An absolute path."""
LedgerUrl = Annotated[str, PlainValidator(_parse_ledger_url)]
"""A URL for SQLAlchemy; a SQLite file is given by its absolute path."""
