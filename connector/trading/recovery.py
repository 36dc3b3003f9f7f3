"""What a journal says of a strategy's orders and requests, for a daemon that starts after any end.

Pure. Reading begins with the newest checkpoint; places in the directory and numbers of accounts
mean what the journal itself says they meant in that run."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from connector.model.instrument import Instrument
from connector.model.intents import Action, CommandFlag, OrderType, PositionSide, TimeInForce
from connector.model.order import Fill, Order, round_half_even
from connector.model.packing import given, layout
from connector.model.records import RecordType, Side
from connector.model.reports import Code, EndReason, OrderStatus, ReportFlag, Result, Update
from connector.trading import unnamed
from connector.trading.pending import Pending
from connector.trading.refs import content
from connector.trading.unnamed import Unnamed

_COMMAND_BODY = layout("CommandBody")
_COMMAND = layout("Command")
_SENT = layout("SentBody")
_ANSWER = layout("CommandAnswerBody")
_REPORT = layout("OrderReportBody")
_DETAIL = layout("FillDetailBody")
_INSTRUMENT = layout("InstrumentEntry")
ENDED_KEPT = 8_192
"""Ended orders a checkpoint carries, for late and repeated fills and for client ids used again."""


class Place(Struct, frozen=True, array_like=True):
    """An instrument as a journal knows it."""

    symbol: str
    price_exponent: int
    qty_exponent: int


KeptFill = tuple[int | str, int, int, int | None]
"""Trade id, quantity, price, fee; None: it is owed."""


class KeptOrder(Struct, kw_only=True, array_like=True):
    """An order; numbers in the scale of ``place``."""

    key: int
    account: str
    strategy: str
    place: Place
    client_order_id: str = ""
    order_id: int | None = None
    venue_order_id: str = ""
    conditional_id: int | None = None
    side: int = 1
    order_type: int = 1
    time_in_force: int = 0
    position_side: int = 0
    reduce_only: bool = False
    price_e: int | None = None
    qty_e: int = 0
    stop_price_e: int | None = None
    command: int = 0
    ref_id: str = ""
    status: int = 0
    reason: int = 0
    filled_qty_e: int = 0
    fills: list[KeptFill] = []
    inferred_qty_e: int = 0
    inferred_price_e: int = 0
    submitted: bool = False
    cancel_wanted: bool = False
    inferred_rest_e: int = 0
    """What the inferred part cost beyond its rounded price."""


class KeptCommand(Struct, kw_only=True, array_like=True):
    """A command that was taken and whose last answer is owed."""

    number: int
    account: str
    action: int
    order_key: int = 0
    ref_id: str = ""
    batch: int = 0
    place: Place | None = None
    """In whose scale price and quantity are."""
    price_e: int | None = None
    qty_e: int | None = None
    code: int = 0
    """Not 0: it was refused, and nobody was told."""
    sent: bool = False
    sent_ns: int = 0
    deadline_ns: int = 0
    """By the venue's clock."""
    told: bool = False
    """Answered as unknown."""


class KeptAnswer(Struct, frozen=True, array_like=True):
    """An answer, as far as a repeat of its request needs it."""

    account: str
    action: int
    result: int
    code: int
    http_status: int
    venue_code: int
    text: str


class KeptRef(Struct, array_like=True):
    """A request by the strategy's own id."""

    content: bytes
    """As ``refs.content``."""
    command: int
    answers: list[KeptAnswer] = []


class Checkpoint(Struct, kw_only=True):
    """How a strategy stands: everything before it in the journal is in it."""

    accounts: list[str]
    """Names by number, of the run that goes on behind it."""
    orders: list[KeptOrder] = []
    commands: list[KeptCommand] = []
    positions: list[tuple[str, Place, int, int]] = []
    """Own ones: account, instrument, position side, quantity."""
    refs: dict[str, KeptRef] = {}
    more: bool = False
    """Parts follow, and all of this comes with them: what is before counts until the last one."""


class Part(Struct, kw_only=True):
    """More of a checkpoint, as it was when the part was written."""

    orders: list[KeptOrder] = []
    fills: list[tuple[int, list[KeptFill]]] = []
    """More fills of orders of earlier parts, by key."""
    commands: list[KeptCommand] = []
    refs: dict[str, KeptRef] = {}
    positions: list[tuple[str, Place, int, int]] = []
    """All of them, in the last part."""
    last: bool = False


_CHECKPOINT = msgspec.msgpack.Decoder(Checkpoint)
_PART = msgspec.msgpack.Decoder(Part)
_encode = msgspec.msgpack.Encoder().encode


def encoded(checkpoint: Checkpoint | Part) -> bytes:
    """The body of a CHECKPOINT or CHECKPOINT_PART entry: its length, then as much."""
    data = _encode(checkpoint)
    return len(data).to_bytes(8, "little") + data


def over(one: KeptOrder) -> bool:
    """It has ended."""
    return OrderStatus(one.status).terminal


class Replay:
    """One strategy's journal, entry by entry."""

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy
        self.orders: dict[int, KeptOrder] = {}
        self.commands: dict[int, KeptCommand] = {}
        self.positions: dict[tuple[str, Place, int], int] = {}
        self.refs: dict[str, KeptRef] = {}
        self._accounts: list[str] = []
        self._places: dict[int, Place] = {}
        self._stale: set[int] = set()
        """Orders and commands from before a checkpoint of which nothing has been heard since."""
        self._readers = {
            RecordType.CHECKPOINT: self._checkpoint,
            RecordType.CHECKPOINT_PART: self._part,
            RecordType.INSTRUMENT_CHANGE: self._instrument,
            RecordType.COMMAND: self._command,
            RecordType.SENT: self._sent,
            RecordType.COMMAND_ANSWER: self._answer,
            RecordType.ORDER_REPORT: self._report,
            RecordType.FILL_DETAIL: self._detail,
        }

    def take(self, kind: int, account: int, instrument: int, body: bytes) -> None:
        """The next entry: its type, its header's account and instrument, its body. Raises
        ValueError on a body that cannot be read."""
        reader = self._readers.get(RecordType(kind))
        if reader is not None:
            reader(body, self._account(account), self._places.get(instrument))

    def _account(self, number: int) -> str:
        return self._accounts[number] if number < len(self._accounts) else ""

    def _checkpoint(self, body: bytes, account: str, place: Place | None) -> None:
        size = int.from_bytes(body[:8], "little")
        if not size:
            return
        found = _CHECKPOINT.decode(body[8 : 8 + size])
        self._accounts, self._places = found.accounts, {}
        if found.more:
            self._stale = {*self.orders, *(~number for number in self.commands)}
            return
        self._stale.clear()
        self.orders = {order.key: order for order in found.orders}
        self.commands = {command.number: command for command in found.commands}
        self.positions = _positions(found.positions)
        self.refs = found.refs

    def _part(self, body: bytes, account: str, place: Place | None) -> None:
        found = _PART.decode(body[8 : 8 + int.from_bytes(body[:8], "little")])
        for order in found.orders:
            self.orders[order.key] = order
            self._stale.discard(order.key)
        for key, fills in found.fills:
            known = self.orders.get(key)
            if known is not None:
                names = {fill[0] for fill in known.fills}
                known.fills = [*known.fills, *(one for one in fills if one[0] not in names)]
        for command in found.commands:
            self.commands[command.number] = command
            self._stale.discard(~command.number)
        for ref_id, ref in found.refs.items():
            self.refs.pop(ref_id, None)  # the newest last
            self.refs[ref_id] = ref
        if not found.last:
            return
        self.positions = _positions(found.positions)
        for key in self._stale:
            if key < 0:
                self.commands.pop(~key, None)
            else:
                self.orders.pop(key, None)
        self._stale.clear()

    def _instrument(self, body: bytes, account: str, place: Place | None) -> None:
        entry: Any = _INSTRUMENT.unpack(body)
        self._places[entry.id] = Place(entry.symbol, entry.price_exponent, entry.qty_exponent)

    def _command(self, body: bytes, account: str, place: Place | None) -> None:
        taken: Any = _COMMAND_BODY.unpack(body)
        raw: Any = _COMMAND.unpack(taken.command)
        place = self._places.get(raw.instrument)
        if raw.ref_id and taken.code != Code.DUPLICATE_REF.value:
            self.refs.setdefault(raw.ref_id, KeptRef(content(taken.command), raw.stamp))
        self._stale.discard(~raw.stamp)
        self.commands[raw.stamp] = KeptCommand(
            number=raw.stamp,
            account=account,
            action=raw.action,
            order_key=taken.order_key,
            ref_id=raw.ref_id,
            batch=raw.batch,
            place=place,
            price_e=given(raw.price_e),
            qty_e=given(raw.qty_e),
            code=taken.code,
        )
        if taken.code or raw.action != Action.PLACE or not taken.order_key or place is None:
            return
        self._stale.discard(taken.order_key)
        self.orders[taken.order_key] = KeptOrder(
            key=taken.order_key,
            account=account,
            strategy=self.strategy,
            place=place,
            client_order_id=taken.client_order_id,
            side=raw.side,
            order_type=raw.order_type,
            time_in_force=raw.time_in_force,
            position_side=raw.position_side,
            reduce_only=bool(raw.flags & CommandFlag.REDUCE_ONLY),
            price_e=given(raw.price_e),
            qty_e=given(raw.qty_e) or 0,
            stop_price_e=given(raw.stop_price_e),
            command=raw.stamp,
            ref_id=raw.ref_id,
        )

    def _sent(self, body: bytes, account: str, place: Place | None) -> None:
        sent: Any = _SENT.unpack(body)
        command = self.commands.get(sent.command) if sent.command else None
        if command is not None:
            command.sent, command.sent_ns = True, sent.sent_ns
            command.deadline_ns = sent.deadline_ns
        order = self.orders.get(sent.order_key)
        if order is not None and sent.action == Action.CANCEL:
            order.cancel_wanted = True

    def _answer(self, body: bytes, account: str, place: Place | None) -> None:
        answer: Any = _ANSWER.unpack(body)
        order = self.orders.get(answer.order_key)
        command = self.commands.get(answer.command)
        ref = self.refs.get(answer.ref_id)
        if ref is not None and ref.command == answer.command:
            text = body[_ANSWER.size : _ANSWER.size + answer.text_bytes].decode(errors="replace")
            said = KeptAnswer(account, answer.action, answer.result, answer.code,
                              answer.http_status, answer.venue_code, text)  # fmt: skip
            ref.answers = [*ref.answers, said]
        if answer.result == Result.UNKNOWN:
            if command is not None:
                command.told = True
            if order is not None and order.status == OrderStatus.PENDING:
                order.status = OrderStatus.UNKNOWN
            return
        self.commands.pop(answer.command, None)
        repeated = ref is not None and ref.command != answer.command
        all_of_them = answer.action == Action.CANCEL_ALL and answer.result == Result.ACCEPTED
        if all_of_them and place is not None and not repeated:
            self._cancel_all(account, place.symbol)
        if order is None:
            return
        order.order_id = order.order_id or given(answer.order_id)
        order.venue_order_id = order.venue_order_id or answer.venue_order_id
        refused = answer.result == Result.REFUSED and answer.action == Action.PLACE
        if refused and not order.submitted:
            order.status = OrderStatus.REJECTED

    def _cancel_all(self, account: str, symbol: str) -> None:
        """Promised: the process may have ended before each of them left."""
        for order in self.orders.values():
            if order.account == account and order.place.symbol == symbol and not over(order):
                order.cancel_wanted = order.cancel_wanted or bool(order.strategy)

    def _report(self, body: bytes, account: str, place: Place | None) -> None:
        said: Any = _REPORT.unpack(body)
        if said.flags & ReportFlag.SNAPSHOT:
            return
        order = self._known(said.order_key, place)
        if order is None:
            if place is None:
                return
            order = self.orders[said.order_key] = KeptOrder(
                key=said.order_key,
                account=account,
                strategy="" if said.flags & ReportFlag.FOREIGN else self.strategy,
                place=place,
                side=said.side,
                order_type=said.order_type,
                time_in_force=said.time_in_force,
                position_side=said.position_side,
                command=said.command,
                ref_id=said.ref_id,
            )
        order.client_order_id = said.client_order_id or order.client_order_id
        order.order_id = given(said.order_id) or order.order_id
        order.venue_order_id = said.venue_order_id or order.venue_order_id
        order.price_e, order.qty_e = given(said.price_e), said.qty_e
        order.stop_price_e = given(said.stop_price_e)
        order.status, order.reason = said.status, said.reason
        order.filled_qty_e = said.filled_qty_e
        if said.update != Update.REJECTED:
            order.submitted = True
        if said.update in (Update.EXECUTED, Update.LIQUIDATED) and said.last_qty_e > 0:
            self._fill(order, said)

    def _known(self, key: int, place: Place | None) -> KeptOrder | None:
        """An order, in the scale of the run that tells of it; None: that does not list it."""
        order = self.orders.get(key)
        self._stale.discard(key)
        if order is None or place is None or order.place == place:
            return order
        found = self.orders[key] = rescaled(order, place.price_exponent, place.qty_exponent)
        return found

    def _fill(self, order: KeptOrder, said: Any) -> None:
        name = said.venue_trade_id or given(said.trade_id)
        price_e = given(said.last_price_e) or 0
        if name is None:  # there may be several, each at its own price
            found = _unnamed(order)
            found.add(said.last_qty_e, said.last_qty_e * price_e)
            _keep(order, found)
        elif all(name != fill[0] for fill in order.fills):
            order.fills = [*order.fills, (name, said.last_qty_e, price_e, given(said.fee_e))]
        if order.strategy:
            side = said.last_qty_e if order.side == Side.BUY else -said.last_qty_e
            where = (order.account, order.place, order.position_side)
            self.positions[where] = self.positions.get(where, 0) + side

    def _detail(self, body: bytes, account: str, place: Place | None) -> None:
        more: Any = _DETAIL.unpack(body)
        order = self._known(more.order_key, place)
        if order is None:
            return
        name, fee_e = more.venue_trade_id or given(more.trade_id), given(more.fee_e)
        if all(name != fill[0] for fill in order.fills):  # a part of what was inferred has its name
            if name is not None:
                found, guessed = _unnamed(order), bool(more.flags & ReportFlag.RECOVERED)
                # The rest was told already.
                named_e = found.name(more.last_qty_e, more.last_price_e, guessed)
                order.fills = [*order.fills, (name, named_e, more.last_price_e, fee_e)]
                _keep(order, found)
            return
        order.fills = [
            (*fill[:3], fee_e if fill[0] == name and fill[3] is None else fill[3])
            for fill in order.fills
        ]


def _unnamed(one: KeptOrder) -> Unnamed:
    cost_e = one.inferred_qty_e * one.inferred_price_e + one.inferred_rest_e
    return Unnamed(one.inferred_qty_e, cost_e)


def _keep(one: KeptOrder, found: Unnamed) -> None:
    one.inferred_qty_e, one.inferred_price_e = found.qty_e, found.price_e
    one.inferred_rest_e = found.cost_e - found.qty_e * found.price_e


def _positions(
    rows: Sequence[tuple[str, Place, int, int]],
) -> dict[tuple[str, Place, int], int]:
    return {(account, place, side): qty_e for account, place, side, qty_e in rows}


def _place_of(instrument: Instrument) -> Place:
    return Place(instrument.symbol, instrument.price_exponent, instrument.qty_exponent)


def kept(order: Order, account: str) -> KeptOrder:
    """An order for a checkpoint."""
    instrument = order.instrument
    return KeptOrder(
        key=order.key,
        account=account,
        strategy=order.strategy,
        place=_place_of(instrument),
        client_order_id=order.client_order_id,
        order_id=order.order_id,
        venue_order_id=order.venue_order_id,
        conditional_id=order.conditional_id,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        position_side=order.position_side,
        reduce_only=order.reduce_only,
        price_e=order.price_e,
        qty_e=order.qty_e,
        stop_price_e=order.stop_price_e,
        command=order.command,
        ref_id=order.ref_id,
        status=order.status,
        reason=order.reason,
        filled_qty_e=order.filled_qty_e,
        fills=[(name, fill.qty_e, fill.price_e, fill.fee_e) for name, fill in order.fills.items()],
        inferred_qty_e=order.inferred_qty_e,
        inferred_price_e=order.inferred_price_e,
        submitted=order.submitted,
        cancel_wanted=order.cancel_wanted,
        inferred_rest_e=unnamed.of(order).cost_e - order.inferred_qty_e * order.inferred_price_e,
    )


def kept_command(one: Pending, account: str, deadline_ns: int) -> KeptCommand:
    """A request under way or unknown, for a checkpoint; ``deadline_ns`` by the venue's clock."""
    return KeptCommand(
        number=one.command,
        account=account,
        action=one.action,
        order_key=one.order.key if one.order else 0,
        ref_id=one.ref_id,
        batch=one.batch,
        place=_place_of(one.order.instrument) if one.order else None,
        price_e=one.price_e,
        qty_e=one.qty_e,
        sent=True,
        sent_ns=one.sent_ns,
        deadline_ns=deadline_ns,
        told=one.told,
    )


def rescaled(one: KeptOrder, price_exponent: int, qty_exponent: int) -> KeptOrder:
    """The order in another scale; ValueError: its numbers are not exact there."""
    prices = price_exponent - one.place.price_exponent
    quantities = qty_exponent - one.place.qty_exponent
    if not prices and not quantities:
        return one
    return msgspec.structs.replace(
        one,
        place=Place(one.place.symbol, price_exponent, qty_exponent),
        price_e=None if one.price_e is None else shifted(one.price_e, prices),
        stop_price_e=None if one.stop_price_e is None else shifted(one.stop_price_e, prices),
        qty_e=shifted(one.qty_e, quantities),
        filled_qty_e=shifted(one.filled_qty_e, quantities),
        inferred_qty_e=shifted(one.inferred_qty_e, quantities),
        inferred_price_e=shifted(one.inferred_price_e, prices),
        inferred_rest_e=_rounded(one.inferred_rest_e, prices + quantities),
        fills=[
            (name, shifted(qty_e, quantities), shifted(price_e, prices), fee_e)
            for name, qty_e, price_e, fee_e in one.fills
        ],
    )


def _rounded(value: int, digits: int) -> int:
    """The same to the nearest that fits."""
    if digits >= 0:
        return shifted(value, digits)
    return round_half_even(value, int(10**-digits))


def shifted(value: int, digits: int) -> int:
    """A scaled integer with so many more decimals; ValueError: it has more than fit."""
    if digits >= 0:
        return value * int(10**digits)
    found, rest = divmod(value, int(10**-digits))
    if rest:
        raise ValueError(f"{value} has more decimals than the scale")
    return found


def restored(one: KeptOrder, account: int, order: Order) -> Order:
    """The same as an order of this run; ``order`` has the instrument, in the scale of
    ``one.place``."""
    fills: Mapping[int | str, Fill] = {
        name: Fill(qty_e, price_e, fee_e is not None, fee_e)
        for name, qty_e, price_e, fee_e in one.fills
    }
    order.account, order.client_order_id = account, one.client_order_id
    order.order_id, order.venue_order_id = one.order_id, one.venue_order_id
    order.conditional_id = one.conditional_id
    order.side, order.order_type = Side(one.side), OrderType(one.order_type)
    order.time_in_force = TimeInForce(one.time_in_force)
    order.position_side = PositionSide(one.position_side)
    order.reduce_only = one.reduce_only
    order.conditional = order.order_type.conditional and one.order_id is None
    order.price_e, order.qty_e, order.stop_price_e = one.price_e, one.qty_e, one.stop_price_e
    order.command, order.ref_id = one.command, one.ref_id
    order.status, order.reason = OrderStatus(one.status), EndReason(one.reason)
    order.filled_qty_e, order.fills = one.filled_qty_e, dict(fills)
    order.inferred_qty_e, order.inferred_price_e = one.inferred_qty_e, one.inferred_price_e
    order.known_qty_e = sum(fill.qty_e for fill in fills.values()) + one.inferred_qty_e
    order.notional_e = sum(fill.qty_e * fill.price_e for fill in fills.values())
    order.notional_e += _unnamed(one).cost_e
    order.submitted, order.cancel_wanted = one.submitted, one.cancel_wanted
    order.restored = True
    return order
