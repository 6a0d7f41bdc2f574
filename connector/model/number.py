"""One of our own WhatsApp numbers, as mappings and deliveries see it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """A number the operator configured."""

    name: str
    """The operator's word for it, such as ``Vendas``."""
    phone: str | None = None
    """E.164 with ``+``, once a webhook has shown it."""
    country: str | None = None
    """ISO 3166 code: how a local number in a chat or a CRM is read."""
