"""The example configuration, wherever the connector was installed from."""

from pathlib import Path
from typing import Final

_NAME: Final = "config.example.toml"


def read_example() -> str:
    """Return ``config.example.toml``: in a wheel it lies beside this file, else at the top."""
    here = Path(__file__)
    packaged = here.with_name(_NAME)
    return (packaged if packaged.is_file() else here.parents[2] / _NAME).read_text(encoding="utf-8")
