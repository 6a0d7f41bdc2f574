"""What we wrote for want of a name gives way to the name; what people wrote does not."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connector.mapping.load import load_mapping
from connector.mapping.render import Renderer
from connector.mapping.rendered import Rendered
from connector.model.contact import Contact

ANA = Contact(
    id=1,
    key="wc_1",
    first_seen_at=datetime(2026, 11, 23, tzinfo=UTC),
    phone="+5511987654321",
    wa_id="5511987654321",
    user_id="BR.123456789",
    username="anasouza",
    profile_name="Ana Souza",
)
PHONE = "55 11 98765-4321"
STAND_INS = ["anasouza", PHONE, "Usuário do WhatsApp BR·6789"]


@pytest.fixture(scope="module")
def render(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    """Return the shipped mapping of HubSpot."""
    mapping = load_mapping(None, folder=tmp_path_factory.mktemp("config"), adapter="hubspot")
    return Renderer(
        mapping,
        contact_schema={},
        message_schema={},
        language="pt-BR",
        time_zone=ZoneInfo("America/Sao_Paulo"),
    )


def written(made: Rendered, firstname: str) -> dict[str, object]:
    """Return what goes into a record that says ``firstname`` and has the phone."""
    update = made.for_update({"firstname": firstname, "phone": "+5511987654321"})
    return {name: value for name, value in update.items() if name in {"firstname", "lastname"}}


def shown(render: Renderer, contact: Contact) -> str:
    return str(render.contact(contact).fields["firstname"])


def test_a_contact_is_called_by_the_best_that_is_known(render: Renderer) -> None:
    username = replace(ANA, profile_name=None)
    phone = replace(username, username=None)
    neither = replace(phone, phone=None)
    assert [shown(render, each) for each in (username, phone, neither)] == STAND_INS


@pytest.mark.parametrize("stand_in", STAND_INS)
def test_what_stood_in_for_the_name_gives_way_to_it(render: Renderer, stand_in: str) -> None:
    made = render.contact(ANA)
    assert written(made, stand_in) == {"firstname": "Ana", "lastname": "Souza"}


def test_a_poorer_name_of_ours_gives_way_to_a_better_one(render: Renderer) -> None:
    made = render.contact(replace(ANA, profile_name=None, username=None))
    assert written(made, "Usuário do WhatsApp BR·6789") == {"firstname": PHONE}
    assert written(made, PHONE) == {}


@pytest.mark.parametrize("typed", ["Aninha", "Ana", "55 11 98765-4322", "anasouza2", "ana", "0"])
def test_what_people_wrote_stays(render: Renderer, typed: str) -> None:
    assert "firstname" not in written(render.contact(ANA), typed)


def test_a_name_that_is_forgotten_is_not_taken_back(render: Renderer) -> None:
    made = render.contact(replace(ANA, profile_name=None))
    assert "firstname" not in written(made, "Ana")


def test_a_crm_whose_update_replaces_the_record_gets_the_name_too(render: Renderer) -> None:
    made = render.contact(ANA)
    assert made.for_replacement({"firstname": PHONE})["firstname"] == "Ana"
    assert made.for_replacement({"firstname": "Aninha"})["firstname"] == "Aninha"


def test_a_template_that_fails_without_a_name_stands_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        """
        [contact]
        object = "contacts"
        [message]
        object = "notes"
        [contact.fields]
        name = { value = "{{ contact.last_name + '!' }}", write = "if_empty" }
        [message.fields]
        text = "{{ message.text }}"
        """
    )
    own = Renderer(
        load_mapping("own.toml", folder=tmp_path, adapter="hubspot"),
        contact_schema={},
        message_schema={},
        language="pt-BR",
        time_zone=ZoneInfo("America/Sao_Paulo"),
    )
    assert own.contact(ANA).for_update({"name": "Aninha"}) == {}
