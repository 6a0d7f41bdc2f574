"""The named places at which campaigns kill and pause, by what a host does."""

from typing import Final

from connector.failpoints import NAMES

_SELDOM: Final = (
    "lease.before_release",
    "sweep.mid",
    "token.after_refresh",
    "migrate.mid",
    "drain.begun",
)
"""Places that a host under load does not come by; the tests strike them one at a time."""
RECEIVING: Final = tuple(name for name in NAMES if name.startswith("receive."))
WORKING: Final = tuple(name for name in NAMES if name not in (*RECEIVING, *_SELDOM))
