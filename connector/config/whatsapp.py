"""The WhatsApp side of the configuration: the Meta app, and our numbers."""

from typing import Annotated, Literal

from pydantic import Field

from connector.config.addresses import HttpsUrl
from connector.config.paths import LabelsReference
from connector.config.secret import Secret
from connector.config.section import Name, Section

MetaId = Annotated[str, Field(pattern=r"^[0-9]{1,32}$")]


class NumberSettings(Section):
    """One of our WhatsApp numbers."""

    phone_number_id: MetaId = Field(
        description="the number's id in Meta's dashboard: digits in quotes"
    )
    waba_id: MetaId | None = Field(
        default=None, description="the account's id in Meta's dashboard: digits in quotes"
    )
    name: Name = Field(description='a name of your own, such as "Vendas"')
    country: str = Field(
        default="BR", pattern=r"^[A-Z]{2}$", description='two capital letters such as "BR"'
    )


class WhatsappSettings(Section):
    """The WhatsApp side."""

    portfolio: Name = "default"
    app_secrets: Annotated[tuple[Secret, ...], Field(strict=False, min_length=1)] = Field(
        description='a list such as [{ env = "WHATSAPP_APP_SECRET" }]'
    )
    verify_token: Secret = Field(description='{ env = "WHATSAPP_VERIFY_TOKEN" }')
    access_token: Secret | None = None
    graph_url: HttpsUrl = "https://graph.facebook.com"
    graph_version: str = Field(
        default="v25.0",
        pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$",
        description='a version such as "v25.0"',
    )
    language: Literal["pt-BR", "en"] = "pt-BR"
    labels: LabelsReference = None
    numbers: Annotated[tuple[NumberSettings, ...], Field(strict=False, min_length=1)] = Field(
        description="at least one [[whatsapp.numbers]]"
    )
