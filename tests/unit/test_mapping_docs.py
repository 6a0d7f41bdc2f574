"""The README for admins and the code know the same names, and its examples are true."""

import re
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connector.mapping.load import load_mapping
from connector.mapping.preview import NUMBER, make_samples
from connector.mapping.render import Renderer
from connector.mapping.vocabulary import ALL
from connector.template.names import FILTERS, TESTS

README = (Path(__file__).parents[2] / "mappings" / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([a-z0-9_.]+)` \|(.*)\|$", README, flags=re.MULTILINE)
FULL = make_samples()[0]


def test_every_name_a_template_may_use_is_documented_and_no_other() -> None:
    known = {f"{root}.{name}" for root, names in ALL.items() for name in names}

    documented = {name for name, _ in ROWS if "." in name}

    assert documented == known


def test_every_filter_is_documented_and_no_other() -> None:
    documented = {name for name, _ in ROWS if "." not in name}

    assert documented == set(FILTERS)


def test_every_test_is_documented() -> None:
    sentence = README[README.index("the tests are") :].split(".")[0]

    assert set(re.findall(r"`(\w+)`", sentence)) == TESTS


@pytest.mark.parametrize("row", [row for name, row in ROWS if name in FILTERS])
def test_the_example_of_a_filter_gives_what_the_readme_says(row: str, tmp_path: Path) -> None:
    _, example, gives = re.split(r" (?<!\\)\| ", row.strip())
    template = example.strip("` ").replace("\\|", "|")
    (tmp_path / "mine.toml").write_text(
        f"extends = 'hubspot'\n[message.fields]\nexample = '{template}'\n", encoding="utf-8"
    )
    mapping = load_mapping("mine.toml", folder=tmp_path, adapter="hubspot")
    renderer = Renderer(
        mapping,
        contact_schema={},
        message_schema={},
        language="pt-BR",
        time_zone=ZoneInfo("America/Sao_Paulo"),
    )

    rendered = renderer.message(
        FULL.messages[0], FULL.contact, key="wm_1", contact_crm_id=None, number=NUMBER
    )

    assert str(rendered.fields["example"]) == gives.strip("` ")


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL))
def test_every_toml_example_is_toml(text: str) -> None:
    assert tomllib.loads(text)


def test_the_example_of_a_mapping_of_ones_own_loads(tmp_path: Path) -> None:
    text = re.findall(r"```toml\n(extends.*?)```", README, flags=re.DOTALL)[0]
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")

    mapping = load_mapping("mine.toml", folder=tmp_path, adapter="hubspot")

    assert mapping.contact.fields["phone"].write == "always"
    assert "lifecyclestage" not in mapping.contact.fields
    assert mapping.contact.fields["favourite_channel"].value == "WhatsApp"
    assert mapping.message.associate == {"deal": "newest_open"}


@pytest.mark.parametrize(
    "template", sorted(set(re.findall(r"^\* `(\{[{%].*?[%}]\})`", README, flags=re.MULTILINE)))
)
def test_every_template_in_the_text_is_one(template: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        f"extends = 'hubspot'\n[message.fields]\nexample = '''{template}'''\n", encoding="utf-8"
    )

    mapping = load_mapping("mine.toml", folder=tmp_path, adapter="hubspot")

    assert mapping.message.fields["example"].value
