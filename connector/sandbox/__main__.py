"""``python -m connector.sandbox hubspot|pipedrive|rest``: a sandbox CRM as its own process."""

import argparse
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from starlette.types import ASGIApp

from connector.sandbox import hubspot, pipedrive, rest
from connector.sandbox.control import Tokens
from connector.sandbox.server import run_process


class _Records(Protocol):
    def close(self) -> None: ...


class _Crm(NamedTuple):
    """What is run: an application, who may call it, and where its records are."""

    app: ASGIApp
    tokens: Tokens
    records: _Records


class _Kind(NamedTuple):
    summary: str
    token_prefix: str
    open: Callable[[str, str, int], _Crm]
    """Makes one of a data file, its settings in JSON, and a seed."""


def _open_hubspot(data: str, settings: str, seed: int) -> _Crm:
    portal = hubspot.Portal(
        data, settings=hubspot.Settings.model_validate_json(settings), seed=seed
    )
    return _Crm(hubspot.build_app(portal, seed=seed), portal.access, portal.store)


def _open_pipedrive(data: str, settings: str, seed: int) -> _Crm:
    company = pipedrive.Company(
        data, settings=pipedrive.Settings.model_validate_json(settings), seed=seed
    )
    return _Crm(pipedrive.build_app(company, seed=seed), company.access, company.store)


def _open_rest(data: str, settings: str, seed: int) -> _Crm:
    account = rest.Account(data, settings=rest.Settings.model_validate_json(settings))
    return _Crm(rest.build_app(account, seed=seed), account.access, account.store)


_KINDS: Final[Mapping[str, _Kind]] = {
    "hubspot": _Kind("a HubSpot account on the dated API", "pat-na1-", _open_hubspot),
    "pipedrive": _Kind("a Pipedrive company, v2 and v1", "", _open_pipedrive),
    "rest": _Kind("a plain REST CRM", "", _open_rest),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sandbox CRM that the command line names, until SIGTERM.

    Prints ``{"url": ...}`` in one line on stdout once it listens.
    """
    parser = argparse.ArgumentParser(prog="python -m connector.sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="CRM", dest="crm")
    for name, kind in _KINDS.items():
        _add_options(commands.add_parser(name, help=kind.summary))
    options = parser.parse_args(arguments)

    chosen = _KINDS[options.crm]
    crm = chosen.open(options.data, options.settings, options.seed)
    if options.token_file is not None:
        crm.tokens.grant(read_token(options.token_file, prefix=chosen.token_prefix))
    if options.token is not None:
        crm.tokens.grant(options.token)
    try:
        run_process(crm.app, options.port)
    finally:
        crm.records.close()


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=int, default=0, help="0 takes a free one")
    command.add_argument("--data", default=":memory:", help="the SQLite file of its records")
    command.add_argument(
        "--token-file",
        type=Path,
        help="holds the token it accepts; written, with a new one, where it does not exist",
    )
    command.add_argument("--token", help="another token it accepts")
    command.add_argument(
        "--set",
        dest="settings",
        default="{}",
        help='settings as a JSON object, such as {"index_lag": 0}',
    )
    command.add_argument("--seed", type=int, default=0, help="decides every chance it takes")


def read_token(path: Path, *, prefix: str) -> str:
    """Return the token in a file; makes one, readable by its owner alone, if there is none."""
    if path.exists():
        return path.read_text("utf-8").strip()
    token = f"{prefix}{secrets.token_hex(16 if prefix else 20)}"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    return token


if __name__ == "__main__":
    main()
