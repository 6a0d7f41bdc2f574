"""What a daemon on this host knows and the ledger does not: asked of its private listener."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from connector.config.models import Config

_PATIENCE: Final = 1.0
"""Seconds: a look at the status must not wait for a daemon that is in trouble."""
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not to listen on


def add_live(status: dict[str, Any], config: Config) -> None:
    """Add the budgets of a running daemon, and whether it is ready, to a command's status.

    A daemon counts as ours if it holds a destination that our ledger says it holds: another
    program, or another installation's daemon, may listen at the same address.
    """
    live = _ask(config)
    if live is None:
        return
    theirs = live.get("destinations")
    ours = [
        name
        for name, each in status["destinations"].items()
        if each["holder"] is not None
        and isinstance(theirs, Mapping)
        and isinstance(theirs.get(name), Mapping)
        and theirs[name].get("holder") == each["holder"]
    ]
    if not ours or not isinstance(theirs, Mapping):
        return
    for name in ours:
        status["destinations"][name]["budgets"] = theirs[name].get("budgets") or {}
    status["ready"] = bool(live.get("ready"))
    status["reasons"] = list(live.get("reasons") or ())
    status["alerts"] = list(live.get("alerts") or ())


def _ask(config: Config) -> Mapping[str, Any] | None:
    if config.admin.port == 0:
        return None
    host = _EVERYWHERE.get(config.admin.host, config.admin.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    token = config.admin.token
    headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}
    url = f"http://{host}:{config.admin.port}/healthz"
    try:
        with httpx.Client(trust_env=False, timeout=_PATIENCE) as client:
            answer = client.get(url, headers=headers).json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return answer if isinstance(answer, Mapping) else None
