"""The shapes of the venue's private events: section 13 of the reference.

As tolerant as the other schemas: unknown fields are ignored, any field may be absent, values are
kept as their raw JSON text."""

from msgspec import Raw, Struct, field

from connector.venues.binance_usdm.schemas import NOTHING


class UserFrame(Struct):
    """Any private message, bare or wrapped with its stream's name."""

    stream: str = ""
    data: Raw = NOTHING
    e: str = ""
    E: Raw = NOTHING
    T: Raw = NOTHING


class TradedOrder(Struct):
    """``o`` of ORDER_TRADE_UPDATE."""

    s: Raw = NOTHING
    c: Raw = NOTHING
    S: Raw = NOTHING
    o: Raw = NOTHING
    ot: Raw = NOTHING
    f: Raw = NOTHING
    q: Raw = NOTHING
    p: Raw = NOTHING
    ap: Raw = NOTHING
    sp: Raw = NOTHING
    x: Raw = NOTHING
    X: Raw = NOTHING
    i: Raw = NOTHING
    M: Raw = NOTHING
    l: Raw = NOTHING  # noqa: E741  the venue's name
    z: Raw = NOTHING
    L: Raw = NOTHING
    N: Raw = NOTHING
    n: Raw = NOTHING
    T: Raw = NOTHING
    t: Raw = NOTHING
    m: Raw = NOTHING
    R: Raw = NOTHING
    ps: Raw = NOTHING
    rp: Raw = NOTHING
    er: Raw = NOTHING
    b: Raw = NOTHING
    a: Raw = NOTHING
    wt: Raw = NOTHING
    cp: Raw = NOTHING
    AP: Raw = NOTHING
    cr: Raw = NOTHING
    pP: Raw = NOTHING
    si: Raw = NOTHING
    ss: Raw = NOTHING
    V: Raw = NOTHING
    pm: Raw = NOTHING
    gtd: Raw = NOTHING


class OrderTradeUpdate(Struct):
    E: Raw = NOTHING
    T: Raw = NOTHING
    e: Raw = NOTHING
    o: TradedOrder = field(default_factory=TradedOrder)


class TradeLite(Struct):
    """A fill without the order's state, meant to come first."""

    E: Raw = NOTHING
    T: Raw = NOTHING
    s: Raw = NOTHING
    q: Raw = NOTHING
    p: Raw = NOTHING
    m: Raw = NOTHING
    c: Raw = NOTHING
    S: Raw = NOTHING
    L: Raw = NOTHING
    l: Raw = NOTHING  # noqa: E741  the venue's name
    t: Raw = NOTHING
    i: Raw = NOTHING
    e: Raw = NOTHING


class AlgoOrder(Struct):
    """``o`` of ALGO_UPDATE; only aid, caid, s, S and X are always there."""

    caid: Raw = NOTHING
    aid: Raw = NOTHING
    at: Raw = NOTHING
    o: Raw = NOTHING
    s: Raw = NOTHING
    S: Raw = NOTHING
    ps: Raw = NOTHING
    f: Raw = NOTHING
    q: Raw = NOTHING
    X: Raw = NOTHING
    ai: Raw = NOTHING
    tp: Raw = NOTHING
    p: Raw = NOTHING
    R: Raw = NOTHING
    rm: Raw = NOTHING
    ap: Raw = NOTHING
    aq: Raw = NOTHING
    act: Raw = NOTHING
    V: Raw = NOTHING
    wt: Raw = NOTHING
    pm: Raw = NOTHING
    cp: Raw = NOTHING
    pP: Raw = NOTHING
    tt: Raw = NOTHING
    gtd: Raw = NOTHING
    ia: Raw = NOTHING


class AlgoUpdate(Struct):
    E: Raw = NOTHING
    T: Raw = NOTHING
    e: Raw = NOTHING
    o: AlgoOrder = field(default_factory=AlgoOrder)


class ChangedBalance(Struct):
    a: Raw = NOTHING
    wb: Raw = NOTHING
    cw: Raw = NOTHING
    bc: Raw = NOTHING


class ChangedPosition(Struct):
    s: Raw = NOTHING
    pa: Raw = NOTHING
    ep: Raw = NOTHING
    cr: Raw = NOTHING
    up: Raw = NOTHING
    mt: Raw = NOTHING
    ps: Raw = NOTHING
    bep: Raw = NOTHING
    iw: Raw = NOTHING
    ma: Raw = NOTHING


class ChangedAccount(Struct):
    m: Raw = NOTHING
    S: Raw = NOTHING
    """Of FUNDING_FEE, since 2026-08-07."""
    B: list[ChangedBalance] = field(default_factory=list)
    P: list[ChangedPosition] = field(default_factory=list)


class AccountUpdate(Struct):
    E: Raw = NOTHING
    T: Raw = NOTHING
    e: Raw = NOTHING
    a: ChangedAccount = field(default_factory=ChangedAccount)


class SymbolConfig(Struct):
    s: Raw = NOTHING
    l: Raw = NOTHING  # noqa: E741  the venue's name


class AssetsMode(Struct):
    j: Raw = NOTHING


class AccountConfigUpdate(Struct):
    """Either of both."""

    E: Raw = NOTHING
    T: Raw = NOTHING
    ac: SymbolConfig | None = None
    ai: AssetsMode | None = None


class WarnedPosition(Struct):
    s: Raw = NOTHING
    ps: Raw = NOTHING
    pa: Raw = NOTHING
    mt: Raw = NOTHING
    iw: Raw = NOTHING
    mp: Raw = NOTHING
    up: Raw = NOTHING
    mm: Raw = NOTHING


class MarginCall(Struct):
    E: Raw = NOTHING
    cw: Raw = NOTHING
    p: list[WarnedPosition] = field(default_factory=list)
