"""``python -m connector.sandbox hubspot``: a sandbox CRM as a process of its own."""

import argparse
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from connector.sandbox.hubspot import Portal, Settings, build_app
from connector.sandbox.server import run_process


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sandbox CRM that the command line names, until SIGTERM.

    Prints ``{"url": ...}`` in one line on stdout once it listens.
    """
    parser = argparse.ArgumentParser(prog="python -m connector.sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="CRM")
    hubspot = commands.add_parser("hubspot", help="a HubSpot account on the dated API")
    hubspot.add_argument("--port", type=int, default=0, help="0 takes a free one")
    hubspot.add_argument("--data", default=":memory:", help="the SQLite file of its records")
    hubspot.add_argument(
        "--token-file",
        type=Path,
        help="holds the token it accepts; written, with a new one, where it does not exist",
    )
    hubspot.add_argument("--token", help="another token it accepts")
    hubspot.add_argument(
        "--set",
        dest="settings",
        default="{}",
        help='settings as a JSON object, such as {"index_lag": 0}',
    )
    hubspot.add_argument("--seed", type=int, default=0, help="decides every chance it takes")
    options = parser.parse_args(arguments)

    settings = Settings.model_validate_json(options.settings)
    portal = Portal(options.data, settings=settings, seed=options.seed)
    if options.token_file is not None:
        portal.access.grant(read_token(options.token_file))
    if options.token is not None:
        portal.access.grant(options.token)
    try:
        run_process(build_app(portal, seed=options.seed), options.port)
    finally:
        portal.store.close()


def read_token(path: Path) -> str:
    """Return the token in a file; makes one, readable by its owner alone, if there is none."""
    if path.exists():
        return path.read_text("utf-8").strip()
    token = f"pat-na1-{secrets.token_hex(16)}"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    return token


if __name__ == "__main__":
    main()
