"""What the connector's configuration says of how records read."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from connector.mapping.labels import Labels


@dataclass(frozen=True, slots=True)
class Setting:
    """What views need beside their records."""

    language: str
    time_zone: ZoneInfo
    mask: tuple[str, ...] = ()
    labels: Labels | None = None
