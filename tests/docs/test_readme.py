"""The README says what is there."""

import re
import tomllib
from pathlib import Path

import pytest

from connector.model.codes import CODES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_error_code_is_explained_as_the_program_does() -> None:
    rows = [f"| `{code}` | {told.cause} | {told.next} |" for code, told in CODES.items()]
    table = README.partition("<!-- error codes")[2].partition("<!-- end of error codes -->")[0]

    assert table.splitlines()[3:] == rows


def test_the_table_of_error_codes_is_one_table() -> None:
    cells = [text for told in CODES.values() for text in (told.cause, told.next)]

    assert [text for text in cells if "|" in text or "\n" in text] == []


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_a_link_leads_to_a_file(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("anchor", re.findall(r"\]\(#([^)]+)\)", README))
def test_a_link_within_leads_to_a_heading(anchor: str) -> None:
    headings = re.findall(r"(?m)^#+ (.+)$", README)
    anchors = [
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings
    ]

    assert anchor in anchors


@pytest.mark.parametrize("command", sorted(set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", README))))
def test_a_make_command_is_in_the_makefile(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(rf"(?m)^{command}:", makefile)


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        _name(dependency)
        for dependency in [*project["dependencies"], *extras["dev"], *extras["postgresql"]]
    }
    pinned = re.findall(r"(?m)^(\S+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"))

    assert wanted - {_name(pin) for pin in pinned} == {project["name"]}


def _name(requirement: str) -> str:
    """Return the normalised name of a distribution, without extras, versions and markers."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()
