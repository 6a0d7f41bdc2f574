"""The page on REST mappings: every key is the adapter's, every key of the adapter is there."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from adapters.rest import RestSettings
from adapters.rest.names import Kind, vocabulary
from adapters.rest.rules import MEANINGS
from connector.config.secret import Secret
from connector.errors import ConfigError
from connector.mapping.load import load_mapping
from connector.runtime.trial import SandboxCrm, Trial, prepare_trial

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "mappings" / "rest" / "README.md").read_text(encoding="utf-8")
PARTS = dict(re.findall(r"(?ms)^### (.+?)\n(.*?)(?=^###? |\Z)", PAGE))
EXAMPLE = next(text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "ping" in text)
DESTINATION = next(
    text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "destinations" in text
)
REQUEST = {"method", "path", "query", "headers", "body"}
SECRET = Secret(env="T", environ={"T": "x"})
UNKNOWN = "neverheardof"


def rows(part: str, *, under: str | None = None) -> dict[str, list[str]]:
    """Return the cells of each row of a part's tables by what its first cell names."""
    text = PARTS[part]
    if under is not None:
        text = text[text.rindex(f"| {under} |") :].split("\n\n")[0]
    found: dict[str, list[str]] = {}
    for line in re.findall(r"(?m)^\| `.*\|$(?!\n\| ---)", text):
        first, *others = [cell.strip() for cell in line[1:-1].split("|")]
        found[first.strip("`")] = others
    return found


def named(cell: str) -> set[str]:
    return set(re.findall(r"`([a-z0-9_.]+)`", cell))


def known_at(tables: Mapping[str, Any], where: str) -> set[str]:
    """Return the keys that the adapter takes in the table that holds the unknown one."""
    settings = RestSettings(
        adapter="rest", mapping="rest/sandbox", base_url="https://crm.example.com", token=SECRET
    )
    with pytest.raises(ConfigError) as caught:
        settings.complete(tables)
    [problem] = [each for each in caught.value.problems if each.key == f"{where}{UNKNOWN}"]
    return set(str(problem.expected).split(", "))


def with_unknown(*path: str | int) -> set[str]:
    """Return the keys that are known beside an unknown one in this table of a whole mapping."""
    tables = tomllib.loads(EXAMPLE)
    tables["setup"] = [{"what": "a list", "path": "/lists"}]
    tables["contact"]["put"] = {"path": "/x", "id": "/id"}
    tables["contact"]["list"] = {"path": "/x", "id": "/id", "paging": {"kind": "link_header"}}
    place: Any = tables
    where = ""
    for part in path:
        place = place[part]
        where = f"{where}[{part}]" if isinstance(part, int) else f"{where}.{part}".lstrip(".")
    place[UNKNOWN] = 1
    if "put" in path:
        tables["contact"]["once"] = "put"
    return known_at(tables, f"{where}.")


@pytest.mark.parametrize("kind", list(rows("auth")))
def test_a_kind_of_auth_has_the_keys_that_the_page_names(kind: str) -> None:
    tables = {**tomllib.loads(EXAMPLE), "auth": {"kind": kind, UNKNOWN: 1}}

    assert known_at(tables, "auth.") == {"kind", *named(rows("auth")[kind][1])}


def test_every_kind_of_auth_is_on_the_page() -> None:
    tables = {**tomllib.loads(EXAMPLE), "auth": {"kind": UNKNOWN}}
    settings = RestSettings(
        adapter="rest", mapping="rest/sandbox", base_url="https://crm.example.com", token=SECRET
    )
    with pytest.raises(ConfigError) as caught:
        settings.complete(tables)

    kinds = set(re.findall(r'"(\w+)"', str(caught.value.problems[0].expected)))

    assert set(rows("auth")) == kinds


@pytest.mark.parametrize(
    ("part", "path", "beside"),
    [
        ("limits", ("limits",), set()),
        ("ping", ("ping",), REQUEST),
        ("setup", ("setup", 0), REQUEST),
        ("Paging", ("contact", "list", "paging"), set()),
    ],
)
def test_a_table_has_the_keys_that_the_page_names(
    part: str, path: tuple[str | int, ...], beside: set[str]
) -> None:
    assert with_unknown(*path) == set(rows(part)) | beside


def test_an_error_rule_has_the_keys_that_the_page_names() -> None:
    assert with_unknown("errors", 0) == set(rows("errors", under="key"))


def test_every_meaning_of_an_answer_is_on_the_page() -> None:
    assert set(rows("errors", under="`class`")) == set(MEANINGS)


def test_a_batch_has_the_keys_that_the_page_names() -> None:
    tables = tomllib.loads(EXAMPLE)
    batch = {"max": 5, "results": "/data", "id": "/id", UNKNOWN: 1}
    tables["contact"]["create"] = {"path": "/x", "body": "{{ records }}", "batch": batch}

    assert known_at(tables, "contact.create.batch.") == set(rows("Batches"))


def test_contact_and_message_have_the_keys_that_the_page_names() -> None:
    page = rows("contact and message")
    contacts = {name for name, cells in page.items() if not cells[0].startswith("messages only")}
    messages = {name for name, cells in page.items() if not cells[0].startswith("contacts only")}

    assert with_unknown("contact") == contacts
    assert with_unknown("message") == messages | {"find"}, "which is refused with a reason"


def test_every_request_has_the_keys_that_the_page_names() -> None:
    assert set(rows("Requests", under="key")) == REQUEST


@pytest.mark.parametrize("verb", list(rows("Requests", under="request")))
def test_an_answer_is_read_by_the_keys_that_the_page_names(verb: str) -> None:
    path: tuple[str | int, ...] = ("contact", "find", 0) if verb == "find" else ("contact", verb)

    page = named(rows("Requests", under="request")[verb][0])
    read = with_unknown(*path) - REQUEST

    assert page == read
    told = set(re.findall(r"(?m)^\* `(\w+)`", PARTS["Requests"])) | {"paging", "batch"}
    assert page <= told, "each is explained below the table"


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("verb", list(rows("What templates may name")))
def test_the_templates_of_a_request_may_name_what_the_page_says(verb: Any, kind: Any) -> None:
    if verb == "find" and kind == "message":
        pytest.skip("there is no [message.find]")
    first, _, later = rows("What templates may name")[verb][0].partition(" after its first step ")

    def roots(saved: list[str] | None) -> set[str]:
        return set(vocabulary(kind, verb, saved=saved).roots)

    def page(cell: str) -> set[str]:
        found = {name.partition(".")[0] for name in named(cell)}
        return found - {"contact"} if kind == "contact" else found

    assert roots(None) == page(first)
    if later:
        assert roots(["note"]) - roots(None) == page(later)


def test_every_spelling_of_a_phone_is_on_the_page() -> None:
    known = {f"phone.{part}" for part in vocabulary("contact", "find").roots["phone"]}

    assert set(re.findall(r"`(phone\.\w+)`", PARTS["What templates may name"])) == known


def test_every_mapping_that_is_shipped_is_named() -> None:
    shipped = {path.name for path in (ROOT / "mappings" / "rest").glob("*.toml")}

    page = set(re.findall(r"`([a-z0-9-]+\.toml)`", PAGE)) - {"acme.toml", "config.toml"}

    assert page == shipped - {"sandbox.toml"}
    assert "mappings/rest/README.md" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Trial]:
    """Yield a connector with nothing but the page's mapping, before the CRM to practise on."""
    (tmp_path / "acme.toml").write_text(EXAMPLE, encoding="utf-8")
    crm = SandboxCrm.start("rest", tmp_path)
    destination = {"mapping": "acme.toml", "batch_wait": "100ms"}
    trial = prepare_trial(tmp_path, crm, adapter="rest", destination=destination)
    yield trial
    trial.stop()


def test_the_example_connects_a_crm_from_nothing(acme: Trial) -> None:
    preview = acme.command(
        "mapping", "preview", str(acme.folder / "acme.toml"), "--adapter", "rest"
    )
    assert "Ana" in str(preview)
    assert acme.crm.state()["calls"] == {}, "a preview calls nothing"
    checked = acme.command("check", "rest")
    assert checked["ok"], checked
    assert "exactly one record" in checked["promises"]["rest"]
    assert acme.crm.state()["calls"] == {"me": 1}, "as the page says"

    acme.wait_until_ready(acme.start(), seconds=90)
    tested = acme.command("test", "rest")

    assert tested.get("ok"), tested
    state = acme.crm.state()
    assert (state["contacts"], state["messages"]) == ([], []), "it removes what it wrote"


def test_the_examples_mistake_is_told_as_the_page_shows(tmp_path: Path) -> None:
    wrong = EXAMPLE.replace('create]\npath = "/v1/contacts"\nbody = "{{ fields', "{}", 1)
    wrong = wrong.replace("{}", 'create]\npath = "/v1/contacts"\nbody = "{{ feilds', 1)
    (tmp_path / "acme.toml").write_text(wrong, encoding="utf-8")
    mapping = load_mapping("acme.toml", folder=tmp_path, adapter="rest")
    settings = RestSettings(
        adapter="rest", mapping="rest/sandbox", base_url="https://crm.example.com", token=SECRET
    )
    with pytest.raises(ConfigError) as caught:
        settings.complete(mapping.requests)
    [found] = caught.value.problems

    told = mapping.problem(found.path, found.message, nearest=found.nearest)

    shown = f"{told.file}:{told.line}: {told.key}: {told.message}; did you mean '{told.nearest}'?"
    assert shown in PAGE


def test_the_examples_destination_is_one() -> None:
    config = tomllib.loads(DESTINATION)["destinations"]["acme"]

    assert config.pop("mapping") == "acme.toml"
    assert config.pop("token") == {"file": "acme_token"}
    assert RestSettings(**config, mapping="rest/sandbox", token=SECRET).mapping
