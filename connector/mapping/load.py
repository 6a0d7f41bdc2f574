"""Reading a mapping file: where it is, what it extends, and everything wrong with it at once."""

from collections.abc import Iterator
from collections.abc import Mapping as ReadOnly
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any, Final

from connector.config.paths import SHIPPED, resolve_mapping_path, shipped_mappings
from connector.config.section import nearest_name
from connector.errors import ConfigError, Problem
from connector.mapping.models import Mapping
from connector.mapping.source import Source, read_source
from connector.mapping.tables import SPEC, Tables

_NOT_MAPPINGS: Final = frozenset({"labels"})


def load_mapping(
    reference: str | None, *, folder: Path, adapter: str, shipped: Path | None = None
) -> Mapping:
    """Read a mapping for a kind of CRM.

    ``reference`` is a path relative to ``folder`` or the name of a shipped mapping (``hubspot``,
    ``rest/kinto``, ``mappings/hubspot.toml``); ``None`` means the one shipped for ``adapter``.
    ``shipped`` is where those stand, unless in the package ``mappings``. Raises ``ConfigError``
    with all problems.
    """
    sources = list(_read(reference, folder=folder, adapter=adapter, shipped=shipped or SHIPPED))
    data: dict[str, Any] = {}
    for source in reversed(sources):
        data = _merge(data, source.data)
    data.pop("extends", None)
    tables = Tables(sources, data, adapter=adapter)
    contact, message, requests = tables.read()
    if tables.problems or contact is None or message is None:
        problems = sorted(tables.problems, key=lambda each: (each.file, each.line or 0))
        raise ConfigError(problems)
    return Mapping(
        file=sources[0].name,
        digest=_digest(data, granularity=message.granularity),
        contact=contact,
        message=message,
        requests=requests,
        sources=tuple(sources),
    )


def _read(reference: str | None, *, folder: Path, adapter: str, shipped: Path) -> Iterator[Source]:
    """Yield the file that was asked for, then the one it extends, and so on."""
    if reference is None and adapter not in shipped_mappings(shipped):
        raise ConfigError(
            [
                Problem(
                    "config.toml",
                    "mapping",
                    f"no mapping is shipped for the adapter {adapter}",
                    expected="the path of a mapping file",
                )
            ]
        )
    name = reference or adapter
    path = _find(name, folder, shipped)
    if path is None:
        raise ConfigError(
            [Problem(name, "", "there is no such mapping", nearest=_nearest(name, shipped))]
        )
    own = name if (folder / name).is_file() else None
    seen: list[Path] = []
    while path is not None:
        title = own if own and not seen else _title(path, shipped, taken=own)
        source = read_source(path, name=title)
        yield source
        seen.append(path)
        base = source.data.get("extends")
        if base is None:
            return
        path = _find_shipped(base, shipped)
        if path is None or path in seen:
            raise ConfigError(
                [
                    Problem(
                        source.name,
                        "extends",
                        "is not a shipped mapping",
                        line=source.line(("extends",)),
                        expected=", ".join(_names(shipped)),
                        nearest=_nearest(str(base), shipped),
                    )
                ]
            )


def _find(reference: str, folder: Path, shipped: Path) -> Path | None:
    path = resolve_mapping_path(reference, folder, shipped=shipped)
    is_shipped = path is not None and path.is_relative_to(shipped)
    return None if is_shipped and path and _name(path, shipped) in _NOT_MAPPINGS else path


def _find_shipped(reference: object, shipped: Path) -> Path | None:
    """Find what a mapping extends: a shipped one, by its name. No other file is looked at."""
    if not isinstance(reference, str) or Path(reference).is_absolute() or "\0" in reference:
        return None
    return _find(reference, shipped / "none", shipped)


def _title(path: Path, shipped: Path, *, taken: str | None) -> str:
    """Name a shipped file in problems, and apart from the admin's own if that is called so too."""
    title = f"mappings/{_name(path, shipped)}.toml"
    return f"{title} (shipped)" if title == taken else title


def _name(path: Path, shipped: Path) -> str:
    return path.relative_to(shipped).with_suffix("").as_posix()


def _names(shipped: Path) -> list[str]:
    return [name for name in shipped_mappings(shipped) if name not in _NOT_MAPPINGS]


def _nearest(reference: str, shipped: Path) -> str | None:
    name = reference.removeprefix("mappings/").removesuffix(".toml")
    return nearest_name(name, _names(shipped))


def _merge(base: ReadOnly[str, Any], over: ReadOnly[str, Any], *, depth: int = 0) -> dict[str, Any]:
    """Lay a file over the one it extends: tables are merged, anything else is replaced.

    A field may override only how it is written: ``phone = { write = "always" }`` keeps the value.
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = _merge(below, value, depth=depth + 1)
        elif depth == 2 and below is not None and _is_manner(value):
            merged[key] = {"value": below, **value}
        else:
            merged[key] = value
    return merged


def _is_manner(value: object) -> bool:
    """Say whether this is a field's table that leaves its value to the mapping it extends."""
    return isinstance(value, dict) and bool(value) and value.keys() <= SPEC - {"value"}


def _digest(data: ReadOnly[str, Any], *, granularity: str) -> str:
    effective = {"granularity": granularity, "mapping": data}
    return sha256(dumps(effective, sort_keys=True, default=str).encode()).hexdigest()
