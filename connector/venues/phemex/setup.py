"""Settings of an account, by symbol: leverage, which is below 0 for cross margin, and the mode of
positions where the contract has one of each side. Sections 4.5 to 4.7."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from connector.model.instrument import Instrument
from connector.venues.phemex.errors import text
from connector.venues.phemex.numbers import DECIMALS, numbers_of
from connector.venues.phemex.schemas_trading import (
    AccountPositions,
    HedgedPositionRow,
    Named,
    PositionRow,
    Reply,
)
from connector.venues.setup_contract import (
    LEVERAGE,
    MARGIN_TYPE,
    POSITION_MODE,
    Change,
    Setting,
    Setup,
    State,
)

APART = " | "
"""Between what the long side has and what the short one, where they differ."""
MODES = {"OneWay": "one-way", "Hedged": "hedge"}
_REPLY = msgspec.json.Decoder(Reply)
_HELD = msgspec.json.Decoder(AccountPositions)
_NAMED = msgspec.json.Decoder(Named)
_ROWS = {False: msgspec.json.Decoder(PositionRow), True: msgspec.json.Decoder(HedgedPositionRow)}


class _Mode(msgspec.Struct):
    posMode: str = ""


_MODE = msgspec.json.Decoder(_Mode)


def _decimal(instrument: Instrument) -> bool:
    return numbers_of(instrument) is DECIMALS


def _looks(instruments: Sequence[Instrument]) -> list[Change]:
    found = dict.fromkeys((_decimal(one), one.margin) for one in instruments)
    return [
        Change("gAccountPositions" if decimal else "accountPositions", {"currency": currency})
        for decimal, currency in found
    ]


def _leverage(row: Any, is_decimal: bool) -> Decimal:
    """Exact; below 0, and 0, is cross margin. Raises ValueError."""
    try:
        value = Decimal(text(row.leverage_er))
    except InvalidOperation:
        raise ValueError(f"{text(row.symbol)}: a leverage that cannot be read") from None
    return value if is_decimal else value.scaleb(-8)


def _state(
    answers: Sequence[bytes], instruments: Sequence[Instrument]
) -> dict[tuple[str, str], str]:
    by_symbol = {one.symbol: one for one in instruments}
    found: dict[tuple[str, str], str] = {}
    for body in answers:
        for raw in _HELD.decode(_REPLY.decode(body).data).positions:
            symbol = text(_NAMED.decode(raw).symbol)
            instrument = by_symbol.get(symbol)
            if instrument is None:
                continue
            signed = _leverage(_ROWS[_decimal(instrument)].decode(raw), _decimal(instrument))
            for name, value in (
                (MARGIN_TYPE, "isolated" if signed > 0 else "cross"),
                (LEVERAGE, f"{abs(signed).normalize():f}"),
            ):
                one = found.setdefault((name, symbol), value)
                if value != one:  # the other side of hedge mode
                    found[name, symbol] = f"{one}{APART}{value}"
            mode = MODES.get(_MODE.decode(raw).posMode)
            if mode is not None:
                found[POSITION_MODE, symbol] = mode
    return found


def _change(wanted: Setting, now: State, aims: State, instrument: Instrument | None) -> Change:
    if instrument is None:
        raise ValueError("the venue has it by instrument alone")
    symbol = wanted.symbol
    if wanted.name == POSITION_MODE:
        if not _decimal(instrument):
            raise ValueError("the contract has one position in any mode")
        mode = next(word for word, value in MODES.items() if value == wanted.value)
        return Change("gSetPositionMode", {"symbol": symbol, "targetPosMode": mode})
    kind, leverage = (
        aims.get((name, symbol)) or now.get((name, symbol)) for name in (MARGIN_TYPE, LEVERAGE)
    )
    if kind is None or leverage is None:
        raise ValueError("the venue does not say how it is")
    if APART in kind or APART in leverage:
        raise ValueError("one call sets both: name margin_type and leverage, as the sides differ")
    if kind == "isolated" and leverage == "0":
        raise ValueError("isolated margin needs a leverage")
    if not (_decimal(instrument) or leverage.isdigit()):
        raise ValueError("one call sets both: name leverage, as the venue takes whole ones alone")
    signed = leverage if kind == "isolated" or leverage == "0" else f"-{leverage}"
    if not _decimal(instrument):
        return Change("setLeverage", {"symbol": symbol, "leverage": signed})
    if now.get((POSITION_MODE, symbol)) == "hedge":
        each = {"longLeverageRr": signed, "shortLeverageRr": signed}
        return Change("gSetLeverage", {"symbol": symbol, **each})
    return Change("gSetLeverage", {"symbol": symbol, "leverageRr": signed})


SETUP = Setup(
    settings=frozenset({POSITION_MODE, MARGIN_TYPE, LEVERAGE}),
    looks=_looks,
    state=_state,
    change=_change,
)
