"""Decimal text and scaled integers: exact both ways, refused whenever it cannot be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups import decimal
from tests.reference import decimal_model

WHY = {"inexact": "more than", "overflow": "does not fit", "malformed": "is not a decimal"}

plain = st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", fullmatch=True)
long = st.from_regex(r"-?[0-9]{1,24}(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
padded = st.from_regex(r"-?0{0,9}[0-9]{1,6}0{0,20}(\.0{0,9}[0-9]{1,6}0{1,30})?", fullmatch=True)
nearly = st.text(alphabet='0123456789.eE+- "', max_size=24)
spellings = st.one_of(plain, long, padded, nearly)


@pytest.mark.parametrize(
    "text", ["0", "0.0", "0E-8", "-0", "-0.000", "0e99999999999999999999", "000"]
)
def test_every_zero_is_zero(text: str) -> None:
    assert decimal.parse(text, 8) == 0


@pytest.mark.parametrize(
    ("text", "exponent", "value_e"),
    [
        ("1e3", 0, 1000),
        ("1E+2", 8, 10**10),
        ("1353.67", 8, 135_367_000_000),
        ("0.00000001", 8, 1),
        ("1.2300000000000000000000000", 2, 123),
        ("-0.00004435", 8, -4435),
        ("9223372036854775807", 0, 2**63 - 1),
        ("-92233720368.54775807", 8, -(2**63 - 1)),
        ("1234567890123456789", 0, 1234567890123456789),
        ("1200", -2, 12),
        ("12345678.12345678e-2", 10, 1234567812345678),
    ],
)
def test_known_numbers(text: str, exponent: int, value_e: int) -> None:
    assert decimal.parse(text, exponent) == value_e
    assert decimal.parse(text.encode(), exponent) == value_e
    assert decimal.parse_any(text, exponent) == value_e


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.000000001", "inexact"),
        ("1e-9", "inexact"),
        ("92233720368.54775808", "overflow"),
        ("-92233720368.54775808", "overflow"),  # the mark for an absent number
        ("12345678901234567890123", "overflow"),
        ("1e99", "overflow"),
        *((text, "malformed") for text in ("", "-", ".5", "5.", "+1", "1..2", "1e", "1e+", "nan")),
        *((text, "malformed") for text in (" 1", "1 ", "1_0", "0x10", "Infinity", "1\0", "--1")),
    ],
)
def test_what_is_refused_names_the_text(text: str, why: str) -> None:
    for parse in (decimal.parse, decimal.parse_any):
        with pytest.raises(ValueError, match=WHY[why]) as caught:
            parse(text, 8)
        assert repr(text) in str(caught.value)


def test_only_text_is_taken() -> None:
    with pytest.raises(TypeError):
        decimal.parse(1.5, 8)  # type: ignore[arg-type]


@settings(deadline=None)
@given(spellings, st.integers(-3, 18))
def test_parse_is_decimal_or_refuses_for_the_same_reason(text: str, exponent: int) -> None:
    expected = decimal_model.parse(text, exponent)
    for parse in (decimal.parse, decimal.parse_any):
        if isinstance(expected, str):
            with pytest.raises(ValueError, match=WHY[expected]):
                parse(text, exponent)
        else:
            assert parse(text, exponent) == expected


@settings(deadline=None)
@given(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(0, 18), st.integers(0, 20))
def test_format_is_exact_and_comes_back(value_e: int, exponent: int, digits: int) -> None:
    text = decimal.format(value_e, exponent, digits)
    assert text == decimal_model.render(value_e, exponent, digits)
    assert decimal.parse(text, exponent) == value_e


def test_an_absent_number_has_no_text() -> None:
    with pytest.raises(ValueError, match="absent"):
        decimal.format(-(2**63), 8, 2)
