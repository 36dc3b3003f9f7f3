"""Settings of an account: position mode, multi-assets mode, and by symbol margin type, leverage and
the margin of isolated positions."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from connector.model.instrument import Instrument
from connector.venues.binance_usdm.schemas import text, truth
from connector.venues.binance_usdm.schemas_trading import (
    AccountSettings,
    PositionRow,
    SymbolSettings,
)
from connector.venues.setup_contract import (
    LEVERAGE,
    LONG_MARGIN,
    MARGIN_TYPE,
    MARGINS,
    MULTI_ASSETS,
    ORDER,
    POSITION_MARGIN,
    POSITION_MODE,
    SHORT_MARGIN,
    Change,
    Setting,
    Setup,
    State,
)

_ACCOUNT = msgspec.json.Decoder(AccountSettings)
_SYMBOLS = msgspec.json.Decoder(list[SymbolSettings])
_POSITIONS = msgspec.json.Decoder(list[PositionRow])
MARGIN_OF = {"BOTH": POSITION_MARGIN, "LONG": LONG_MARGIN, "SHORT": SHORT_MARGIN}
SIDE_OF = {name: side for side, name in MARGIN_OF.items()}
ADD, TAKE_AWAY = 1, 2


def _looks(instruments: Sequence[Instrument]) -> list[Change]:
    return [Change(name, {}) for name in ("accountConfig", "symbolConfig", "positionRisk")]


def _state(
    answers: Sequence[bytes], instruments: Sequence[Instrument]
) -> dict[tuple[str, str], str]:
    account, symbols, positions = answers
    settings = _ACCOUNT.decode(account)
    hedge = truth(settings.dual_side_position, "dualSidePosition")
    multi = truth(settings.multi_assets_margin, "multiAssetsMargin")
    found = {
        (POSITION_MODE, ""): "hedge" if hedge else "one-way",
        (MULTI_ASSETS, ""): "true" if multi else "false",
    }
    wanted = {one.symbol for one in instruments}
    for row in _SYMBOLS.decode(symbols):
        if (symbol := text(row.symbol)) in wanted:
            isolated = text(row.margin_type).upper() == "ISOLATED"
            found[MARGIN_TYPE, symbol] = "isolated" if isolated else "cross"
            found[LEVERAGE, symbol] = text(row.leverage)
    for position in _POSITIONS.decode(positions):
        symbol, name = text(position.symbol), MARGIN_OF.get(text(position.position_side))
        if symbol in wanted and name is not None and Decimal(text(position.position_amt)):
            found[name, symbol] = text(position.isolated_wallet)
    return found


def _change(wanted: Setting, now: State, aims: State, instrument: Instrument | None) -> Change:
    if wanted.name == POSITION_MODE:
        dual = str(wanted.value == "hedge").lower()
        return Change("setPositionMode", {"dualSidePosition": dual})
    if wanted.name == MULTI_ASSETS:
        return Change("setMultiAssets", {"multiAssetsMargin": wanted.value})
    about = {"symbol": wanted.symbol}
    if wanted.name == MARGIN_TYPE:
        kind = "ISOLATED" if wanted.value == "isolated" else "CROSSED"
        return Change("setMarginType", {**about, "marginType": kind})
    if wanted.name == LEVERAGE:
        return Change("setLeverage", {**about, "leverage": int(wanted.value)})
    had = now.get((wanted.name, wanted.symbol))
    if had is None:
        raise ValueError("there is no such position")
    if now.get((MARGIN_TYPE, wanted.symbol)) != "isolated":
        raise ValueError("the position's margin is not isolated")
    more = Decimal(wanted.value) - Decimal(had)
    params = {**about, "amount": str(abs(more)), "type": ADD if more > 0 else TAKE_AWAY}
    side = SIDE_OF[wanted.name]
    if side != "BOTH":
        params["positionSide"] = side
    return Change("setPositionMargin", params)


SETUP = Setup(settings=frozenset({*ORDER, *MARGINS}), looks=_looks, state=_state, change=_change)
