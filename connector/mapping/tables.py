"""The tables of a mapping file, checked and made into what the rest works with."""

from collections.abc import Collection, Sequence
from collections.abc import Mapping as ReadOnly
from datetime import date, datetime, time
from difflib import get_close_matches
from math import isfinite
from typing import Any, Final, cast, get_args

from connector.config.section import nearest_name
from connector.errors import Problem
from connector.mapping.models import (
    ContactMapping,
    Field,
    Granularity,
    MessageMapping,
    OnMany,
    Value,
    Write,
    locate_problem,
)
from connector.mapping.source import Source
from connector.mapping.vocabulary import VOCABULARIES, Part
from connector.template.reading import is_template, read_template

Path = tuple[str | int, ...]

SPEC: Final = frozenset({"value", "write", "required"})
"""The keys of a field that says more than its value."""

_CONTACT: Final = ("object", "key", "match", "on_many", "fields")
_MESSAGE: Final = ("object", "key", "granularity", "fields", "associate")
_SECTIONS: Final = {"contact": _CONTACT, "message": _MESSAGE}
_ASSOCIATED: Final = ("deal", "ticket")

_REST: Final = "rest"
_REST_TABLES: Final = ("auth", "limits", "ping", "setup", "errors")
_REST_KEYS: Final = (
    *("once", "on_doubt", "key_ttl"),
    *("find", "read", "lookup", "create", "update", "put", "list", "delete"),
)
_ONCE: Final = ("put", "header", "lookup", "none")
_ON_DOUBT: Final = ("park", "repeat")

_SLIP: Final = 0.7
"""How alike an unknown key and a known one must be to be taken for a slip of the pen."""


class Tables:
    """One reading of a mapping's merged tables; ``problems`` collects all that is wrong."""

    def __init__(
        self, sources: Sequence[Source], data: ReadOnly[str, Any], *, adapter: str
    ) -> None:
        self.problems: list[Problem] = []
        self._sources = sources
        self._data = data
        self._adapter = adapter
        self._rest = adapter == _REST

    def read(self) -> tuple[ContactMapping | None, MessageMapping | None, dict[str, Any]]:
        """Return the two sections, ``None`` where one cannot be made, and what is left to REST."""
        self._check_keys((), self._data, ("contact", "message"), _REST_TABLES)
        tables = {name: self._section(name, known) for name, known in _SECTIONS.items()}
        contact, message = self._contact(tables["contact"]), self._message(tables["message"])
        requests = {key: each for key, each in self._data.items() if key in _REST_TABLES}
        for name, mapping in (("contact", contact), ("message", message)):
            if self._rest and mapping is not None:
                requests[name] = {**tables[name], "fields": tuple(mapping.fields)}
        return contact, message, requests

    def _section(self, name: str, known: Collection[str]) -> ReadOnly[str, Any]:
        section = self._data.get(name)
        if not isinstance(section, dict):
            what = "is missing" if section is None else "is not a table"
            self._complain((name,), what, expected=f"a table [{name}]")
            return {}
        self._check_keys((name,), section, known, _REST_KEYS)
        return section

    def _contact(self, section: ReadOnly[str, Any]) -> ContactMapping | None:
        path = ("contact",)
        name = self._text(path, section, "object", required=bool(section))
        match = section.get("match", ["phone"])
        if match not in ([], ["phone"]):
            self._complain((*path, "match"), "cannot be matched by", expected='["phone"] or []')
        found = ContactMapping(
            object=name or "",
            key=self._text(path, section, "key"),
            match=tuple(match) if isinstance(match, list) else (),
            on_many=cast("OnMany", self._word(path, section, "on_many", get_args(OnMany))),
            fields=self._fields(path, section, "contact"),
            once=self._once(path, section),
            on_doubt=self._word(path, section, "on_doubt", _ON_DOUBT, default=None),
        )
        return found if name else None

    def _message(self, section: ReadOnly[str, Any]) -> MessageMapping | None:
        path = ("message",)
        name = self._text(path, section, "object", required=bool(section))
        default = "conversation" if self._adapter == "pipedrive" else "message"
        granularity = cast(
            "Granularity",
            self._word(path, section, "granularity", get_args(Granularity), default=default),
        )
        found = MessageMapping(
            object=name or "",
            key=self._text(path, section, "key"),
            granularity=granularity,
            fields=self._fields(path, section, granularity),
            associate=self._associate((*path, "associate"), section.get("associate", {})),
            once=self._once(path, section),
            on_doubt=self._word(path, section, "on_doubt", _ON_DOUBT, default=None),
        )
        return found if name else None

    def _once(self, path: Path, section: ReadOnly[str, Any]) -> str | None:
        if self._rest and section and "once" not in section:
            self._complain((*path, "once"), "is missing", expected=_choice(_ONCE))
        return self._word(path, section, "once", _ONCE, default=None)

    def _associate(self, path: Path, raw: object) -> dict[str, str]:
        if not isinstance(raw, dict):
            self._complain(path, "is not a table", expected='such as deal = "newest_open"')
            return {}
        if self._rest and raw:
            self._complain(path, "is not for a REST mapping, which has no search for deals")
        for name, which in raw.items():
            if name not in _ASSOCIATED:
                self._unknown((*path, name), _ASSOCIATED)
            elif which != "newest_open":
                self._complain((*path, name), "is unknown", expected='"newest_open"')
        return raw

    def _fields(self, path: Path, section: ReadOnly[str, Any], part: Part) -> dict[str, Field]:
        raw = section.get("fields", {})
        path = (*path, "fields")
        if not isinstance(raw, dict):
            self._complain(path, "is not a table", expected="a table of fields")
            return {}
        fields = {name: self._field((*path, name), each, part) for name, each in raw.items()}
        return {name: field for name, field in fields.items() if field and field.value != ""}

    def _field(self, path: Path, raw: object, part: Part) -> Field | None:
        if not isinstance(raw, dict) or not self._says_more(raw):
            return Field(self._value(path, raw, part))
        for key in raw.keys() - SPEC:
            self._unknown((*path, key), SPEC)
        if "value" not in raw:
            self._complain(path, "has no value", expected='value = "{{ … }}"')
            return None
        required = raw.get("required", False)
        if not isinstance(required, bool):
            self._complain((*path, "required"), "is not yes or no", expected="true or false")
        value = raw["value"]
        return Field(
            self._value(path if isinstance(value, str) else (*path, "value"), value, part),
            write=cast("Write", self._word(path, raw, "write", get_args(Write))),
            required=required is True,
        )

    def _says_more(self, raw: ReadOnly[str, Any]) -> bool:
        """Tell a field's own table from a table that is the value, which only REST has."""
        if not self._rest or raw.keys() <= SPEC:
            return True
        others = raw.keys() - SPEC
        return "value" in raw and any(get_close_matches(key, SPEC, 1, _SLIP) for key in others)

    def _value(self, path: Path, raw: object, part: Part) -> Value:
        match raw:
            case str() if is_template(raw):
                template, faults = read_template(raw, VOCABULARIES[part])
                for fault in faults:
                    self._complain(
                        path, fault.message, expected=fault.expected, nearest=fault.nearest
                    )
                return template
            case list():
                return [self._value((*path, at), each, part) for at, each in enumerate(raw)]
            case dict():
                return {key: self._value((*path, key), each, part) for key, each in raw.items()}
            case _:
                return self._constant(path, raw)

    def _constant(self, path: Path, raw: object) -> str | int | float | bool | datetime:
        match raw:
            case datetime(tzinfo=zone) if zone is not None:
                return raw
            case date() | time():
                return raw.isoformat()
            case float() if not isfinite(raw):
                self._complain(path, "is not a number a CRM takes", expected="a finite number")
                return ""
            case str() | int() | float():
                return raw
            case _:
                self._complain(path, "is not a value", expected="a text, number, list or table")
                return ""

    def _text(
        self, path: Path, table: ReadOnly[str, Any], key: str, *, required: bool = False
    ) -> str | None:
        raw = table.get(key)
        if isinstance(raw, str) and raw.strip():
            return raw
        if raw is not None or required:
            what = "is missing" if raw is None else "is not a name"
            self._complain((*path, key), what, expected="a name that the CRM knows")
        return None

    def _word(
        self,
        path: Path,
        table: ReadOnly[str, Any],
        key: str,
        words: Sequence[str],
        *,
        default: str | None = "",
    ) -> str | None:
        """Return one of a few words; without a default of its own, the first is the default."""
        raw = table.get(key)
        standard = words[0] if default == "" else default
        if raw is None:
            return standard
        if isinstance(raw, str) and raw in words:
            return raw
        self._complain(
            (*path, key),
            "is unknown",
            expected=_choice(words),
            nearest=nearest_name(raw, words) if isinstance(raw, str) else None,
        )
        return standard

    def _check_keys(
        self,
        path: Path,
        table: ReadOnly[str, Any],
        known: Collection[str],
        left_to_rest: Collection[str],
    ) -> None:
        """Refuse unknown keys; of a REST mapping only those that look like a slip of the pen."""
        names = (*known, *(left_to_rest if self._rest else ()))
        for key in table:
            if key in names:
                continue
            if not self._rest or get_close_matches(key, names, 1, _SLIP):
                self._unknown((*path, key), names)

    def _unknown(self, path: Path, names: Collection[str]) -> None:
        self._complain(
            path,
            "unknown key",
            expected=", ".join(sorted(names)),
            nearest=nearest_name(path[-1], names),
        )

    def _complain(
        self,
        path: Path,
        message: str,
        *,
        expected: str | None = None,
        nearest: str | None = None,
    ) -> None:
        self.problems.append(
            locate_problem(self._sources, path, message, expected=expected, nearest=nearest)
        )


def _choice(words: Sequence[str]) -> str:
    return " or ".join(f'"{word}"' for word in words)
