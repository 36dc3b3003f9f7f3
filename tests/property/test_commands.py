"""What a strategy asks for and the 512 bytes that its daemon reads."""

import random
import socket
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest

from connector._speedups.commands import Ticket
from connector._speedups.gateway import Gateway
from connector._speedups.segment import Mapping, Segment
from connector._speedups.trader import TradingReader
from connector.ipc import trader
from connector.ipc.segments import COMMAND_BYTES, TradingMemory
from connector.model.instrument import ABSENT, Instrument
from connector.model.intents import COMMANDS, OrderType, TimeInForce
from connector.model.packing import layout
from connector.model.records import Side

assert trader  # it gives the writer its words
SLOT = layout("Command")
SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Ends:
    """Both ends of a command ring in one process."""

    def __init__(self) -> None:
        self.segment = Segment.create(1 << 20)
        for symbol in SYMBOLS:
            self.segment.add_instrument(
                Instrument(
                    symbol=symbol,
                    exchange="BinanceU",
                    price_exponent=8,
                    qty_exponent=8,
                    price_digits=2,
                    qty_digits=3,
                    tick_e=10**6,
                    step_e=10**5,
                )
            )
        self.memory = TradingMemory(1, report_bytes=1 << 18)
        self.up = Mapping(self.memory.up_fd, self.memory.up_bytes, writable=True)
        self.down = Mapping(self.memory.down_fd, self.memory.down_bytes)
        self.control = socket.socketpair()
        self.writer = TradingReader()
        market = Mapping(self.segment.fd, self.segment.size)
        self.writer.open(market, self.up, self.control[0].fileno(), self.memory.eventfd)
        self.writer.open_commands(self.up, self.down, self.memory.doorbell, 0, 7)
        self.writer.use_accounts([(0, "main", "BinanceU"), (1, "other", "Phemex")])
        self.taken: list[bytes] = []
        self.gateway = Gateway(lambda _session, slot, _read_ns: self.taken.append(slot))
        self.gateway.add("maker", self.memory.up, self.memory.down, self.memory.doorbell)
        self.instruments = self.writer.listed_now()

    def take(self) -> list[bytes]:
        """The slots that wait, as the daemon copies them."""
        self.taken = []
        while self.gateway.next_turn():
            pass
        return self.taken

    def close(self) -> None:
        self.writer.shut()
        self.memory.close()
        for end in self.control:
            end.close()


@pytest.fixture
def ends() -> Any:
    made = Ends()
    yield made
    made.close()


def text(chance: random.Random, most: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(chance.choices(letters, k=chance.randrange(1, most + 1)))


def ask(ends: Ends, chance: random.Random) -> Ticket:
    """Any command, mostly with few of the things it may say."""
    instrument = chance.choice(ends.instruments)
    texts = {
        name: text(chance, most)
        for name, most in (("ref_id", 40), ("label", 64), ("target", 64))
        if chance.random() < 0.2
    }
    kind = chance.randrange(4)
    if kind == 0:
        name = chance.choice((None, text(chance, 36)))
        return ends.writer.place(
            instrument,
            chance.choice(("buy", "SELL", Side.BUY, 2)),
            1,
            2.5,
            client_order_id=name,
            **texts,
        )
    named: dict[str, Any] = chance.choice(
        (
            {"order_key": chance.randrange(1, 1 << 60)},
            {"client_order_id": text(chance, 36)},
            {"order_id": text(chance, 40)},
            {"order_id": chance.randrange(1, 1 << 60)},
        )
    )
    if kind == 1:
        return ends.writer.amend(price="3", instrument=instrument, **named, **texts)
    if kind == 2:
        return ends.writer.cancel(instrument=instrument, **named, **texts)
    placed = ends.writer.place(instrument, "buy", "1", "2")
    assert ends.take()[0] == placed.slot
    return ends.writer.cancel(placed, **texts)


@pytest.mark.parametrize("seed", range(3))
def test_the_daemon_reads_what_the_ticket_says_however_often_the_ring_was_round(
    ends: Ends, seed: int
) -> None:
    chance = random.Random(seed)
    asked: list[Ticket] = []
    for _ in range(4 * COMMANDS):
        ticket = ask(ends, chance)
        assert len(ticket.slot) == COMMAND_BYTES
        assert ends.take() == [ticket.slot]
        asked.append(ticket)
    assert len({ticket.number for ticket in asked}) == len(asked)


def test_words_and_numbers_are_taken_in_any_order_and_spelling(ends: Ends) -> None:
    chance = random.Random(1)
    sides = {
        "buy": 1,
        "Buy": 1,
        "BUY": 1,
        Side.BUY: 1,
        1: 1,
        "sell": 2,
        "sELL": 2,
        Side.SELL: 2,
        2: 2,
    }
    times = {"gtc": TimeInForce.GTC, "IOC": TimeInForce.IOC, TimeInForce.FOK: TimeInForce.FOK}
    for _ in range(500):
        side, time_in_force = chance.choice([*sides]), chance.choice([*times])
        ticket = ends.writer.place(
            ends.instruments[0], side, "1", "2", order_type="Limit", time_in_force=time_in_force
        )
        slot = SLOT.unpack(ticket.slot)
        assert slot.side == int(side) if isinstance(side, int) else slot.side == sides[side]
        assert slot.time_in_force == times[time_in_force]
        assert slot.order_type == OrderType.LIMIT
        ends.take()
    for wrong in (None, "", "buys", -1, 256, 1.0, b"buy", {}):
        with pytest.raises((TypeError, ValueError), match=r"^side"):
            ends.writer.place(ends.instruments[0], wrong, "1", "2")  # type: ignore[arg-type]
    assert ends.take() == []


@pytest.mark.parametrize("valid_for_ms", [1, 0.5, 100, True, 86_400_000, 86_400_000.0])
def test_a_command_is_valid_for_as_long_as_it_says(ends: Ends, valid_for_ms: float) -> None:
    slot = SLOT.unpack(ends.writer.place(ends.instruments[0], 1, 1, valid_for_ms=valid_for_ms).slot)
    assert slot.valid_until_ns - slot.created_ns == int(valid_for_ms * 1_000_000)


@pytest.mark.parametrize("valid_for_ms", [0, -1, 86_400_001, 1 << 70, -(1 << 70), float("nan")])
def test_no_command_is_valid_for_another_time(ends: Ends, valid_for_ms: float) -> None:
    with pytest.raises(ValueError, match=r"^valid_for_ms"):
        ends.writer.place(ends.instruments[0], 1, 1, valid_for_ms=valid_for_ms)


DECIMALS = [
    "0", "-0", "0.0", "1", "-1", "67250.10", "0.00000001", "0.000000001", "1.000000000", "1E+3",
    "1e-8", "1E-9", "92233720368.54775807", "92233720368.54775808", "-92233720368.54775808",
    "1E+11", "1E+400", "1E-400", "0E+400", "NaN", "sNaN", "Infinity", "-Infinity", "00012.50",
    "123456789012345678901234567890",
]  # fmt: skip


def exact(ends: Ends, number: str | Decimal) -> int | str:
    """The price as it was written, or what the refusal says of it."""
    try:
        slot = ends.writer.place(ends.instruments[0], 1, "1", number).slot
    except ValueError as error:
        return f"{error}".rpartition(": ")[0] + f"{error}".rpartition(" ")[2]
    ends.take()
    return int(SLOT.unpack(slot).price_e)


@pytest.mark.parametrize("number", DECIMALS)
def test_a_decimal_means_what_its_value_is(ends: Ends, number: str) -> None:
    value = Decimal(number)
    found = exact(ends, value)
    units = value.scaleb(8) if value.is_finite() and abs(value.adjusted()) < 50 else None
    if value.is_finite() and not value:
        assert found == 0
    elif units is not None and units == int(units) and abs(units) < 1 << 63 and units != ABSENT:
        assert found == int(units)
    else:
        assert isinstance(found, str)
        assert found.startswith("price")


def test_any_decimal_is_written_as_the_same_text_is(ends: Ends) -> None:
    chance = random.Random(3)
    for _ in range(2000):
        digits, places = chance.randrange(10 ** chance.randrange(1, 19)), chance.randrange(12)
        value = Decimal(chance.choice((1, 1, 1, -1)) * digits).scaleb(-places)
        assert exact(ends, value) == exact(ends, f"{value:f}")


@pytest.mark.parametrize("seed", range(2))
def test_a_rehearsal_checks_everything_and_changes_nothing(ends: Ends, seed: int) -> None:
    """Between any two commands: the daemon sees the same as it does without rehearsals."""
    chance = random.Random(seed)
    writer, btc = ends.writer, ends.instruments[0]

    def decide() -> list[Ticket]:
        first = writer.place(btc, "buy", "1", "2", label="idle", client_order_id="x")
        batch = writer.place_batch([{"instrument": btc, "side": 1, "quantity": 1}] * 3)
        again = writer.cancel(writer.place(btc, 2, 1))
        return [first, *batch, again, writer.amend(order_key=5, instrument=btc, price=7)]

    for _ in range(300):
        before, waiting = bytes(memoryview(ends.up)), writer.waiting
        told = writer.rehearse(decide)
        assert [ticket.number for ticket in told] == [0] * 6
        assert SLOT.unpack(told[0].slot).label == "idle"
        assert (bytes(memoryview(ends.up)), writer.waiting) == (before, waiting)
        assert ends.take() == []
        with pytest.raises(ValueError, match=r"^price"):
            writer.rehearse(writer.place, btc, "buy", "1", "x")
        with pytest.raises(ValueError, match="a rehearsal within"):
            writer.rehearse(writer.rehearse, decide)
        assert not writer.rehearsing
        with pytest.raises(ValueError, match="it has no name"):
            writer.cancel(told[1])
        ticket = ask(ends, chance)
        assert ends.take() == [ticket.slot]
        assert SLOT.unpack(ticket.slot).ref_id == ticket.ref_id


def test_what_would_run_after_a_rehearsal_is_refused(ends: Ends) -> None:
    btc = ends.instruments[0]

    async def later() -> Ticket:
        return ends.writer.place(btc, "buy", "1", "2")

    def each() -> Iterator[Ticket]:
        yield ends.writer.place(btc, "buy", "1", "2")

    async def both() -> AsyncIterator[Ticket]:
        yield ends.writer.place(btc, "buy", "1", "2")

    for function in (later, each, both):
        with pytest.raises(TypeError, match=r"^function: .* nothing has run"):
            ends.writer.rehearse(function)
        assert not ends.writer.rehearsing
    assert ends.take() == []


def test_a_full_ring_can_be_rehearsed_at(ends: Ends) -> None:
    btc = ends.instruments[0]
    for _ in range(COMMANDS):
        ends.writer.place(btc, "buy", "1", "2")
    with pytest.raises(trader.Full):
        ends.writer.place(btc, "buy", "1", "2")
    assert ends.writer.rehearse(ends.writer.place, btc, "buy", "1", "2").number == 0
    with pytest.raises(trader.Full):
        ends.writer.place(btc, "buy", "1", "2")
    assert len(ends.take()) == COMMANDS
