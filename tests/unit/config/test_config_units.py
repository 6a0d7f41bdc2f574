"""Durations, sizes and addresses as an admin writes them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config.addresses import check_url, is_loopback
from connector.config.units import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("2s", timedelta(seconds=2)),
        ("1.5h", timedelta(minutes=90)),
        ("5 m", timedelta(minutes=5)),
        ("365d", timedelta(days=365)),
        ("2w", timedelta(days=14)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("value", ["", "5", "s", "-1s", "1h30m", "5M", "1e3s", "٣s", 5, None, True])
def test_anything_else_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(value)


@given(st.text(alphabet="0123456789.smhdw ", max_size=12))
def test_a_duration_is_one_that_dates_can_bear_or_refused(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert timedelta(0) <= duration <= timedelta(days=36_525)


@pytest.mark.parametrize(
    ("value", "size"),
    [("512MiB", 512 * 2**20), ("1.5GiB", 3 * 2**29), ("2 kB", 2000), ("0B", 0), (4096, 4096)],
)
def test_a_size_is_a_number_of_bytes_or_has_a_unit(value: object, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize("value", ["", "512", "512mib", "-1MiB", -1, 1.5, True, None])
def test_anything_else_is_no_size(value: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(value)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "crm.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]
)
def test_a_loopback_host_is_known_by_its_name(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104 (nothing is bound: this is the address to be careful with)
        "::",
        "10.0.0.1",
        "localhost.example.com",
        "127.0.0.1.nip.io",
        "",
    ],
)
def test_any_other_host_is_reachable(host: str) -> None:
    assert not is_loopback(host)


def test_a_mapped_loopback_address_is_loopback() -> None:
    assert is_loopback("::ffff:127.0.0.1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "crm.example.com",
        "https://",
        "https:///path",
        "https://crm.example.com/#part",
        "https://crm.example.com/a b",
        "https://crm.example.com\n",
        "https://[::1",
        "file:///etc/passwd",
        "http://10.0.0.1",
    ],
)
def test_what_is_no_safe_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|query|unencrypted") as caught:
        check_url(text)

    assert text == "" or text not in str(caught.value)


def test_an_address_loses_the_slash_at_its_end() -> None:
    assert check_url("https://crm.example.com/api/") == "https://crm.example.com/api"
