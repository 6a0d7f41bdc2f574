"""Until when Meta serves each version of its Graph API."""

from datetime import date, timedelta
from typing import Final

from connector.runtime.finding import Finding

ENDS: Final[dict[str, date | None]] = {
    "v26.0": None,
    "v25.0": date(2028, 7, 29),
    "v24.0": date(2028, 2, 18),
    "v23.0": date(2027, 10, 8),
    "v22.0": date(2027, 5, 20),
    "v21.0": date(2027, 1, 21),
    "v20.0": date(2026, 9, 24),
}
"""The day, as Meta's changelog of November 2026 gives it; ``None`` where it does not yet."""

WARNING: Final = timedelta(days=90)
"""How long before the end there is a warning."""


def judge_version(version: str, *, today: date) -> Finding:
    """Say whether a version is served still, and for how long."""
    name = "whatsapp.graph_version"
    newest = max(ENDS, key=_number)
    remedy = f'set graph_version = "{newest}" in [whatsapp]'
    if version not in ENDS:
        if _number(version) > _number(newest):
            return Finding(name, "ok", f"{version} is newer than this program knows")
        return Finding(name, "fail", f"Meta serves {version} no more", remedy)
    end = ENDS[version]
    if end is None:
        return Finding(name, "ok", f"{version}, the newest")
    if end <= today:
        return Finding(name, "fail", f"Meta serves {version} no more, since {end}", remedy)
    if end - today <= WARNING:
        return Finding(name, "warn", f"Meta serves {version} until {end}", remedy)
    return Finding(name, "ok", f"{version}, served until {end}")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))
