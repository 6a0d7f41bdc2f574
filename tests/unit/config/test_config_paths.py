"""Which file a mapping's name means, and that paths start at the configuration's folder."""

from pathlib import Path

import pytest

from connector.config.paths import resolve_labels_path, resolve_mapping_path, shipped_mappings


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    (folder / "rest").mkdir(parents=True)
    for name in ("hubspot", "rest/kinto", "labels"):
        (folder / f"{name}.toml").touch()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own" / "mappings").mkdir(parents=True)
    return tmp_path / "own"


@pytest.mark.parametrize(
    "reference",
    [
        "hubspot",
        "hubspot.toml",
        "mappings/hubspot.toml",
        "./mappings/hubspot.toml",
        "mappings/hubspot",
    ],
)
def test_a_shipped_mapping_is_found_by_any_of_its_names(
    reference: str, folder: Path, shipped: Path
) -> None:
    found = resolve_mapping_path(reference, folder, shipped=shipped)

    assert found == shipped / "hubspot.toml"


def test_a_file_of_ones_own_goes_before_the_shipped_one(folder: Path, shipped: Path) -> None:
    own = folder / "mappings" / "hubspot.toml"
    own.touch()

    assert resolve_mapping_path("mappings/hubspot.toml", folder, shipped=shipped) == own
    assert resolve_mapping_path(str(own), Path("/"), shipped=shipped) == own
    assert resolve_mapping_path("hubspot", folder, shipped=shipped) == shipped / "hubspot.toml"


@pytest.mark.parametrize(
    "reference", ["../shipped/nothing", "rest", "labels", "../labels.toml", "/"]
)
def test_what_is_no_mapping_is_not_found(reference: str, folder: Path, shipped: Path) -> None:
    assert resolve_mapping_path(reference, folder, shipped=shipped) is None


def test_labels_are_no_mapping(shipped: Path) -> None:
    assert shipped_mappings(shipped) == ("hubspot", "rest/kinto")


def test_label_rules_are_ones_own_or_the_shipped_ones(folder: Path, shipped: Path) -> None:
    def resolve() -> Path | None:
        return resolve_labels_path("mappings/labels.toml", folder, shipped=shipped)

    before = resolve()
    own = folder / "mappings" / "labels.toml"
    own.touch()

    assert [before, resolve()] == [shipped / "labels.toml", own]
    assert resolve_labels_path("other.toml", folder, shipped=shipped) is None
