"""Texts read as configuration files, and what is said of them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from connector.config.load import load_config
from connector.config.models import Config
from connector.errors import ConfigError, Problem
from tests.unit.config.loading import ENVIRON, MODELS, Complaints, Load


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that reads a text as a configuration file."""

    def load(source: str, environ: Mapping[str, str] = ENVIRON) -> Config:
        file = tmp_path / "config.toml"
        file.write_text(source, encoding="utf-8")
        return load_config(file, settings_models=MODELS, environ=environ)

    return load


@pytest.fixture
def complaints(load: Load) -> Complaints:
    """Return a function that gives what is wrong with a text, by key."""

    def complaints(source: str, environ: Mapping[str, str] = ENVIRON) -> dict[str, Problem]:
        with pytest.raises(ConfigError) as caught:
            load(source, environ)
        return {problem.key: problem for problem in caught.value.problems}

    return complaints
