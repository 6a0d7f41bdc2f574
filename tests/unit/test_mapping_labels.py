"""Labels fire on whole words, whatever their case and accents."""

from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.mapping.labels import Labels, Match, load_labels

SHIPPED = Path(__file__).parents[2] / "mappings" / "labels.toml"
RULES = Labels({"orçamento": ["preço", "quanto custa"], "nome": ["C++", "a.b"], "nada": []})


@pytest.mark.parametrize(
    "text", ["qual o PREÇO?", "preco", "Quanto  custa isso", "o preço, por favor", "preço\n"]
)
def test_a_keyword_is_found_without_regard_to_case_accents_and_spaces(text: str) -> None:
    assert RULES.of(text) == ("orçamento",)


@pytest.mark.parametrize("text", ["apreço", "preços", "quanto me custa", "", "axb", "C"])
def test_a_part_of_a_word_is_no_keyword(text: str) -> None:
    assert RULES.of(text) == ()


def test_signs_in_a_keyword_are_signs_and_no_pattern() -> None:
    assert RULES.of("sei a.b") == ("nome",)
    assert RULES.of("gosto de C++ muito") == ("nome",)


def test_why_a_label_was_given_names_the_keyword_as_it_was_written() -> None:
    assert RULES.matches("PRECO do c++") == (Match("orçamento", "preço"), Match("nome", "C++"))


def test_the_shipped_rules_load_and_fire() -> None:
    labels = load_labels(SHIPPED)

    assert labels.of("Qual o preço do frete?") == ("orçamento", "entrega")


def test_everything_wrong_in_a_file_of_rules_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "labels.toml").write_text(
        '[labels]\na = "preço"\nb = []\nc = ["ok", "?"]\n[rules]\nx = 1\n', encoding="utf-8"
    )

    with pytest.raises(ConfigError) as caught:
        load_labels(tmp_path / "labels.toml", name="mappings/labels.toml")

    found = {(problem.key, problem.line) for problem in caught.value.problems}
    assert found == {("labels.a", 2), ("labels.b", 3), ("labels.c[1]", 4), ("rules", 5)}
    assert {problem.file for problem in caught.value.problems} == {"mappings/labels.toml"}


@pytest.mark.parametrize(
    ("text", "line"), [("[labels\na = 1", 1), ("[labels]\na = [\n", 3), ("x = \xff", None)]
)
def test_a_file_that_is_no_toml_says_where(text: str, line: int | None, tmp_path: Path) -> None:
    (tmp_path / "labels.toml").write_bytes(text.encode("latin-1"))

    with pytest.raises(ConfigError) as caught:
        load_labels(tmp_path / "labels.toml")

    assert caught.value.problems[0].line == line


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_labels(tmp_path / "labels.toml")
