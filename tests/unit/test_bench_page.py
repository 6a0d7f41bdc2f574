"""The page of benchmark results."""

from bench.figure import Figure
from bench.page import Section, write_page


def test_a_figure_that_misses_what_was_asked_says_so() -> None:
    figures = [
        Figure("slow", "ms", [90.0, 110.0, 120.0], target=100),
        Figure("quick", "ms", [10.0], target=100),
        Figure("many", "records/s", [5.0], target=10, better="higher"),
    ]

    page = write_page([Section("latency", "How long it takes.", figures)], runs=3, machine=["m"])

    assert "| slow | 110.00 | ms | 90.00 | 120.00 | ≤ 100: **missed** |" in page
    assert "| quick | 10.00 | ms | 10.00 | 10.00 | ≤ 100: reached |" in page
    assert "| many | 5.00 | records/s | 5.00 | 5.00 | ≥ 10: **missed** |" in page


def test_a_figure_without_a_target_shows_its_note() -> None:
    figures = [Figure("calls", "calls", [14.0], note="the API's floor is 11")]

    page = write_page([Section("calls", "Calls.", figures)], runs=1, machine=["two cores"])

    assert "| calls | 14.00 | calls | 14.00 | 14.00 | the API's floor is 11 |" in page
    assert "* two cores" in page
    assert "each is the median of 1 runs" in page
