"""The signature of a webhook: only the exact bytes, signed with a secret of ours, are valid."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.receive.signature import judge_signature, sign

SECRET = b"app secret"
OTHER = b"the secret before it"
EMOJI = json.dumps({"text": "Olá 👋🏽"}).encode()


def _header(body: bytes, secret: bytes = SECRET) -> bytes:
    """Sign as WhatsApp does, without our own code."""
    return b"sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest().encode()


@given(st.binary(max_size=2000), st.binary(min_size=1, max_size=64))
def test_a_body_signed_with_the_secret_is_valid(body: bytes, secret: bytes) -> None:
    assert judge_signature(_header(body, secret), body, [secret]) == "valid"
    assert sign(body, secret) == _header(body, secret)


@given(st.binary(min_size=1, max_size=500), st.data())
def test_a_body_with_one_changed_bit_is_wrong(body: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(body) * 8 - 1))
    changed = bytearray(body)
    changed[place // 8] ^= 1 << (place % 8)

    assert judge_signature(_header(body), bytes(changed), [SECRET]) == "wrong"


@given(st.binary(max_size=200), st.integers(0, 63), st.sampled_from(b"0123456789abcdef"))
def test_a_signature_with_one_other_digit_is_wrong(body: bytes, place: int, digit: int) -> None:
    header = bytearray(_header(body))
    if header[7 + place] == digit:
        return
    header[7 + place] = digit

    assert judge_signature(bytes(header), body, [SECRET]) == "wrong"


@given(st.binary(max_size=100))
def test_any_other_bytes_in_the_header_are_wrong(header: bytes) -> None:
    assert judge_signature(header, b"body", [SECRET]) == "wrong"


def test_a_body_without_signature_is_missing_one() -> None:
    assert judge_signature(None, b"body", [SECRET]) == "missing"


@pytest.mark.parametrize("secrets", [[SECRET, OTHER], [OTHER, SECRET], [SECRET, SECRET]])
def test_any_of_several_secrets_will_do(secrets: list[bytes]) -> None:
    assert judge_signature(_header(b"body"), b"body", secrets) == "valid"


def test_nothing_is_valid_without_a_secret() -> None:
    assert judge_signature(_header(b"body"), b"body", []) == "wrong"
    assert judge_signature(_header(b"body", b""), b"body", [SECRET]) == "wrong"


@pytest.mark.parametrize(
    "header",
    [
        _header(EMOJI).upper(),
        _header(EMOJI)[:-1],
        _header(EMOJI) + b"0",
        _header(EMOJI) + b"\n",
        b" " + _header(EMOJI),
        _header(EMOJI)[7:],
        b"sha1=" + hmac.new(SECRET, EMOJI, hashlib.sha1).hexdigest().encode(),
        b"sha256=",
        b"",
    ],
)
def test_a_signature_in_another_form_is_wrong(header: bytes) -> None:
    assert judge_signature(header, EMOJI, [SECRET]) == "wrong"


def test_the_signature_of_rewritten_json_is_wrong() -> None:
    rewritten = json.dumps(json.loads(EMOJI), ensure_ascii=False).encode()

    assert judge_signature(_header(EMOJI), EMOJI, [SECRET]) == "valid"
    assert judge_signature(_header(EMOJI), rewritten, [SECRET]) == "wrong"
