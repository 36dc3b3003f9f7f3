"""Publications of an account's channel in, neutral events out: section 11.4 of the reference.

The venue gives its events in five shapes that contradict each other and does not say which one is
live, so what a publication is shows in its keys, never in a name it gives itself:

    A1  {data: X}, X an order, a portfolio, an account, a subscription, or a list of them
    A2  {metadata: {eventType, timestamp}, data: {order, previousStatus, newStatus} or a portfolio}
    A3  {type: "orderUpdate", order: {orderId, status}}
    A4  {eventType, order} or {eventType, portfolio} or {eventType, balance}
    A5  {type: "order", tradeOrderId, status, executedQuantity} or {type: "balance", symbol, ...}

``read`` gives everything a publication says; ``decode`` the neutral events of a frame alone. Both
are pure. Thin shapes do not say what an order is of: ``whose`` finds that among known orders, and
an order it does not find is named in ``Heard.orders``, to be asked for. Total for what is JSON:
unknown fields, words and kinds lose nothing that is known. What is logged of an unknown event
has no secrets in it (``redacted``): accounts come with their credentials.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from connector.model.redaction import hide_inside
from connector.protocol import centrifugo_frames as frames
from connector.protocol.centrifugo_frames import NOTHING, Publication
from connector.venues.cadenza import order_rows, portfolios
from connector.venues.cadenza.numbers import MS_NS, stamp, text
from connector.venues.cadenza.order_rows import Whose
from connector.venues.cadenza.portfolios import Portfolio
from connector.venues.contract import Scales
from connector.venues.trading_contract import (
    AccountConfigEvent,
    Source,
    UnknownUserEvent,
    UserEvent,
)

SHOWN = 2048
"""Of an unknown event, at the most."""
IN_ORDER = frozenset({"ACTIVE", "NEW", "CREATED", "SETUP", "CONNECTED", "ENABLED", ""})
"""Statuses of a trading account that need no word."""
MODES = {"HEDGE": True, "NETTING": False}

_KEYS = msgspec.json.Decoder(dict[str, Raw])
_RAWS = msgspec.json.Decoder(list[Raw])


class Heard(Struct, frozen=True, kw_only=True):
    """What a publication says."""

    events: Sequence[UserEvent] = ()
    orders: Sequence[str] = ()
    """``tradeOrderId`` of orders whose instrument it does not say and nobody knows: ask."""
    portfolios: Sequence[Portfolio] = ()
    """Their balances and positions are not among ``events``."""
    untold: bool = False
    """Something of the portfolio changed that it does not say: ask."""
    streams: bool = False
    """The venue's own subscription to the account changed: look at it."""
    notes: Sequence[str] = ()
    """For people."""
    unknown: str = ""
    """What it is by its keys, where that is nothing known: everything is to be asked for."""


def decode(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """The events of a frame's publications; what needs more than the frame to be understood is an
    `UnknownUserEvent`. Raises ValueError on what is no frame or no event."""
    events: list[UserEvent] = []
    for line in frame.split(b"\n"):
        if not line.strip():
            continue
        push = frames.decode(line).push
        if push is None or push.pub is None:
            continue
        heard = read(push.pub, scales)
        events += heard.events
        for one in heard.portfolios:
            events += [*one.balances, *one.positions]
        if heard.unknown or heard.orders or heard.untold:
            events.append(UnknownUserEvent(heard.unknown or "an event that says too little"))
    return events


def read(
    one: Publication, scales: Scales, whose: Whose | None = None, account_id: str = ""
) -> Heard:
    """Everything a publication says. Raises ValueError on what is no event, or one of another
    account."""
    try:
        return _Reader(scales, whose, account_id).read(bytes(one.data), one.time * MS_NS)
    except RecursionError:
        raise ValueError("an event nested too deeply") from None


def redacted(data: bytes) -> str:
    """An event as it may be written down: what may be a secret is hidden, whatever it is in."""
    try:
        found = msgspec.json.encode(hide_inside(msgspec.json.decode(data))).decode()
    except (ValueError, RecursionError):
        return f"{len(data)} bytes that are no JSON"
    return found[:SHOWN]


class _Reader:
    """Reads one publication."""

    def __init__(self, scales: Scales, whose: Whose | None, account_id: str) -> None:
        self._scales, self._whose, self._account_id = scales, whose, account_id
        self._events: list[UserEvent] = []
        self._orders: list[str] = []
        self._portfolios: list[Portfolio] = []
        self._notes: list[str] = []
        self._untold = self._streams = False
        self._unknown = ""

    def read(self, data: bytes, told_ns: int) -> Heard:
        root = _object(data)
        metadata = root.get("metadata", NOTHING)
        if bytes(metadata).startswith(b"{"):
            told_ns = stamp(_object(metadata).get("timestamp", NOTHING)) or told_ns
        inner = bytes(root.get("data", NOTHING))
        if inner.startswith(b"["):
            for row in _RAWS.decode(inner):
                self._take(_object(row), bytes(row), told_ns)
        elif inner.startswith(b"{"):
            self._take(_object(inner), inner, told_ns)
        else:
            self._take(root, data, told_ns)
        return Heard(
            events=tuple(self._events),
            orders=tuple(self._orders),
            portfolios=tuple(self._portfolios),
            untold=self._untold,
            streams=self._streams,
            notes=tuple(self._notes),
            unknown=self._unknown,
        )

    def _take(self, body: dict[str, Raw], raw: bytes, told_ns: int) -> None:
        """One event, by what its keys show it to be."""
        if _is_object(body, "order"):
            self._order(_with(body["order"], body, "status", "newStatus"), told_ns)
        elif _is_object(body, "portfolio"):
            self._portfolio(bytes(body["portfolio"]), told_ns)
        elif _is_object(body, "balance"):
            self._balance(bytes(body["balance"]), told_ns)
        elif "tradeOrderId" in body and ("status" in body or "executedQuantity" in body):
            self._order(raw, told_ns)
        elif "balances" in body or "positions" in body:
            self._portfolio(raw, told_ns)
        elif "symbol" in body and "available" in body:
            self._balance(raw, told_ns)
        elif "subscriptionId" in body:
            self._streams = True
        elif "tradingAccountId" in body and {"credentials", "accountType", "nickname"} & set(body):
            self._account(body, told_ns)
        elif not {"credentialId", "instrumentType", "securityId", "summary"} & set(body):
            self._unknown = ", ".join(sorted(body)[:20]) or "nothing"

    def _of_us(self, account_id: str) -> None:
        if self._account_id and account_id and account_id != self._account_id:
            raise ValueError("an event of another trading account")

    def _order(self, raw: bytes, told_ns: int) -> None:
        self._of_us(order_rows.account_of(raw))
        event = order_rows.order_event(
            raw, self._scales, Source.STREAM, told_ns=told_ns, whose=self._whose
        )
        if event.symbol:
            self._events.append(event)
        else:
            self._orders.append(event.venue_order_id)

    def _portfolio(self, raw: bytes, told_ns: int) -> None:
        found = portfolios.portfolio(raw, self._scales, told_ns)
        self._of_us(found.account_id)
        self._portfolios.append(found)
        self._untold |= found.untold

    def _balance(self, raw: bytes, told_ns: int) -> None:
        if portfolios.isolated(raw):
            return
        event = portfolios.balance(raw, told_ns)
        if event is None:
            self._untold = True
        else:
            self._events.append(event)

    def _account(self, body: dict[str, Raw], told_ns: int) -> None:
        self._of_us(text(body["tradingAccountId"]))
        status = text(body.get("status", NOTHING))
        if status not in IN_ORDER:
            self._notes.append(f"the venue says that the trading account is {status}")
        hedge = MODES.get(text(body.get("positionMode", NOTHING)))
        if hedge is not None:
            venue_ns = stamp(body.get("updatedAt", NOTHING)) or told_ns
            self._events.append(AccountConfigEvent(hedge=hedge, venue_ns=venue_ns))


def _object(raw: Raw | bytes) -> dict[str, Raw]:
    return _KEYS.decode(raw)


def _is_object(body: dict[str, Raw], name: str) -> bool:
    return bytes(body.get(name, NOTHING)).startswith(b"{")


def _with(raw: Raw, body: dict[str, Raw], name: str, other: str) -> bytes:
    """An object, with what lies beside it by another name where it lacks that itself."""
    if other not in body:
        return bytes(raw)
    fields = _object(raw)
    if text(fields.get(name, NOTHING)):
        return bytes(raw)
    return msgspec.json.encode(fields | {name: body[other]})
