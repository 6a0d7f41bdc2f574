"""Reading the configuration: every problem at once, each with its place in the file."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from connector.config.models import Config, DestinationSettings
from connector.config.problems import Finding, KeyPath, find_problems
from connector.config.section import Surroundings, nearest_name
from connector.errors import ConfigError, Problem

_VARIABLE: Final = "CONNECTOR_CONFIG"
_REMEDY: Final = "run `connector init` to make one, or name it with --config FILE"
_LET_READ: Final = "let the user that runs the connector read the file; `ls -l` says who may"
_MEND: Final = "mend the file, then run `connector check`"
_DESTINATION_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class _AnyDestination(DestinationSettings, extra="ignore"):
    """A destination of an unknown adapter, which may have keys beyond the common ones."""


def find_config(option: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the file to read: the option's, else ``$CONNECTOR_CONFIG``, else ``./config.toml``.

    Raises ``ConfigError`` if it is not there.
    """
    named = environ.get(_VARIABLE)
    path = option or (Path(named) if named else Path("config.toml"))
    if path.exists():
        return path
    if option is None and named:
        raise ConfigError(
            [Problem(named, "", f"does not exist, but ${_VARIABLE} names it")], remedy=_REMEDY
        )
    raise ConfigError([Problem(str(path), "", "does not exist")], remedy=_REMEDY)


def load_config(
    path: Path,
    *,
    settings_models: Mapping[str, type[DestinationSettings]],
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """Read and check a configuration; ``settings_models`` are the adapters', by adapter name.

    Raises ``ConfigError`` with everything that is wrong. Secrets are read once, to see that they
    are there, and looked up in ``environ`` again whenever they are revealed.
    """
    source = _read(path)
    data = _parse(source, file=str(path))
    around = Surroundings(folder=path.absolute().parent, environ=environ)
    findings = [*_find_clashes(data)]
    destinations, found = _load_destinations(data, settings_models, around)
    findings += found

    known = {key: value for key, value in data.items() if key not in {"file", "destinations"}}
    if "file" in data:
        findings.append(Finding(("file",), "is not a known key"))
    if "destinations" in data:
        known["destinations"] = destinations
    for section, field in Config.model_fields.items():
        if not field.is_required():  # so that its defaults are read beside this file, too
            known.setdefault(section, {})
    try:
        config = Config.model_validate(
            {**known, "file": path.absolute()}, context={"surroundings": around}
        )
    except ValidationError as error:
        findings += find_problems(error, Config)
    if findings:
        problems = [finding.at(str(path), source) for finding in findings]
        problems.sort(key=lambda problem: (problem.line or 0, problem.key))
        raise ConfigError(problems, remedy=_MEND)
    return config


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), "", "does not exist")], remedy=_REMEDY) from None
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ConfigError([Problem(str(path), "", what)], remedy=_LET_READ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = Problem(str(path), "", "is not text in UTF-8", line=line)
        raise ConfigError([problem], remedy="save the file as UTF-8") from None


def _parse(source: str, *, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        message = str(error) if place is None else str(error)[: place.start()]
        line = place and (int(place[1]) if place[1] else source.count("\n") + 1)
        problem = Problem(file, "", f"is not valid TOML: {message}", line=line)
        raise ConfigError([problem], remedy=_MEND) from None
    except (RecursionError, ValueError):  # not what TOML's own errors are: nesting, long numbers
        problem = Problem(file, "", "is not valid TOML: too deeply nested, or a number too long")
        raise ConfigError([problem], remedy=_MEND) from None


def _load_destinations(
    data: Mapping[str, Any],
    settings_models: Mapping[str, type[DestinationSettings]],
    around: Surroundings,
) -> tuple[dict[str, DestinationSettings], list[Finding]]:
    tables = data.get("destinations")
    if tables is None:
        return {}, []  # reported as missing with the rest
    form = "a table such as [destinations.hubspot]"
    if not isinstance(tables, dict) or not tables:
        return {}, [Finding(("destinations",), "holds no destination", form)]
    settings: dict[str, DestinationSettings] = {}
    findings: list[Finding] = []
    for name, table in tables.items():
        path: KeyPath = ("destinations", name)
        if not _DESTINATION_NAME.fullmatch(name):
            findings.append(
                Finding(path, "cannot be a destination's name", "letters, digits, - and _")
            )
        if not isinstance(table, dict):
            findings.append(Finding(path, "is not a table", form))
            continue
        model = settings_models.get(str(table.get("adapter")), _AnyDestination)
        try:
            settings[name] = model.model_validate(table, context={"surroundings": around})
        except ValidationError as error:
            findings += find_problems(error, model, under=path)
        findings += _find_unknown_adapter(table, path, settings_models)
    return settings, findings


def _find_unknown_adapter(
    table: Mapping[str, Any],
    path: KeyPath,
    settings_models: Mapping[str, type[DestinationSettings]],
) -> Iterator[Finding]:
    adapter = table.get("adapter")
    if isinstance(adapter, str) and adapter not in settings_models:
        yield Finding(
            (*path, "adapter"),
            "is not an installed adapter",
            " or ".join(f'"{name}"' for name in sorted(settings_models)) or "an installed one",
            nearest_name(adapter, settings_models),
        )


def _find_clashes(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Find what no table can know alone; looks at the raw file, so that nothing else hides it."""
    whatsapp = data.get("whatsapp")
    numbers = whatsapp.get("numbers") if isinstance(whatsapp, dict) else None
    numbers = numbers if isinstance(numbers, list) else []
    seen: dict[tuple[str, str], int] = {}
    for index, number in enumerate(numbers):
        for key in ("name", "phone_number_id"):
            value = number.get(key) if isinstance(number, dict) else None
            if isinstance(value, str) and seen.setdefault((key, value), index) != index:
                yield Finding(
                    ("whatsapp", "numbers", index, key),
                    f"is that of whatsapp.numbers[{seen[key, value]}], too",
                    "a different one for each number",
                )
    names = [value for key, value in seen if key == "name"]
    destinations = data.get("destinations")
    for name, table in destinations.items() if isinstance(destinations, dict) else ():
        wanted = table.get("numbers") if isinstance(table, dict) else None
        for index, value in enumerate(wanted if isinstance(wanted, list) else ()):
            if isinstance(value, str) and value not in names:
                yield Finding(
                    ("destinations", name, "numbers", index),
                    "is not the name of a number",
                    f"one of {', '.join(names)}" if names else "a name from [[whatsapp.numbers]]",
                    nearest_name(value, names),
                )
