"""What a Phemex order request says: its fields, read and checked before the engine is asked.

Written from the venue's reference alone. A refusal is a `Fault` with the venue's business error.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from connector.sim.matching.types import OrderType, PositionSide, Side, Stp, Tif, WorkingType
from connector.venues.phemex.sim_refusals import failure

LONGEST_ID = 40
SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
TIFS = {
    "GoodTillCancel": Tif.GTC,
    "Day": Tif.GTC,
    "ImmediateOrCancel": Tif.IOC,
    "FillOrKill": Tif.FOK,
    "PostOnly": Tif.GTX,
}
TYPES = {
    "Market": OrderType.MARKET,
    "Limit": OrderType.LIMIT,
    "Stop": OrderType.STOP_MARKET,
    "StopLimit": OrderType.STOP,
    "MarketIfTouched": OrderType.TAKE_PROFIT_MARKET,
    "LimitIfTouched": OrderType.TAKE_PROFIT,
}
CONDITIONAL = ("Stop", "StopLimit", "MarketIfTouched", "LimitIfTouched")
PRICED = ("Limit", "StopLimit", "LimitIfTouched")
TRIGGERS = {
    "": WorkingType.MARK_PRICE,
    "UNSPECIFIED": WorkingType.MARK_PRICE,
    "ByMarkPrice": WorkingType.MARK_PRICE,
    "ByLastPrice": WorkingType.CONTRACT_PRICE,
}
POSITIONS = {
    "Merged": PositionSide.BOTH,
    "Long": PositionSide.LONG,
    "Short": PositionSide.SHORT,
}
POSITION_WORDS = {side: name for name, side in POSITIONS.items()}
STPS = {
    "None": Stp.NONE,
    "CancelTaker": Stp.EXPIRE_TAKER,
    "CancelMaker": Stp.EXPIRE_MAKER,
    "CancelBoth": Stp.EXPIRE_BOTH,
}
STOP_PEG, PROFIT_PEG = "TrailingStopPeg", "TrailingTakeProfitPeg"
"""Trails at once, and trails from its trigger price on."""
NO_PEG = "UNSPECIFIED"
BAD, BAD_POSITION_SIDE = 30000, 20004


class Fault(Exception):
    """A request that is refused with a business error."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or str(code))
        self.code = code
        self.body = failure(code, text)


class Scaled(dict[str, Any]):
    """The fields of a request of the second family, its decimals put as integers, under the names
    of the first."""


class Wish(Struct, frozen=True, kw_only=True):
    """A new order as its owner wants it; prices scaled."""

    symbol: str
    client_id: str
    side: Side
    kind: str
    """The venue's word for the type."""
    qty: int
    price_ep: int = 0
    stop_ep: int = 0
    tif: str = "GoodTillCancel"
    reduce_only: bool = False
    close: bool = False
    """closeOnTrigger"""
    trigger: str = ""
    display_qty: int = 0
    text: str = ""
    position: str = ""
    """posSide; empty in the first family, which has no such word."""
    stp: str = "None"
    """stpInstruction"""
    peg: str = NO_PEG
    """pegPriceType"""
    profit_ep: int = 0
    """takeProfitEp: closes the position that the order leads to; 0: none"""
    profit_by: str = ""
    """tpTrigger"""
    loss_ep: int = 0
    """stopLossEp"""
    loss_by: str = ""
    """slTrigger"""
    leg: str = ""
    """Of an order that came with another one: its type."""
    peg_ep: int = 0
    """How far a trailing order stays behind the price, below 0 of a sell."""

    @property
    def position_side(self) -> PositionSide:
        return POSITIONS.get(self.position, PositionSide.BOTH)

    @property
    def trailing(self) -> bool:
        return self.peg != NO_PEG


def integer(fields: Mapping[str, Any], name: str) -> int | None:
    """An integer or its text; None when it is not there. Raises `Fault`."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Fault(BAD)
    try:
        return int(value)
    except ValueError:
        raise Fault(BAD) from None


def scaled(fields: Mapping[str, Any], name: str, scale: int) -> int | None:
    """``<name>Ep``, or ``<name>`` as a plain number that the scale makes whole. Raises `Fault`."""
    found = integer(fields, f"{name}Ep")
    plain = fields.get(name)
    if found is not None or plain in (None, ""):
        return found
    try:
        number = Decimal(str(plain)).scaleb(scale)
    except InvalidOperation:
        raise Fault(BAD) from None
    if number != number.to_integral_value():
        raise Fault(BAD)
    return int(number)


def flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name, False)
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise Fault(BAD)


def word(fields: Mapping[str, Any], name: str, usual: str = "") -> str:
    value = fields.get(name, usual)
    if not isinstance(value, str):
        raise Fault(BAD)
    return value


def wish(fields: Mapping[str, Any]) -> Wish:
    """The order of a request. Raises `Fault`."""
    kind, tif = word(fields, "ordType", "Limit"), word(fields, "timeInForce", "GoodTillCancel")
    client_id, text = word(fields, "clOrdID"), word(fields, "text")
    side, trigger = SIDES.get(word(fields, "side")), word(fields, "triggerType")
    if side is None:
        raise Fault(11034)
    if kind not in TYPES:
        raise Fault(11035)
    if tif not in TIFS:
        raise Fault(11036)
    if kind in CONDITIONAL and trigger not in TRIGGERS:
        raise Fault(11038)
    named = bool(client_id) or isinstance(fields, Scaled)
    if not named or len(client_id) > LONGEST_ID or len(text) > LONGEST_ID:
        raise Fault(BAD)
    position = word(fields, "posSide") if isinstance(fields, Scaled) else ""
    if isinstance(fields, Scaled) and position not in POSITIONS:
        raise Fault(BAD_POSITION_SIDE)
    if any(integer(fields, name) for name in ("tpPxEp", "slPxEp")):
        raise Fault(BAD, "attached limit orders are not simulated")
    stp = word(fields, "stpInstruction", "None")
    if stp not in STPS:
        raise Fault(BAD)
    peg, peg_ep = _peg(fields, kind, side)
    close = flag(fields, "closeOnTrigger")
    return Wish(
        symbol=word(fields, "symbol"),
        client_id=client_id,
        side=side,
        kind=kind,
        qty=integer(fields, "orderQty") or 0,
        price_ep=(integer(fields, "priceEp") or 0) if kind in PRICED else 0,
        stop_ep=(integer(fields, "stopPxEp") or 0) if kind in CONDITIONAL else 0,
        tif=tif,
        reduce_only=flag(fields, "reduceOnly") or close,
        close=close,
        trigger=trigger,
        display_qty=integer(fields, "displayQty") or 0,
        text=text,
        position=position,
        stp=stp,
        peg=peg,
        peg_ep=peg_ep,
        profit_ep=_attached(fields, "takeProfitEp"),
        profit_by=word(fields, "tpTrigger"),
        loss_ep=_attached(fields, "stopLossEp"),
        loss_by=word(fields, "slTrigger"),
    )


def _attached(fields: Mapping[str, Any], name: str) -> int:
    """A price that comes with an order; 0: none. Raises `Fault`."""
    price_ep = integer(fields, name) or 0
    if price_ep < 0:
        raise Fault(BAD)
    return price_ep


def _peg(fields: Mapping[str, Any], kind: str, side: Side) -> tuple[str, int]:
    """How an order trails, and how far. Raises `Fault`."""
    peg = word(fields, "pegPriceType") or NO_PEG
    if peg == NO_PEG:
        return peg, 0
    if peg not in (STOP_PEG, PROFIT_PEG) or kind != "Stop":
        raise Fault(11086)
    peg_ep = integer(fields, "pegOffsetValueEp") or 0
    # Of the position that a sell closes the venue says "buy".
    if side == Side.SELL and peg_ep >= 0:
        raise Fault(11091)
    if side == Side.BUY and peg_ep <= 0:
        raise Fault(11092)
    return peg, peg_ep
