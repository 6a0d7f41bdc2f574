"""The example configuration, wherever the connector was installed from."""

from pathlib import Path


def read_example() -> str:
    """Return ``config.example.toml``, which a link puts beside this file and into the wheel."""
    return Path(__file__).with_name("config.example.toml").read_text(encoding="utf-8")
