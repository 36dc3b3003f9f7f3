"""Frame or command to the write of the order; private event to strategy."""

import os
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import connector
from bench import native
from bench.frames import load
from bench.machine import two_cores
from bench.orders import ticks
from bench.orders.calm import Calm
from bench.orders.daemon import STRATEGY, Daemon
from bench.orders.ticks import Source, Strategy, Ticks, Turn
from bench.orders.venue import Order, Venue
from bench.report import Group
from bench.stats import spread

WARM = 3
"""Batches before those that count."""
REPORTS = 300
REPORT_GAP_NS = 500_000
QTY = "0.010"
SECOND_NS = 10**9
VALID_MS = 2_000
"""Enough on a machine that has other things to do: what is late is late, not refused."""
IDLE_NS = 25_000
"""As long as tick to trade may take."""
IDLE_EVERY_NS = 5_000_000
GAP_NS = 20_000
"""Between two looks at the clock: somebody else had the CPU, or the machine's host."""
PLACES = 10
"""Commands in a row, each timed."""


class Rig:
    """Venue and strategy on this process's CPU, the daemon on the other; a context manager."""

    def __init__(self, transport: str = "http") -> None:
        self.frames = load("ethusdt", 400)
        self._transport = transport

    def __enter__(self) -> "Rig":
        first, last = two_cores()
        native.load()  # made now where it is not there, while nobody waits for the venue
        self._affinity = os.sched_getaffinity(0)
        self.source = Source(self.frames)
        self.venue = Venue(self.frames).__enter__()
        self.venue.pulse = lambda: self.source.pulse(self.venue)
        try:
            self.daemon = Daemon(self.venue, first, transport=self._transport).__enter__()
        except BaseException:
            self.venue.__exit__()
            raise
        self.venue.pulse = None
        os.sched_setaffinity(0, {last})
        self.calm = Calm(self.daemon.pid).__enter__()
        self.session = connector.attach(STRATEGY, self.daemon.runtime_dir, trading=True)
        self.instrument = self.session.instruments["BinanceU", self.frames.symbol]
        self.top = self.session.top(self.instrument)
        return self

    def __exit__(self, *error: object) -> None:
        self.session.close()
        self.calm.__exit__()
        self.daemon.__exit__()
        self.venue.__exit__()
        os.sched_setaffinity(0, self._affinity)

    def strategy(self, batch: Ticks) -> Strategy:
        """Buys at the best bid when a new second begins by the venue's clock."""
        kind = connector.BookDelta if batch.stream.endswith(ticks.DEPTH) else connector.Bbo
        place, instrument, bbo = self.session.place, self.instrument, self.top.bbo
        due_ns = (batch.second + 1) * SECOND_NS

        def on_event(event: Any) -> bool:
            nonlocal due_ns
            if type(event) is kind and event.venue_ns >= due_ns:
                due_ns += SECOND_NS
                return True
            return False

        def trade() -> int:
            price = bbo().bid_price
            ticket = place(
                instrument, "buy", QTY, price, time_in_force="ioc", valid_for_ms=VALID_MS
            )
            return ticket.number

        rehearse = partial(self.session.rehearse, trade)
        return Strategy(self.session.poll, on_event, trade, self.calm.waited_ns, rehearse)

    def settle(self) -> None:
        """Until nothing is under way: every report of the last batch has been read."""
        quiet_ns = time.monotonic_ns() + 20_000_000
        while time.monotonic_ns() < quiet_ns:
            self.venue.turn()
            if self.session.poll() is not None:
                quiet_ns = time.monotonic_ns() + 20_000_000

    def batch(self, batch: Ticks, seed: int) -> list[Turn]:
        """Send it; each trigger's turn, the clock before its order's write included."""
        before = self.daemon.stamps.count
        turns = ticks.run(self.venue, batch, seed, self.strategy(batch))
        self.settle()
        left = self.daemon.stamps.since(before)
        if len(left) != len(turns) or not all(turn.came_ns for turn in turns):
            came = sum(1 for turn in turns if turn.came_ns)
            raise RuntimeError(
                f"{len(turns)} orders were due, {len(left)} left, {came} came:\n{self.why()}"
            )
        for turn, left_ns in zip(turns, left, strict=True):
            turn.left_ns = left_ns
        return turns

    def why(self) -> str:
        """What may explain that an order did not come."""
        return f"{self.daemon.refused()}\n{self.daemon.log()[-2000:]}"


def show(
    group: Group,
    name: str,
    batches: list[list[int]],
    goals: tuple[float, float | None] | None = None,
) -> None:
    """p50 and p99 over everything; the batches' medians say how steady it was."""
    whole = [value for batch in batches for value in batch]
    p50, p99, p999 = spread(whole)
    each = [spread(batch)[0] for batch in batches]
    note = f"of {len(whole):,}; p99.9 {p999:,.0f}"
    if len(each) > 1:
        note += f"; p50 of each batch {min(each):,.0f} to {max(each):,.0f}"
    group.add(f"{name}, p50", p50, "ns", goals[0] if goals else None, note=note)
    group.add(f"{name}, p99", p99, "ns", goals[1] if goals else None)


def _ours(rig: Rig, rounds: int, make: Callable[[], Ticks]) -> list[list[Turn]]:
    for turn in range(WARM):
        rig.batch(make(), turn)
    return [rig.batch(make(), WARM + turn) for turn in range(rounds)]


def tick_to_trade(rig: Rig, rounds: int, what: str) -> list[Group]:
    """All three flows of frames, and the same orders from the command on."""
    source = rig.source
    burst_gap_ns = ticks.BURST_NS // ticks.BURST
    flows: dict[str, Callable[[], Ticks]] = {
        "Bbo": lambda: source.bbo(ticks.BATCH),
        "30-level depth": lambda: source.depth(ticks.BATCH),
        "in bursts": lambda: source.depth(ticks.BURST, ticks.BURST_EVERY, burst_gap_ns),
    }
    path = Group(
        f"tick to trade over {what}: frame due → Python strategy → before send(2); in bursts: "
        f"{ticks.BURST:,} depth messages in {ticks.BURST_NS // 10**6} ms",
        "every quote and every hit reaches the venue later",
    )
    wire = Group(
        f"command over {what}: place() begun → before send(2), the daemon spins",
        "every order and cancel leaves later",
    )
    for name, make in flows.items():
        turns = _ours(rig, rounds * (ticks.BURSTS if name == "in bursts" else 1), make)
        show(path, name, [[t.left_ns - t.due_ns for t in b] for b in turns], (25_000, 60_000))
        written = [[t.left_ns - t.written_ns for t in b] for b in turns]
        show(path, f"{name}: since the sender's write", written)
        show(path, f"{name}: of it the strategy has the event", _had(turns))
        received = [[t.left_ns - t.recv_ns for t in b] for b in turns]
        show(path, f"{name}: since the daemon received it", received)
        every = [turn for batch in turns for turn in batch]
        calm = [turn for turn in every if turn.calm]
        _calm(path, name, [t.left_ns - t.written_ns for t in calm], len(every))
        _wire(wire, name, turns, rig.daemon.journalled())
    return [path, wire]


def _calm(group: Group, name: str, values: list[int], most: int) -> None:
    """What nothing disturbed, as far as the scheduler knows (`Calm`); where the machine has other
    work to do, this is what there is to go by. What a hypervisor takes is not in it: see `idle`."""
    if values:
        p50, p99, _ = spread(values)
        note = f"{len(values):,} of {most:,}"
        group.add(f"{name}, undisturbed ones, p50", p50, "ns", note=note)
        group.add(f"{name}, undisturbed ones, p99", p99, "ns", note=note)


def _had(batches: list[list[Turn]]) -> list[list[int]]:
    return [[turn.had_ns - turn.written_ns for turn in batch] for batch in batches]


def _wire(
    group: Group, name: str, batches: list[list[Turn]], journal: dict[int, dict[str, int]]
) -> None:
    """A command's way in hops; ``place()`` reads the clock first, so all of it is in them."""
    rows = [(turn, journal[turn.command]) for batch in batches for turn in batch]
    calm = [t.left_ns - j["created_ns"] for t, j in rows if t.calm]
    whole = [[t.left_ns - journal[t.command]["created_ns"] for t in b] for b in batches]
    show(group, name, whole, (8_000, None) if name == "Bbo" else None)
    _calm(group, name, calm, len(rows))
    if name != "Bbo":
        return
    hops = {
        "place() begun → taken by the gateway": [j["read_ns"] - j["created_ns"] for _, j in rows],
        "taken → journalled as sent": [j["sent_ns"] - j["read_ns"] for _, j in rows],
        "journalled as sent → before send(2)": [t.left_ns - j["sent_ns"] for t, j in rows],
        "before send(2) → read by the venue's end": [t.came_ns - t.left_ns for t, _ in rows],
        "place() called → returned": [t.asked_ns - t.had_ns for t, _ in rows],
    }
    for hop, values in hops.items():
        show(group, f"{name}: {hop}", [values])
        undisturbed = [value for value, (turn, _) in zip(values, rows, strict=True) if turn.calm]
        _calm(group, f"{name}: {hop}", undisturbed, len(rows))


def placing(rig: Rig, rounds: int) -> Group:
    """Commands in a row, while the daemon takes them."""
    group = Group("place() from Python", "a strategy is busy for longer, and asks later")
    place, clock, instrument = rig.session.place, time.monotonic_ns, rig.instrument
    price = rig.top.bbo().bid_price
    spent: list[int] = []
    bare: list[int] = []
    for _ in range(rounds * 20):
        wanted = len(rig.venue.orders) + PLACES
        for _ in range(PLACES):
            begin = clock()
            middle = clock()
            place(instrument, "buy", QTY, price, time_in_force="ioc", valid_for_ms=VALID_MS)
            end = clock()
            spent.append(end - middle)
            bare.append(middle - begin)
        _came(rig, wanted)
        rig.settle()
    p50, p99, _ = spread(spent)
    clock_ns = spread(bare)[0]
    group.add("a command, p50", p50 - clock_ns, "ns", 1_000, note=f"p99 {p99 - clock_ns:,.0f}")
    return group


def _came(rig: Rig, wanted: int) -> None:
    rig.venue.wait(lambda: len(rig.venue.orders) >= wanted)


def reports(rig: Rig, rounds: int) -> Group:
    """Fills of one resting order, one after the other, as they are due."""
    group = Group(
        "execution report: private frame → strategy has it",
        "a strategy acts later on what it already owns",
    )
    venue, session, clock = rig.venue, rig.session, time.monotonic_ns
    send = native.load().send_now
    stamp: list[list[int]] = []
    written: list[list[int]] = []
    due_to: list[list[int]] = []
    ours: list[list[int]] = []
    calm: list[int] = []
    venue.expire = False
    for turn in range(WARM + rounds):
        order = _resting(rig)
        frames = [_fill(venue, order, number) for number in range(1, REPORTS + 1)]
        chance, at, due = random.Random(turn), clock() + 2_000_000, []
        for _ in frames:
            at += int(chance.expovariate(1 / REPORT_GAP_NS))
            due.append(at)
        assert venue.private is not None
        fd = venue.private.sock.fileno()
        sent, when = 0, [0] * REPORTS
        got: list[tuple[int, int]] = []
        inside: list[int] = []
        waited_ns, looked_ns = rig.calm.waited_ns(), clock()
        while len(got) < REPORTS:
            now_ns = clock()
            if sent < REPORTS and now_ns >= due[sent]:
                when[sent] = now_ns
                send(fd, frames[sent], 0, len(frames[sent]))
                sent += 1
            elif now_ns > due[-1] + ticks.GRACE_NS:
                raise RuntimeError(f"{len(got)} of {REPORTS} fills were reported\n{rig.why()}")
            event = session.poll()
            if type(event) is connector.OrderReport and event.last_qty_e:
                got.append((event.recv_ns, clock()))
                inside.append(event.publish_ns - event.recv_ns)
                before_ns, waited_ns = waited_ns, rig.calm.waited_ns()
                # What came while this process waited was there already when it looked last.
                if waited_ns == before_ns and event.recv_ns > looked_ns and turn >= WARM:
                    calm.append(got[-1][1] - event.recv_ns)
                looked_ns = clock()
        if turn >= WARM:
            stamp.append([had - recv for recv, had in got])
            ours.append(inside)
            written.append([had - began for (_, had), began in zip(got, when, strict=True)])
            due_to.append([had - began for (_, had), began in zip(got, due, strict=True)])
        rig.settle()
    venue.expire = True
    show(group, "recv_ns → strategy has it", stamp, (10_000, None))
    _calm(group, "recv_ns → strategy has it", calm, rounds * REPORTS)
    show(group, "recv_ns → in the journal, the daemon's own part", ours)
    show(group, "the sender's write → strategy has it", written)
    show(group, "due → strategy has it", due_to)
    return group


def _resting(rig: Rig) -> Order:
    before = len(rig.venue.orders)
    price = rig.top.bbo().bid_price
    rig.session.place(rig.instrument, "buy", str(REPORTS + 1), price, time_in_force="gtc")
    rig.venue.wait(lambda: len(rig.venue.orders) > before)
    rig.settle()
    return rig.venue.orders[-1]


def _fill(venue: Venue, order: Order, number: int) -> bytes:
    """The ``number``-th fill of one coin of an order that goes on."""
    return venue.tell(
        name=order.name,
        qty=order.qty,
        price=order.price,
        id=order.order_id,
        what=b"TRADE",
        status=b"PARTIALLY_FILLED",
        last=b"1",
        filled=b"%d" % number,
        last_price=order.price,
        average=order.price,
        trade=order.order_id * 1000 + number,
    )


def idle(rounds: int) -> Group:
    """A loop that only reads the clock, on each of both CPUs: its tail is the machine's, and no
    path that takes as long has a shorter one here."""
    group = Group(
        f"a loop that only reads the clock, {IDLE_NS / 1000:g} µs at a time, every 5 ms",
        "the machine itself: tails below this are not to be had in this run",
    )
    before = os.sched_getaffinity(0)
    for cpu, whose in zip(two_cores(), ("the daemon's", "the venue's and strategy's"), strict=True):
        os.sched_setaffinity(0, {cpu})
        began_ns, gaps = time.monotonic_ns(), list[int]()
        try:
            batches = [_spins(ticks.BATCH // ticks.EVERY * 2, gaps) for _ in range(rounds)]
        finally:
            os.sched_setaffinity(0, before)
        show(group, f"{whose} CPU", batches)
        share = 100 * sum(gaps) / (time.monotonic_ns() - began_ns)
        note = f"{GAP_NS / 1000:g} µs and more at once: {len(gaps)}, to {max(gaps, default=0):,} ns"
        group.add(f"{whose} CPU, taken away", share, "%", note=note)
    return group


def _spins(count: int, gaps: list[int]) -> list[int]:
    """How long each took, from when it was due; ``gaps`` gets how long the loop did not run."""
    clock, found = time.monotonic_ns, []
    last_ns = clock()
    due_ns = last_ns + IDLE_EVERY_NS
    for _ in range(count):
        end_ns = due_ns + IDLE_NS
        while last_ns < end_ns:
            if (now_ns := clock()) - last_ns > GAP_NS:
                gaps.append(now_ns - last_ns)
            last_ns = now_ns
        found.append(last_ns - due_ns)
        due_ns = max(due_ns + IDLE_EVERY_NS, last_ns)
    return found


def run(rounds: int) -> list[Group]:
    """Everything of this file."""
    groups = []
    for transport, what in (("http", "HTTP"), ("ws_api", "WebSocket order API")):
        groups.append(idle(rounds))
        with Rig(transport) as rig:
            groups += tick_to_trade(rig, rounds, what)
            if transport == "http":
                groups += [placing(rig, rounds), reports(rig, rounds)]
    return groups
