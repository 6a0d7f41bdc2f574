"""``connector mapping test``: a mapping's own examples, event in and record out.

They stand beside a mapping, ``hubspot.tests.toml`` beside ``hubspot.toml``. An example names the
fields it cares about; an empty text means that the field must be left out.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connector.config.paths import SHIPPED, resolve_mapping_path, shipped_mappings
from connector.errors import ConfigError, ConnectorError, Problem
from connector.runtime.preview import Setting, preview_mapping
from connector.runtime.times import rfc3339

SUFFIX: Final = ".tests.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Example(_Strict):
    """One event, and what the mapping is to make of it."""

    name: str
    event: dict[str, Any] | str
    """A webhook's body or the ``value`` of a change, as a table or as JSON."""
    contact: dict[str, Any] = {}
    messages: list[dict[str, Any]] = []


class Examples(_Strict):
    """A file of them, with the settings they count on where these matter."""

    language: Literal["pt-BR", "en"] | None = None
    timezone: str | None = None
    test: list[Example] = Field(min_length=1)


def examples_path(reference: str, *, folder: Path) -> Path:
    """Return where a mapping's examples stand. Raises ``ConnectorError`` if there are none."""
    path = resolve_mapping_path(reference, folder)
    if path is None:
        raise ConnectorError(
            f"there is no mapping {reference}", remedy="name a file, or a shipped mapping"
        )
    beside = path.with_suffix(SUFFIX)
    if not beside.is_file():
        raise ConnectorError(
            f"{reference} has no examples",
            remedy=f"write them into {beside.name} beside it, as mappings/hubspot{SUFFIX} shows",
        )
    return beside


def mappings_with_examples() -> list[str]:
    """Return the shipped mappings that have examples."""
    return [name for name in shipped_mappings() if (SHIPPED / f"{name}{SUFFIX}").is_file()]


def run_examples(
    reference: str, *, folder: Path, adapter: str | None = None, setting: Setting
) -> dict[str, Any]:
    """Run a mapping's examples; return the shape of ``mapping test --json`` for one mapping."""
    path = examples_path(reference, folder=folder)
    examples = _read(path)
    if examples.language is not None:
        setting = _with(setting, language=examples.language)
    if examples.timezone is not None:
        setting = _with(setting, time_zone=ZoneInfo(examples.timezone))
    items = [
        _run(each, reference, folder=folder, adapter=adapter, setting=setting)
        for each in examples.test
    ]
    failed = sum(not each["ok"] for each in items)
    return {"mapping": reference, "tests": len(items), "failed": failed, "items": items}


def _with(setting: Setting, **changes: Any) -> Setting:
    values = {name: getattr(setting, name) for name in Setting.__slots__}
    return Setting(**(values | changes))


def _read(path: Path) -> Examples:
    try:
        return Examples.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(path.name, "", f"is no TOML: {error}")]) from None
    except ValidationError as error:
        raise ConfigError(
            [
                Problem(path.name, ".".join(map(str, each["loc"])), str(each["msg"]))
                for each in error.errors(include_url=False, include_input=False)
            ]
        ) from None


def _run(
    example: Example, reference: str, *, folder: Path, adapter: str | None, setting: Setting
) -> dict[str, Any]:
    event = example.event if isinstance(example.event, str) else json.dumps(example.event)
    try:
        made = preview_mapping(
            reference, folder=folder, adapter=adapter, event=event.encode(), setting=setting
        )
    except ConfigError:
        raise
    except ConnectorError as error:
        return {"name": example.name, "ok": False, "error": str(error), "differences": []}
    [person, *_] = made["samples"]
    differences = list(_differences("contact", example.contact, person["contact"]["fields"]))
    records = [each["fields"] for each in person["messages"]]
    if len(example.messages) > len(records):
        differences.append(
            {
                "record": "messages",
                "field": None,
                "expected": len(example.messages),
                "made": len(records),
            }
        )
    for place, (wanted, fields) in enumerate(zip(example.messages, records, strict=False), start=1):
        differences += _differences(f"message {place}", wanted, fields)
    return {
        "name": example.name,
        "ok": not differences,
        "error": None,
        "differences": differences,
    }


def _differences(
    record: str, wanted: Mapping[str, Any], made: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    for name, value in wanted.items():
        expected = rfc3339(value) if isinstance(value, datetime) else value
        found = made.get(name)
        if found != (None if expected == "" else expected):
            yield {"record": record, "field": name, "expected": expected, "made": found}
