"""What a Phemex order request says: its fields, read and checked before the engine is asked.

Written from the venue's reference alone. A refusal is a `Fault` with the venue's business error.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from connector.sim.matching.types import OrderType, Side, Tif, WorkingType
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
BAD = 30000


class Fault(Exception):
    """A request that is refused with a business error."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or str(code))
        self.code = code
        self.body = failure(code, text)


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
    if not client_id or len(client_id) > LONGEST_ID or len(text) > LONGEST_ID:
        raise Fault(BAD)
    if any(integer(fields, name) for name in ("takeProfitEp", "stopLossEp")):
        raise Fault(BAD, "attached take-profit and stop-loss are not simulated")
    if word(fields, "pegPriceType", "UNSPECIFIED") not in ("", "UNSPECIFIED"):
        raise Fault(11086)
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
    )
