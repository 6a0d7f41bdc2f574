"""Options that many commands take: where the configuration is, and JSON instead of words."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Given:
    """What was said before or after the command."""

    config_file: Path | None = None
    as_json: bool = False


def given(context: click.Context) -> Given:
    """Return what this call was given."""
    return context.find_root().ensure_object(Given)


def config_option(function: F) -> F:
    """Take ``--config FILE``."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        expose_value=False,
        callback=_keep_config,
        help="The configuration; without it $CONNECTOR_CONFIG, then ./config.toml.",
    )(function)


def json_option(function: F) -> F:
    """Take ``--json``."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_keep_json,
        help="One JSON object on stdout, for programs.",
    )(function)


def limit_option(function: F) -> F:
    """Take ``--limit N``, of a list."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=100,
        show_default=True,
        metavar="N",
        help="Show so many at most.",
    )(function)


def _keep_config(context: click.Context, _option: click.Parameter, value: Path | None) -> None:
    if value is not None:
        given(context).config_file = value


def _keep_json(context: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it so
    if value:
        given(context).as_json = True
