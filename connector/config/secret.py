"""Secrets: named in the configuration, never written there."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import GetCoreSchemaHandler, PlainValidator, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from connector.config.section import complain, nearest_name, surroundings
from connector.errors import ConfigError, Problem

_REFERENCE: Final = '{ env = "NAME" } or { file = "path" }'
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Secret:
    """Where a secret is kept. It is read again at each ``reveal``, so that it can be replaced."""

    __slots__ = ("_environ", "env", "file")

    def __init__(
        self,
        *,
        env: str | None = None,
        file: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        if (env is None) == (file is None):
            raise ValueError("a secret is either in a variable or in a file")
        self.env: Final = env
        self.file: Final = file
        self._environ: Final = os.environ if environ is None else environ

    @property
    def source(self) -> str:
        """Say where the secret is, without what it is: ``env NAME`` or ``file PATH``."""
        return f"env {self.env}" if self.env is not None else f"file {self.file}"

    def reveal(self) -> str:
        """Read the secret; a file loses the line break at its end.

        Raises ``ConfigError`` if it is not there, is empty, or has control characters within,
        which would otherwise end up in an HTTP library's error message, secret and all.
        """
        text = self._read()
        if not text:
            raise self._error("is empty")
        if _CONTROL.search(text):
            raise self._error("holds a line break or another control character")
        return text

    def _read(self) -> str:
        if self.env is not None:
            try:
                return self._environ[self.env]
            except KeyError:
                raise self._error("is not set") from None
        try:
            text = Path(str(self.file)).read_text(encoding="utf-8")
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise self._error("is not text in UTF-8") from None
        return text.removesuffix("\n").removesuffix("\r")

    def _error(self, what: str) -> ConfigError:
        if self.env is not None:
            return ConfigError(
                [Problem("environment", self.env, what)],
                remedy=f"set the environment variable {self.env}",
            )
        return ConfigError(
            [Problem(str(self.file), "", what)], remedy=f"write the secret to {self.file}"
        )

    def __repr__(self) -> str:
        return f"<secret {self.source}>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take a table of the configuration; see ``_parse_secret``."""
        return core_schema.with_info_plain_validator_function(
            _parse_secret, serialization=core_schema.to_string_ser_schema()
        )


def _parse_secret(value: object, info: core_schema.ValidationInfo) -> Secret:
    """Turn ``{ env = "NAME" }`` or ``{ file = "path" }`` into a secret that can be read now."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        raise complain(
            "a secret may not be written here as plain text, because this file ends up in "
            "backups, tickets and version control",
            expected=_REFERENCE,
        )
    if not isinstance(value, dict):
        raise complain("is not a reference to a secret", expected=_REFERENCE)
    for key in value:
        if key not in {"env", "file"}:
            raise complain(
                "is not a key of a secret",
                key=(key,),
                expected=_REFERENCE,
                nearest=nearest_name(key, ("env", "file")),
            )
    if len(value) != 1:
        raise complain("names not exactly one place", expected=_REFERENCE)
    [(kind, place)] = value.items()
    if not isinstance(place, str) or not place:
        raise complain("is not a name", key=(kind,), expected=_REFERENCE)
    around = surroundings(info)
    if kind == "env" and not _VARIABLE.fullmatch(place):
        raise complain(
            "is no name that an environment variable can have",
            key=("env",),
            expected="letters, digits and _, such as HUBSPOT_TOKEN",
        )
    secret = (
        Secret(env=place, environ=around.environ)
        if kind == "env"
        else Secret(file=around.folder / place)
    )
    try:
        secret.reveal()
    except ConfigError as error:
        what = error.problems[0].message
        where = "the environment variable" if kind == "env" else "the file"
        name = secret.env if kind == "env" else secret.file
        raise complain(f"{where} {name} {what}", key=(kind,)) from None
    return secret


def reveal(value: str | Secret) -> str:
    """Return a text that may, but need not, be kept as a secret."""
    return value.reveal() if isinstance(value, Secret) else value


def _parse_text_or_secret(value: object, info: ValidationInfo) -> str | Secret:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict | Secret):
        return _parse_secret(value, info)
    raise complain("is not a text", expected=f"a text in quotes, or {_REFERENCE}")


TextOrSecret = Annotated[str | Secret, PlainValidator(_parse_text_or_secret)]
"""A user name or an address: harmless for one company, confidential for another."""
