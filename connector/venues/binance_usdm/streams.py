"""Binance USD-M streams beside book, trades and mark price: their messages as events.

Pure, as ``market``, which asks for the streams and finds the decoder here by the event's name."""

from collections.abc import Callable

import msgspec
from msgspec import Raw

from connector.model.instrument import ABSENT, MARK_EXPONENT, Instrument, Status
from connector.model.intents import TimeInForce
from connector.model.records import DepthViewKind, IndexKind, KlineSource, Side
from connector.model.reports import OrderStatus
from connector.venues.binance_usdm import schemas_streams as wire
from connector.venues.binance_usdm.answers import STATUSES, TYPES
from connector.venues.binance_usdm.instruments import STATUS, contract_type
from connector.venues.binance_usdm.schemas import (
    MS,
    decimals,
    integer,
    nanoseconds,
    number,
    optional,
    text,
    truth,
)
from connector.venues.channels import INTERVALS_S
from connector.venues.contract import (
    ContractInfo,
    Depth,
    DepthLevels,
    Event,
    Index,
    Kline,
    Liquidation,
    MarketHours,
    Scales,
    Ticker,
    UnknownSymbol,
)
from connector.venues.stream_events import Bracket, Component

RATIO_EXPONENT = 8
MOST_DECIMALS = 18
MARKET_HOURS = "market hours"
"""What subscriptions of ``tradingSession`` are about: it names no symbol."""
MARKETS = "Update"
"""The name of an event of ``tradingSession`` ends with this; the market stands before it."""

_KLINE = msgspec.json.Decoder(wire.KlineEvent)
_CONTINUOUS = msgspec.json.Decoder(wire.ContinuousKlineEvent)
_TICKER = msgspec.json.Decoder(wire.TickerEvent)
_FORCE_ORDER = msgspec.json.Decoder(wire.ForceOrderEvent)
_COMPOSITE = msgspec.json.Decoder(wire.CompositeIndexEvent)
_ASSET_INDEX = msgspec.json.Decoder(wire.AssetIndexEvent)
_CONTRACT = msgspec.json.Decoder(wire.ContractInfoEvent)
_SESSION = msgspec.json.Decoder(wire.SessionEvent)


def continuous(pair: str, contract: str) -> str:
    """What subscriptions of continuous candles are about."""
    return f"{pair} {contract}"


def asset(name: str) -> str:
    """What subscriptions of an asset's index are about."""
    return f"{name} asset index"


def _scale(*values: Raw) -> int:
    """Decimals in which these are all whole."""
    try:
        found = max(decimals(text(value)) for value in values)
    except ValueError:
        return 0  # whoever reads them says what is wrong
    if found > MOST_DECIMALS:
        raise ValueError(f"a number of {found} decimals")
    return found


def _kline(payload: Raw, scales: Scales) -> Event:
    found = _KLINE.decode(payload)
    instrument = scales(found.s)
    if instrument is None:
        return UnknownSymbol(found.s, "kline")
    return _candle(found.s, found.E, found.k, instrument, KlineSource.TRADES)


def _continuous_kline(payload: Raw, scales: Scales) -> Event:
    found = _CONTINUOUS.decode(payload)
    name = continuous(found.ps, found.ct)
    instrument = scales(name)
    if instrument is None:
        return UnknownSymbol(name, "continuous_kline")
    return _candle(name, found.E, found.k, instrument, KlineSource.CONTINUOUS)


def _candle(
    symbol: str, event: Raw, k: wire.Candle, instrument: Instrument, source: KlineSource
) -> Kline:
    interval_s = INTERVALS_S.get(k.i)
    if interval_s is None:
        raise ValueError(f"i: {k.i!r} is no interval")
    open_ns, last_ns = nanoseconds(k.t, "t"), nanoseconds(k.T, "T")
    if ABSENT in (open_ns, last_ns):
        raise ValueError("t or T: missing")
    prices, qtys, values = instrument.price_exponent, _scale(k.v, k.V), _scale(k.q, k.Q)
    return Kline(
        symbol=symbol,
        venue_ns=nanoseconds(event, "E"),
        interval_s=interval_s,
        open_ns=open_ns,
        end_ns=last_ns + MS,  # T is the interval's last millisecond
        open_e=number(k.o, prices, "o"),
        high_e=number(k.h, prices, "h"),
        low_e=number(k.l, prices, "l"),
        close_e=number(k.c, prices, "c"),
        qty_exponent=qtys,
        qty_e=number(k.v, qtys, "v"),
        buy_qty_e=optional(k.V, qtys, "V"),
        value_exponent=values,
        value_e=optional(k.q, values, "q"),
        buy_value_e=optional(k.Q, values, "Q"),
        trades=optional(k.n, 0, "n"),
        first_trade_id=_id(k.f, "f"),
        last_trade_id=_id(k.L, "L"),
        closed=truth(k.x, "x"),
        source=source,
    )


def _id(raw: Raw, name: str) -> int:
    """A trade's id; of no trades it is -1."""
    value = optional(raw, 0, name)
    return ABSENT if value == -1 else value


def _ticker(payload: Raw, scales: Scales) -> Event:
    found = _TICKER.decode(payload)
    instrument = scales(found.s)
    if instrument is None:
        return UnknownSymbol(found.s, found.e)
    prices, qtys, values = instrument.price_exponent, _scale(found.v, found.Q), _scale(found.q)
    return Ticker(
        symbol=found.s,
        venue_ns=nanoseconds(found.E, "E"),
        open_e=number(found.o, prices, "o"),
        high_e=number(found.h, prices, "h"),
        low_e=number(found.l, prices, "l"),
        last_e=number(found.c, prices, "c"),
        average_e=optional(found.w, MARK_EXPONENT, "w"),
        qty_exponent=qtys,
        last_qty_e=optional(found.Q, qtys, "Q"),
        qty_e=number(found.v, qtys, "v"),
        value_exponent=values,
        value_e=number(found.q, values, "q"),
        open_ns=nanoseconds(found.O, "O"),
        close_ns=nanoseconds(found.C, "C"),
        first_trade_id=_id(found.F, "F"),
        last_trade_id=_id(found.L, "L"),
        trades=optional(found.n, 0, "n"),
        mini=found.e == "24hrMiniTicker",
    )


def _force_order(payload: Raw, scales: Scales) -> Event:
    found = _FORCE_ORDER.decode(payload)
    order = found.o
    instrument = scales(order.s)
    if instrument is None:
        return UnknownSymbol(order.s, "forceOrder")
    if order.S not in Side.__members__:
        raise ValueError(f"S: {order.S!r} is no side")
    qtys = instrument.qty_exponent
    time = TimeInForce.__members__.get(order.f)
    return Liquidation(
        symbol=order.s,
        venue_ns=nanoseconds(found.E, "E"),
        transaction_ns=nanoseconds(order.T, "T"),
        side=Side[order.S].value,
        order_type=TYPES[order.o].value if order.o in TYPES else 0,
        time_in_force=time.value if time is not None else 0,
        status=STATUSES.get(order.X, OrderStatus.UNKNOWN).value,
        price_e=number(order.p, instrument.price_exponent, "p"),
        average_e=optional(order.ap, MARK_EXPONENT, "ap"),
        qty_e=number(order.q, qtys, "q"),
        last_qty_e=number(order.l, qtys, "l"),
        filled_qty_e=number(order.z, qtys, "z"),
    )


def _composite_index(payload: Raw, scales: Scales) -> Event:
    found = _COMPOSITE.decode(payload)
    if scales(found.s) is None:
        return UnknownSymbol(found.s, "compositeIndex")
    return Index(
        symbol=found.s,
        venue_ns=nanoseconds(found.E, "E"),
        kind=IndexKind.COMPOSITE,
        name=found.s,
        value_e=number(found.p, MARK_EXPONENT, "p"),
        components=tuple(
            Component(
                base=row.b,
                quote=row.q,
                quantity_e=number(row.w, RATIO_EXPONENT, "w"),
                share_e=number(row.W, RATIO_EXPONENT, "W"),
                price_e=optional(row.i, MARK_EXPONENT, "i"),
            )
            for row in found.c
        ),
    )


def _asset_index(payload: Raw, scales: Scales) -> Event:
    found = _ASSET_INDEX.decode(payload)
    name = asset(found.s)
    if scales(name) is None:
        return UnknownSymbol(found.s, "assetIndexUpdate")
    return Index(
        symbol=name,
        venue_ns=nanoseconds(found.E, "E"),
        kind=IndexKind.ASSET,
        name=found.s,
        value_e=number(found.i, MARK_EXPONENT, "i"),
        bid_buffer_e=optional(found.b, RATIO_EXPONENT, "b"),
        ask_buffer_e=optional(found.a, RATIO_EXPONENT, "a"),
        bid_rate_e=optional(found.B, RATIO_EXPONENT, "B"),
        ask_rate_e=optional(found.A, RATIO_EXPONENT, "A"),
        auto_bid_buffer_e=optional(found.q, RATIO_EXPONENT, "q"),
        auto_ask_buffer_e=optional(found.g, RATIO_EXPONENT, "g"),
        auto_bid_rate_e=optional(found.Q, RATIO_EXPONENT, "Q"),
        auto_ask_rate_e=optional(found.G, RATIO_EXPONENT, "G"),
    )


def _contract_info(payload: Raw, scales: Scales) -> Event:
    found = _CONTRACT.decode(payload)
    if scales(found.s) is None:
        return UnknownSymbol(found.s, "contractInfo")
    return ContractInfo(
        symbol=found.s,
        venue_ns=nanoseconds(found.E, "E"),
        status=STATUS.get(found.cs, Status.UNKNOWN),
        contract=contract_type(found.ct),
        onboard_ns=nanoseconds(found.ot, "ot"),
        delivery_ns=nanoseconds(found.dt, "dt"),
        brackets=tuple(
            Bracket(
                number=integer(row.bs, "bs"),
                floor_e=number(row.bnf, RATIO_EXPONENT, "bnf"),
                cap_e=_cap(row.bnc),
                maintenance_e=number(row.mmr, RATIO_EXPONENT, "mmr"),
                deduction_e=number(row.cf, RATIO_EXPONENT, "cf"),
                min_leverage=integer(row.mi, "mi"),
                max_leverage=integer(row.ma, "ma"),
            )
            for row in found.bks
        ),
    )


def _cap(raw: Raw) -> int:
    """ABSENT where it is beyond what can be counted: the last bracket may end at 2**63 - 1."""
    try:
        return number(raw, RATIO_EXPONENT, "bnc")
    except ValueError:
        if text(raw).isdigit():
            return ABSENT
        raise


def _session(payload: Raw, scales: Scales) -> Event:
    found = _SESSION.decode(payload)
    if scales(MARKET_HOURS) is None:
        return UnknownSymbol(MARKET_HOURS, found.e)
    return MarketHours(
        symbol=MARKET_HOURS,
        venue_ns=nanoseconds(found.E, "E"),
        market=found.e.removesuffix(MARKETS),
        session=found.S,
        open_ns=nanoseconds(found.t, "t"),
        end_ns=nanoseconds(found.T, "T"),
    )


def view(event: Event, view: DepthViewKind, levels: int) -> Event:
    """A depth message that must not touch the book."""
    if not isinstance(event, Depth):
        return event
    return DepthLevels(
        symbol=event.symbol,
        venue_ns=event.venue_ns,
        view=view,
        levels=levels,
        first_id=event.first_id,
        update_id=event.last_id,
        prev_id=event.prev_id,
        transaction_ns=event.transaction_ns,
        bids=event.bids,
        asks=event.asks,
    )


EVENTS: dict[str, Callable[[Raw, Scales], Event]] = {
    "kline": _kline,
    "continuous_kline": _continuous_kline,
    "24hrTicker": _ticker,
    "24hrMiniTicker": _ticker,
    "forceOrder": _force_order,
    "compositeIndex": _composite_index,
    "assetIndexUpdate": _asset_index,
    "contractInfo": _contract_info,
    **{
        f"{market}{MARKETS}": _session
        for market in ("Equity", "Commodity", "KR_Equity", "HK_Equity", "CN_Equity")
    },
}
"""Decoders by the event's name."""
