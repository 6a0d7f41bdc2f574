"""Which version of the connector this is."""

from importlib.metadata import version
from typing import Final

DISTRIBUTION: Final = "whatsapp-crm-connector"
VERSION: Final = version(DISTRIBUTION)
