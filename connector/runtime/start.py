"""``connector init``: a first configuration and mapping, made of the example's own lines."""

import os
import re
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from connector.config.example import read_example
from connector.config.load import load_config
from connector.config.paths import SHIPPED, shipped_mappings
from connector.crm.registry import find_adapters, load_adapter, settings_models
from connector.errors import ConfigError, ConnectorError, Problem

Keeping = Literal["env", "file"]
"""Where secrets are: environment variables, or files beside the configuration."""

APP_SECRET: Final = "Meta's app secret"  # noqa: S105 - what it is called
VERIFY_TOKEN: Final = "the verify token"  # noqa: S105 - likewise
ACCESS_TOKEN: Final = "the access token for Meta"  # noqa: S105 - likewise
_FOLDER: Final = "secrets"
_COMMENT_AT: Final = 44
_HEAD: Final = (
    "# Made by `connector init`. Every other setting, with its default, is in config.example.toml.",
    "# Secrets do not stand here: only where they are.",
)


class ExistsError(ConnectorError):
    """A file that would be written is there already."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a first configuration has to know."""

    adapter: str
    phone_number_id: str
    waba_id: str | None
    name: str
    country: str
    time_zone: str
    mapping: str | None
    """A shipped mapping to copy; ``None`` for the adapter's own."""
    base_url: str | None = None
    keeping: Keeping = "env"
    username: str | None = None
    """For a CRM that wants a user and a password."""
    access_token: bool = False
    """Whether there is, or will be, an access token for Meta."""
    graph_url: str | None = None
    """Where Meta's Graph API is, if not where all are."""

    @property
    def shipped(self) -> str | None:
        """The shipped mapping that is copied, if there is one."""
        return self.mapping or load_adapter(self.adapter).mapping


@dataclass(slots=True)
class Begun:
    """What was written, and which secrets are still to be put where."""

    files: list[Path] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """By what the secret is: the variable's name or the file's path. Kept ones are not among it."""


def installed_adapters() -> list[str]:
    """Return the names of the adapters to choose from."""
    return sorted(find_adapters())


def mappings_of(adapter: str) -> list[str]:
    """Return the shipped mappings that an adapter without one of its own may use."""
    return [name for name in shipped_mappings() if name.startswith(f"{adapter}/")]


def needs_address(adapter: str) -> bool:
    """Say whether an adapter has to be told where its CRM is."""
    return load_adapter(adapter).settings_model.default_base_url is None


def wants_user(adapter: str, mapping: str | None) -> bool:
    """Say whether a CRM is signed in to with a user and a password rather than with a token."""
    reference = mapping or load_adapter(adapter).mapping
    if reference is None:
        return False
    shipped = tomllib.loads((SHIPPED / f"{reference}.toml").read_text(encoding="utf-8"))
    return (shipped.get("auth") or {}).get("kind") == "basic"


def begin(file: Path, answers: Answers, given: Mapping[str, str] | None = None) -> Begun:
    """Write a configuration, a copy of the mapping and, where wanted, a folder for secrets.

    ``given`` are the secrets that are known, by what they are (``secret_names``); they are written
    where secrets are kept in files, for their owner alone to read.

    Raises ``ExistsError`` before anything is written where a file is there already, and
    ``ConfigError`` where the answers do not make a valid configuration.
    """
    folder = file.absolute().parent
    shipped = answers.shipped
    copy = None if shipped is None else folder / "mappings" / f"{shipped}.toml"
    _refuse_existing(file, copy)
    begun = Begun(places=_places(answers))
    _try_out(file, answers)
    folder.mkdir(parents=True, exist_ok=True)
    if answers.keeping == "file":
        begun.files += _keep_secrets(folder, begun, given or {})
    if copy is not None:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((SHIPPED / f"{shipped}.toml").read_bytes())
        begun.files.append(copy)
    file.write_text(compose(answers), encoding="utf-8")
    begun.files.append(file)
    return begun


def _refuse_existing(*files: Path | None) -> None:
    for file in files:
        if file is not None and file.exists():
            raise ExistsError(
                f"{file} exists already, and is left as it is",
                remedy="move it away, or name another file with --config",
            )


def _keep_secrets(folder: Path, begun: Begun, given: Mapping[str, str]) -> Iterator[Path]:
    """Write what is known; the verify token is made up, since only Meta has to be told it."""
    (folder / _FOLDER).mkdir(mode=0o700, exist_ok=True)
    known = {VERIFY_TOKEN: secrets.token_hex(24), **given}
    for what, place in list(begun.places.items()):
        path = folder / place
        if what not in known:
            continue
        if not path.exists():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(path, flags, 0o600), "w") as file:
                file.write(known[what] + "\n")
        if what in given:
            del begun.places[what]
        yield path


def crm_secret(answers: Answers) -> str:
    """Return what the CRM's secret is called among the places."""
    word = "token" if answers.username is None else "password"
    return f"the {word} of {answers.adapter}"


def _places(answers: Answers) -> dict[str, str]:
    word = "TOKEN" if answers.username is None else "PASSWORD"
    names = {
        APP_SECRET: "WHATSAPP_APP_SECRET",
        VERIFY_TOKEN: "WHATSAPP_VERIFY_TOKEN",
        crm_secret(answers): f"{answers.adapter.upper()}_{word}",
    }
    if answers.access_token:
        names[ACCESS_TOKEN] = "WHATSAPP_ACCESS_TOKEN"
    if answers.keeping == "env":
        return names
    return {
        what: f"{_FOLDER}/{name.lower().removeprefix('whatsapp_')}" for what, name in names.items()
    }


def _references(answers: Answers) -> dict[str, str]:
    return {
        what: f'{{ {answers.keeping} = "{place}" }}' for what, place in _places(answers).items()
    }


def compose(answers: Answers) -> str:
    """Return the text of the configuration."""
    return "\n".join([*_HEAD, *_compose(answers)]) + "\n"


def _compose(answers: Answers) -> Iterator[str]:
    references = _references(answers)
    example = _Example(read_example())
    yield from example.table(
        "whatsapp",
        {
            "app_secrets": f"[{references[APP_SECRET]}]",
            "verify_token": references[VERIFY_TOKEN],
            "access_token": references.get(ACCESS_TOKEN),
            "graph_url": None if answers.graph_url is None else _text(answers.graph_url),
        },
    )
    number = {
        "phone_number_id": _text(answers.phone_number_id),
        "waba_id": None if answers.waba_id is None else _text(answers.waba_id),
        "name": _text(answers.name),
        "country": _text(answers.country),
    }
    yield from example.table("whatsapp.numbers", number, repeated=True)
    shipped = answers.shipped
    destination = {
        "adapter": _text(answers.adapter),
        "mapping": None if shipped is None else _text(f"mappings/{shipped}.toml"),
        "base_url": None if answers.base_url is None else _text(answers.base_url),
        "username": None if answers.username is None else _text(answers.username),
        "token" if answers.username is None else "password": references[crm_secret(answers)],
    }
    yield from example.table(
        "destinations.hubspot", destination, called=f"destinations.{answers.adapter}"
    )
    yield from example.table("schedule", {"timezone": _text(answers.time_zone)})


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Example:
    """The example configuration, asked for the comments of its lines."""

    def __init__(self, source: str) -> None:
        self._comments: dict[tuple[str, str], str] = {}
        table = ""
        for line in source.splitlines():
            header = re.match(r"#?\[+([\w.]+)\]+", line)
            key = re.match(r"#?(\w+) = ", line)
            comment = re.search(r"\s(# .*)$", line)
            text = "" if comment is None else comment[1]
            if header:
                table = header[1]
                self._comments.setdefault((table, ""), text)
            elif key:
                self._comments.setdefault((table, key[1]), text)

    def table(
        self,
        name: str,
        values: Mapping[str, str | None],
        *,
        repeated: bool = False,
        called: str | None = None,
    ) -> Iterator[str]:
        """Yield a table with these values as TOML; what is ``None`` is left out."""
        title = f"[{called or name}]"
        yield ""
        yield self._line(f"[{title}]" if repeated else title, name, "")
        for key, value in values.items():
            if value is not None:
                yield self._line(f"{key} = {value}", name, key)

    def _line(self, code: str, table: str, key: str) -> str:
        comment = self._comments.get((table, key), "")
        return f"{code:<{_COMMENT_AT - 1}} {comment}".rstrip()


def _try_out(file: Path, answers: Answers) -> None:
    """Read what would be written, with made-up secrets, so that a wrong answer is told now."""
    plain = replace(answers, keeping="env")
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft.write_text(compose(plain), encoding="utf-8")
        load_config(
            draft,
            settings_models=settings_models(),
            environ=dict.fromkeys(_places(plain).values(), "made-up"),
        )
    except ConfigError as error:
        problems = [
            Problem("", each.key, each.message, None, each.expected, each.nearest)
            for each in error.problems
        ]
        raise ConfigError(problems, remedy="answer that differently") from None
    finally:
        draft.unlink(missing_ok=True)
