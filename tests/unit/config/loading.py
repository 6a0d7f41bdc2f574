"""Small configurations, and the adapters they are of."""

from collections.abc import Callable
from textwrap import dedent

from pydantic import field_validator

from connector.config.models import Config, DestinationSettings
from connector.errors import Problem

ENVIRON = {"APP_SECRET": "s3cr3t-app", "VERIFY": "s3cr3t-verify", "TOKEN": "s3cr3t-token"}
MINIMAL = dedent("""\
    [whatsapp]
    app_secrets = [{ env = "APP_SECRET" }]
    verify_token = { env = "VERIFY" }
    [[whatsapp.numbers]]
    phone_number_id = "106540352242922"
    name = "Vendas"
    [destinations.sales]
    adapter = "fast"
    token = { env = "TOKEN" }
    """)


class FastSettings(DestinationSettings):
    """The settings of an adapter with a key of its own."""

    speed: int = 1

    @field_validator("speed")
    @classmethod
    def _check_speed(cls, speed: int) -> int:
        if speed > 10:
            raise ValueError("is more than this CRM stands")
        return speed


class GuardedSettings(DestinationSettings):
    """The settings of an adapter that has to prove who it is."""

    needs_token = True


MODELS: dict[str, type[DestinationSettings]] = {"fast": FastSettings, "guarded": GuardedSettings}
Load = Callable[..., Config]
Complaints = Callable[..., dict[str, Problem]]
