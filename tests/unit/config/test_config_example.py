"""``config.example.toml`` and the settings classes tell the same story."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from connector.config.example import read_example
from connector.config.load import load_config
from connector.config.models import Config, DestinationSettings

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
SOURCE = EXAMPLE.read_text(encoding="utf-8")
EVERYTHING = re.sub(r"(?m)^#(?=\S)", "", SOURCE)
ENVIRON = dict.fromkeys(re.findall(r'env = "(\w+)"', SOURCE), "made-up") | {
    "ALERT_WEBHOOK_URL": "https://alerts.example.com/?key=1"
}
OPTIONAL = {"ledger", "webhook", "admin", "media", "privacy", "schedule", "reconcile"} | {
    "alerts",
    "tuning",
    "log",
}


def _load(source: str, folder: Path) -> Config:
    """Read a configuration as if it stood beside the example's mappings."""
    file = folder / "config.toml"
    file.write_text(source, encoding="utf-8")
    return load_config(file, settings_models={"hubspot": DestinationSettings}, environ=ENVIRON)


@pytest.mark.parametrize("missing", ["", "oauth", "token"])
def test_the_example_is_a_valid_configuration(missing: str, tmp_path: Path) -> None:
    source = EVERYTHING if missing else SOURCE
    source = re.sub(rf"(?m)^{missing} = .*(HUBSPOT_TOKEN|OAUTH_SECRET).*$", "", source)

    config = _load(source, tmp_path)

    assert config.whatsapp.numbers[0].name == "Vendas"
    assert config.destinations["hubspot"].base_url == "https://api.hubapi.com"


def test_every_key_of_the_settings_is_in_the_example_and_no_other() -> None:
    written = set(_keys_of(tomllib.loads(EVERYTHING)))
    known = set(_keys(Config)) - {"file"}

    assert written == known


def test_a_section_that_is_left_out_is_as_the_example_says(tmp_path: Path) -> None:
    required = re.sub(r"(?ms)^\[(\w+)\].*?(?=^\[|\Z)", _keep_whatsapp, SOURCE)

    assert set(re.findall(r"(?m)^\[(\w+)\]", required)) == {"whatsapp"}
    bare, full = _load(required, tmp_path), _load(SOURCE, tmp_path)
    for section in OPTIONAL:
        assert getattr(bare, section) == getattr(full, section)


def test_a_key_of_whatsapp_that_is_left_out_is_as_the_example_says(tmp_path: Path) -> None:
    optional = r"(?m)^(portfolio|graph_url|graph_version|language|country) = .*$"

    bare, full = _load(re.sub(optional, "", SOURCE), tmp_path), _load(SOURCE, tmp_path)

    assert bare.whatsapp == full.whatsapp


def test_the_example_can_be_read_from_an_installation() -> None:
    assert read_example() == SOURCE


def test_every_setting_is_explained_on_its_line() -> None:
    settings = re.findall(r"(?m)^#?(?:\w+ = |\[).*$", SOURCE)

    assert len(settings) > 80
    assert [line for line in settings if not re.search(r"\s# ?\w|\s# \"", line)] == []


def _keep_whatsapp(section: re.Match[str]) -> str:
    return section[0] if section[1] == "whatsapp" else ""


def _keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield the key paths of a settings class; the names of destinations count as ``NAME``."""
    for name, field in model.model_fields.items():
        nested = next(_models_in(field.annotation), None)
        yield name
        prefix = f"{name}.NAME" if name == "destinations" else name
        for key in _keys(nested) if nested else ():
            yield f"{prefix}.{key}"


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _keys_of(value: Any, path: str = "") -> Iterator[str]:
    """Yield the key paths of a file; a secret's ``env`` and ``file`` are no settings."""
    if isinstance(value, list):
        for item in value:
            yield from _keys_of(item, path)
    elif isinstance(value, dict) and not value.keys() <= {"env", "file"}:
        for key, inner in value.items():
            inside = f"{path}.{key}" if path else key
            if path == "destinations":
                inside = "destinations.NAME"
            else:
                yield inside
            yield from _keys_of(inner, inside)
