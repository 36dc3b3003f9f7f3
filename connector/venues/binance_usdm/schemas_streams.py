"""The shapes of Binance USD-M stream messages beside book, trades and mark price (``schemas``).

Keys are the venue's. What newer messages have and older ones had not may be absent: ``st`` (1
USD-M, 2 COIN-M) and ``ps`` (the pair) came in 2026."""

from msgspec import Raw, Struct

from connector.venues.binance_usdm.schemas import NOTHING


class Candle(Struct):
    """``k`` of candles."""

    t: Raw
    T: Raw
    i: str
    o: Raw
    c: Raw
    h: Raw
    l: Raw  # noqa: E741  # the venue's key
    v: Raw
    x: Raw
    f: Raw = NOTHING
    L: Raw = NOTHING
    n: Raw = NOTHING
    q: Raw = NOTHING
    V: Raw = NOTHING
    Q: Raw = NOTHING
    B: Raw = NOTHING
    """The venue says to ignore it."""
    s: str = ""


class KlineEvent(Struct):
    """``kline``."""

    s: str
    k: Candle
    e: str = ""
    E: Raw = NOTHING
    ps: Raw = NOTHING
    st: Raw = NOTHING


class ContinuousKlineEvent(Struct):
    """``continuous_kline``: of a pair (``ps``) and a kind of contract (``ct``)."""

    ps: str
    ct: str
    k: Candle
    e: str = ""
    E: Raw = NOTHING
    st: Raw = NOTHING


class TickerEvent(Struct):
    """``24hrTicker`` and, without most of it, ``24hrMiniTicker``."""

    s: str
    c: Raw
    o: Raw
    h: Raw
    l: Raw  # noqa: E741  # the venue's key
    v: Raw
    q: Raw
    e: str = ""
    E: Raw = NOTHING
    p: Raw = NOTHING
    P: Raw = NOTHING
    w: Raw = NOTHING
    Q: Raw = NOTHING
    O: Raw = NOTHING  # noqa: E741  # the venue's key
    C: Raw = NOTHING
    F: Raw = NOTHING
    L: Raw = NOTHING
    n: Raw = NOTHING
    ps: Raw = NOTHING
    st: Raw = NOTHING


class ForcedOrder(Struct):
    """``o`` of ``forceOrder``."""

    s: str
    S: str
    o: str
    f: str
    q: Raw
    p: Raw
    X: str
    l: Raw  # noqa: E741  # the venue's key
    z: Raw
    T: Raw
    ap: Raw = NOTHING
    ps: Raw = NOTHING


class ForceOrderEvent(Struct):
    """``forceOrder``."""

    o: ForcedOrder
    e: str = ""
    E: Raw = NOTHING
    ps: Raw = NOTHING
    st: Raw = NOTHING


class IndexPart(Struct):
    """One row of ``c`` of ``compositeIndex``; ``q`` and ``i`` came later."""

    b: str
    w: Raw
    W: Raw
    q: str = ""
    i: Raw = NOTHING


class CompositeIndexEvent(Struct):
    """``compositeIndex``."""

    s: str
    p: Raw
    c: list[IndexPart]
    C: str = ""
    e: str = ""
    E: Raw = NOTHING
    ps: Raw = NOTHING
    st: Raw = NOTHING


class AssetIndexEvent(Struct):
    """``assetIndexUpdate``; capitals are rates, q, g, Q and G of the venue's own exchanging."""

    s: str
    i: Raw
    b: Raw
    a: Raw
    B: Raw
    A: Raw
    q: Raw
    g: Raw
    Q: Raw
    G: Raw
    e: str = ""
    E: Raw = NOTHING
    st: Raw = NOTHING


class RiskBracket(Struct):
    """One row of ``bks`` of ``contractInfo``."""

    bs: Raw
    bnf: Raw
    bnc: Raw
    mmr: Raw
    cf: Raw
    mi: Raw
    ma: Raw


class ContractInfoEvent(Struct):
    """``contractInfo``; ``bks`` only when brackets changed."""

    s: str
    ct: str
    dt: Raw
    ot: Raw
    cs: str
    bks: list[RiskBracket] = []
    e: str = ""
    E: Raw = NOTHING
    ps: Raw = NOTHING
    st: Raw = NOTHING


class SessionEvent(Struct):
    """``EquityUpdate``, ``CommodityUpdate`` and the like: t to T is session S."""

    t: Raw
    T: Raw
    S: str
    e: str = ""
    E: Raw = NOTHING
