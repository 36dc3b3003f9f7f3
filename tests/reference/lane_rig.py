"""An order path without sockets: desk, account, journals, market; what would be sent is kept."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from connector._speedups.bell import Bell
from connector._speedups.feed import Feed
from connector._speedups.order_ids import Numbers
from connector._speedups.segment import Segment
from connector.accounts import AccountService
from connector.clock import monotonic_ns, wall_ns
from connector.config import VenueSettings
from connector.config_trading import AccountSettings
from connector.desk import Desk
from connector.lane import Lane
from connector.market.live import Live
from connector.market.selection import Chosen
from connector.model.counters import Counter
from connector.model.instrument import ABSENT, Instrument, Status
from connector.model.intents import TimeInForce
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.records import Side as RecordSide
from connector.model.reports import OrderStatus
from connector.protocol.ratelimit import RollingWindow
from connector.trading.halts import Halt, Halts, Scope, clear, path_of, set_halt, writing
from connector.trading.ids import Ids
from connector.trading.journal import Journals
from connector.trading.ledger import Ledger
from connector.trading.risk import Limits
from connector.transport import order_socket
from connector.transport.http_connection import Connection
from connector.transport.order_pool import ANSWER_CAP
from connector.transport.rest import Rest
from connector.venues.contract import Bbo, MarkPrice, load
from connector.venues.trading_contract import Execution, OrderEvent, Source
from tests.reference.fields import fields_of

VENUES = {name: load(name) for name in ("binance_usdm", "phemex")}
SECOND_NS = 1_000_000_000
INSTRUMENT = Instrument(
    symbol="BTCUSDT", exchange="BinanceU", status=Status.TRADING, price_exponent=2, qty_exponent=3,
    price_digits=2, qty_digits=3, tick_e=10, step_e=1, min_price_e=1000, max_price_e=100_000_00,
    min_qty_e=1, max_qty_e=1_000_000, market_max_qty_e=500_000, min_notional_e=100 * 10**8,
    multiplier_up_e=105_000_000, multiplier_down_e=95_000_000, quote="USDT", margin="USDT",
)  # fmt: skip
INVERSE = replace(
    INSTRUMENT, inverse=True, quote="USD", margin="BTC", price_exponent=4, price_digits=1,
    qty_exponent=0, qty_digits=0, step_e=1, min_qty_e=1, tick_e=1_000, min_price_e=ABSENT,
    max_price_e=ABSENT, min_notional_e=ABSENT, contract_size_e=100 * 10**8,
)  # fmt: skip
PLAIN = {
    "price_e": 49_990_00, "qty_e": 1, "side": RecordSide.BUY, "flags": 0,
    "valid_ns": 3600 * SECOND_NS, "time_in_force": TimeInForce.GTC, "who": "maker", "last": False,
}  # fmt: skip
A_MARK_BEFORE_ANY_ORDER_COUNTED = [
    ("place", PLAIN), ("place", PLAIN), ("tick", None), ("mark", 4_990_000_000_000),
    ("place", PLAIN | {"qty_e": 5}),
]  # fmt: skip
INSTRUMENTS = [
    INSTRUMENT,
    replace(INSTRUMENT, price_exponent=5, price_digits=5, qty_exponent=0, qty_digits=0,
            tick_e=10_000, min_price_e=ABSENT, max_price_e=ABSENT, min_notional_e=ABSENT,
            multiplier_down_e=ABSENT, contract_size_e=33_333, market_min_qty_e=4, step_e=2,
            min_qty_e=2),
    replace(INSTRUMENT, price_exponent=10, price_digits=2, qty_exponent=8, qty_digits=3,
            tick_e=10**9, min_price_e=10**11, max_price_e=10**16, step_e=10**5,
            min_qty_e=10**5, max_qty_e=10**11, market_max_qty_e=ABSENT, market_step_e=2 * 10**5),
    INVERSE,
    replace(INSTRUMENT, inverse=True, quote="USD", margin="BTC", min_notional_e=ABSENT,
            contract_size_e=77_777_777_777),
]  # fmt: skip
"""With the same prices and quantities at other scales, and other rules."""
COMMAND, BODY, SENT = layout("Command"), layout("CommandBody"), layout("SentBody")
EMPTY = ("order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e", "callback_rate_e",
         "good_till_ns")  # fmt: skip
STAMPS = re.compile(
    rb"timestamp=\d+|signature=[0-9a-f]{64}"
    rb"|(?<=request-expiry: )\d+|(?<=request-signature: )[0-9a-f]{64}"
    rb'|"timestamp":\d+|"signature":"[0-9a-f]{64}"|^{"id":\d+|{"id":\d{10}'
    rb"|[\d.]+ ms after it ended\0*"
    rb"|again in [\d.]+ s\0*"
)
order_socket.NUMBERS = Numbers(10**9)  # of one length: some are left out


def scaled(value_e: int, from_exponent: int, to_exponent: int) -> int:
    shift = to_exponent - from_exponent
    return value_e * 10**shift if shift >= 0 else value_e // 10**-shift


class Wire:
    """A transport that keeps what is written."""

    talk = None

    def __init__(self, side: "Side") -> None:
        self._side, self.closing = side, False

    @property
    def carrier(self) -> "Wire":
        return self

    def write(self, data: bytes) -> None:
        if data:
            self._keep(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    # As a connection of the order API

    @property
    def is_open(self) -> bool:
        return not self.closing

    def send(self, message: bytes) -> bool:
        """The desk's way of the order API."""
        self._keep(message)
        return True

    def _keep(self, data: bytes) -> None:
        self._side.sent.append(data)
        self._side.leaving(data)
        if self._side.broken:
            raise OSError("no")


class LineWire(Wire):
    """As a connection of the order API that keeps the texts of whole frames, too."""

    def write(self, data: bytes) -> None:
        if not data:
            return
        assert data[0] == 0x81
        assert data[1] == 0x80 | 126  # masked, and no order is short
        size, key, body = int.from_bytes(data[2:4], "big"), data[4:8], data[8:]
        assert len(body) == size
        self._keep(bytes(one ^ key[at % 4] for at, one in enumerate(body)))


class Session:
    number = 7

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy


class Side:
    """An account "main" for the strategies "maker" and "taker", with or without the short way."""

    def __init__(
        self,
        folder: Path,
        limits: dict[tuple[str, str], Limits],
        lane: bool,
        instrument: Instrument = INSTRUMENT,
        venue: str = "binance_usdm",
        **account: Any,
    ) -> None:
        folder.mkdir()
        self.venue, made = venue, VENUES[venue]
        os.environ.update(LANE_RIG_KEY="K" * 64, LANE_RIG_SECRET="S" * 64)
        self.segment = Segment.create(1 << 20)
        self.feed = Feed(self.segment, self.segment.add_instrument(instrument), instrument)
        self.live = Live(Chosen(instrument, (), frozenset()), 0, 0, self.feed, None)  # type: ignore[arg-type]
        self.rest = Rest(made, None, lambda *_: None)  # type: ignore[arg-type]
        self.account = AccountService(
            0,
            "main",
            AccountSettings(
                venue=venue,
                strategies=("maker", "taker"),
                key="env:LANE_RIG_KEY",
                secret="env:LANE_RIG_SECRET",
                **account,
            ),
            made,
            0,
            VenueSettings(feeds=()),
            self.segment,
            Bell(),
            self.rest,
            None,
            RollingWindow(10**6, SECOND_NS),
            {"BTCUSDT": instrument}.get,
            lambda: (instrument,),
        )
        self.journals = Journals(folder, folder, describe=self.segment.entry, capacity=1 << 20)
        self.halts = Halts(path_of(folder))
        self.halts.open()
        self.folder = folder
        ids = Ids(1)
        self.desk = self.account.desk = Desk(
            [self.account],
            Ledger(self.journals, wall_ns),
            ids,
            listed={0: self.live}.get,
            find=lambda venue, symbol: self.live if symbol == "BTCUSDT" else None,
            halts=self.halts,
            clock=monotonic_ns,
            limits=limits,
            count=lambda counter, amount: self.segment.count(counter.value, amount),
        )
        self.lane = Lane(self.desk, self.journals, self.halts, ids, self.segment)
        self.lane.kernel.on = lane
        self.sent: list[bytes] = []
        self.broken = False
        """Every write fails."""
        self.leaving: Callable[[bytes], object] = lambda data: None
        """Called with every request as it is written."""
        self.sessions = {name: Session(name) for name in ("maker", "taker", "other")}
        self.bbo_id = 0
        self.connect()
        now_ns = monotonic_ns()
        self.account.clock.heard(now_ns, now_ns, wall_ns())

    def connect(self) -> None:
        """Four connections and a private stream, all up."""
        account = self.account
        for _ in range(4):
            connection = Connection(ANSWER_CAP)
            connection.connection_made(Wire(self))  # type: ignore[arg-type]
            account.pool.idle.append(connection)
        if account.socket is not None:
            line = order_socket.Line(1, LineWire(self))  # type: ignore[arg-type]
            account.socket.serving = account.socket._lines[1] = line
        account.reconciled = account.running = True
        account._private = type("Up", (), {"up": True})()

    def again(self) -> None:
        """The account was ended and runs anew."""
        self.account._begin()
        self.connect()

    def close(self) -> None:
        self.halts.close()
        self.journals.close()

    # What happens

    def take(self, slot: bytes, read_ns: int, who: str = "maker", last: bool = True) -> None:
        """``last``: nothing comes right behind it, and nothing may come of rehearsals."""
        self.lane.take(self.sessions[who], slot, read_ns)
        if last:
            self.desk.taken()
            self.lane.kernel.rehearse()
            self.lane.kernel.rehearse()

    def quote(self, bid_e: int, ask_e: int) -> None:
        self.bbo_id += 1
        now_ns = monotonic_ns()
        event = Bbo("BTCUSDT", self.bbo_id, wall_ns(), 0, bid_e, 1000, ask_e, 1000)
        self.feed.bbo(event, 0, now_ns)

    def mark(self, mark_e: int, age_ns: int = 0) -> None:
        event = MarkPrice("BTCUSDT", wall_ns(), mark_e, mark_e, mark_e, mark_e, 0, 0)
        self.feed.mark_price(event, 0, monotonic_ns() - age_ns)

    def halt(self, on: bool) -> None:
        with writing(self.folder) as fd:
            if on:
                set_halt(fd, Halt(Scope.EVERYTHING, reason="test"))
            else:
                clear(fd)

    def cut(self) -> None:
        """The connection that would be written to next is closing."""
        if self.account.socket is not None and self.account.socket.serving is not None:
            self.account.socket.serving.connection.abort()
        elif self.account.pool.idle:
            self.account.pool.idle[-1].close()

    def flying(self) -> int | None:
        """The oldest request under way."""
        if (socket := self.account.socket) is not None:
            flights = socket._lines[1].flights
            return next((one.request for one in flights.values()), None)
        return next((request for request, _ in self.account.pool.busy.values()), None)

    def answered(self, status: int, body: object) -> None:
        """The oldest request under way is answered."""
        if (socket := self.account.socket) is not None:
            number = next(iter(socket._lines[1].flights))
            kind = "result" if status == 200 else "error"
            answer = {"id": number, "status": status, kind: body, "rateLimits": []}
            socket._arrived(1, json.dumps(answer).encode())
            return
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(data)}\r\n\r\n"
        next(iter(self.account.pool.busy)).data_received(head.encode() + data)

    def answer(self, refuse: bool) -> None:
        """The venue answers the oldest request."""
        if (request := self.flying()) is None:
            return
        pending = self.desk.tracker.request(request)
        assert pending is not None
        order = pending.order
        if self.venue == "phemex":
            said = {"code": 11001, "msg": "no"}
            if not refuse and order is not None:
                row = {"orderID": f"v-{order.key & 0xFFFF}", "clOrdID": order.client_order_id}
                row |= {"symbol": "BTCUSDT", "ordStatus": "Created", "transactTimeNs": 1}
                said = {"code": 0, "msg": "", "data": row}
            self.answered(200, said)
            return
        if refuse or order is None:
            status, body = 400, {"code": -2010, "msg": "no"}
        else:
            status = 200
            body = {
                "orderId": order.key & 0xFFFF, "symbol": "BTCUSDT",
                "clientOrderId": order.client_order_id,
                "status": "CANCELED" if pending.action.name == "CANCEL" else "NEW",
                "price": "0", "avgPrice": "0", "origQty": "0", "executedQty": "0", "cumQuote": "0",
                "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "positionSide": "BOTH",
                "stopPrice": "0", "updateTime": 1,
            }  # fmt: skip
        self.answered(status, body)

    def fill(self, index: int, part: float) -> None:
        """The stream tells of a fill of an order."""
        orders = [one for one in self.desk.tracker.orders if one.strategy and one.leaves_qty_e]
        if not orders:
            return
        order = orders[index % len(orders)]
        qty_e = max(1, int(order.leaves_qty_e * part))
        filled_e = order.filled_qty_e + qty_e
        whole = filled_e >= order.qty_e
        event = OrderEvent(
            source=Source.STREAM,
            execution=Execution.TRADE,
            symbol="BTCUSDT",
            client_order_id=order.client_order_id,
            status=OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED,
            last_qty_e=qty_e,
            last_price_e=order.price_e or 50_000_00,
            filled_qty_e=filled_e,
            trade_id=len(self.sent) * 1000 + order.filled_qty_e + 1,
            venue_ns=1,
        )
        self.desk.order_event(self.account, event)

    # What came of it

    @property
    def short(self) -> int:
        """Commands that went the short way."""
        return self.segment.counter(Counter.LANE.value)

    def wire(self) -> list[bytes]:
        """What was sent, without time and signature."""
        return [STAMPS.sub(b"", one) for one in self.sent]

    def journal(self) -> list[Any]:
        """Every entry, times apart."""
        found = []
        for entry in [one for name in self.sessions for one in self.journals.read(name)]:
            body = bytearray(entry.body)
            for name, stamps in ZEROED.get(entry.kind, {}).items():
                kind = layout(name)
                fields = kind.unpack(bytes(body[: kind.size]))
                values = {key: getattr(fields, key) for key in fields._fields}
                again = kind.pack(**{**values, **dict.fromkeys(stamps, 0)})
                body[: kind.size] = again
            text = STAMPS.sub(b"", bytes(body))
            found.append(
                (entry.kind, entry.sequence, entry.instrument, entry.account, entry.order_key, text)
            )
        return found

    def state(self) -> Any:
        """Orders, requests, holdings, budgets."""
        tracker = self.desk.tracker
        orders = [
            {**fields_of(one), "worth": one.average_price()}  # summed up when somebody asks
            for one in tracker.orders
        ]
        requests = []
        for one in tracker.pending():
            fields = {name: getattr(one, name) for name in one.__struct_fields__}
            fields |= {"order": one.order.key if one.order else 0, "sent_ns": 0}
            requests.append(fields)
        owners = []
        for owner in self.desk.holdings.owners():
            fields = fields_of(owner)
            fields["holdings"] = {
                place: fields_of(one)
                for place, one in owner.holdings.items()
                # A place that is empty says nothing; the short way makes it when it learns.
                if one.position_e or one.buys_e or one.sells_e or one.cash_e
            }
            fields["sent_ns"] = list(owner.sent_ns)
            owners.append(fields)
        now_ns = monotonic_ns()
        venue_ns = self.account.venue_ns(now_ns)
        pools = [*self.account.budget.pools, *self.rest.pools]
        used = [budget.used(now_ns, venue_ns) for _, budget in pools]
        refs = {name: list(one.known.items()) for name, one in self.desk.refs.items()}
        known = {
            name: [
                (ref, one.command, one.repeats, one.digest(), len(one.answers)) for ref, one in rows
            ]
            for name, rows in refs.items()
        }
        return orders, requests, owners, used, known, sorted(self.account.flights.flying)


ZEROED: dict[int, dict[str, tuple[str, ...]]] = {
    RecordType.COMMAND: {"CommandBody": ("wall_ns", "checked_ns", "encoded_ns")},
    RecordType.SENT: {"SentBody": ("sent_ns", "wall_ns", "deadline_ns")},
    # Its text may say how long to wait, and is compared without that.
    RecordType.COMMAND_ANSWER: {
        "CommandAnswerBody": ("wall_ns", "sent_ns", "left_ns", "text_bytes")
    },
    RecordType.ORDER_REPORT: {"OrderReportBody": ("wall_ns",)},
    RecordType.TEXT: {"TextBody": ("wall_ns",)},
}
