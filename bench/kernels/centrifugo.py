"""Cadenza's pushes to book, cells and ring record, and how a connection of a hundred books
begins."""

import gc
import time

from bench.centrifugo import LEVELS, PushRig, changes, trades, wholes
from bench.chunks import Chunked, loads
from bench.report import Group
from connector.model.instrument import Instrument
from connector.venues.cadenza.sim_broker import Broker, Namespace, Rules, read, sign
from connector.venues.cadenza.sim_centrifugo import Client
from connector.venues.cadenza.streams import Talk, subscription
from connector.venues.contract import Channel
from connector.venues.dialogue import Send

MESSAGES = 300
SUBSCRIPTIONS = 100
SECRET = b"bench"
GOAL_NS = 6000


def pushes(rounds: int) -> Group:
    """Whole books and changes."""
    kinds = {
        f"whole book of {LEVELS} + {LEVELS} levels": Chunked(wholes(MESSAGES)),
        f"change of {LEVELS} levels": Chunked(changes(MESSAGES)),
        "trade": Chunked(trades(MESSAGES)),
    }
    gc.disable()
    try:
        for _ in range(rounds):
            for chunked in kinds.values():
                rig = PushRig().begin()
                chunked.round({"ours": rig.decode, "orjson": loads})
    finally:
        gc.enable()
    group = Group(
        "Centrifugo push to record, Cadenza",
        "every message of every instrument costs more before any strategy hears of it",
    )
    for name, chunked in kinds.items():
        note = f"orjson.loads alone {chunked.ns('orjson'):,.0f} ns"
        goal = None if name == "trade" else GOAL_NS
        group.add(name, chunked.ns("ours"), "ns", goal, note=note)
    return group


def _instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol, exchange="Cadenza", price_exponent=8, qty_exponent=8, price_digits=2,
        qty_digits=5, tick_e=10**6, step_e=10**3,
    )  # fmt: skip


def _begin() -> tuple[int, int, int, int]:
    """One connection from its first byte to its last granted channel, against the simulated server:
    round trips, frames out, frames in, and our own nanoseconds."""
    rules = Rules(namespaces={"market": Namespace(history_size=10, recovery=True)}, ping_s=0)
    now_ms = time.time_ns() // 1_000_000
    names = {f"BINANCE:X{number}/USDT": None for number in range(SUBSCRIPTIONS)}
    instruments = {symbol: _instrument(symbol) for symbol in names}
    rows = [subscription(one, Channel.DEPTH, {}) for one in instruments.values()]
    talk = Talk("current", False, instruments.get, lambda: 0.0)
    server = Client(
        rules, Broker(rules), lambda: now_ms, lambda text, at_ms: read(text, SECRET, at_ms)
    )
    token = sign({"sub": "bench", "exp": now_ms // 1000 + 3600}, SECRET)
    now_ns = trips = sent = got = spent_ns = 0
    begin = time.perf_counter_ns()
    actions = talk.opened(rows, token, now_ns)
    spent_ns += time.perf_counter_ns() - begin
    while len(talk.granted) < SUBSCRIPTIONS:
        frames = [action.message for action in actions if isinstance(action, Send)]
        if not frames or trips > SUBSCRIPTIONS:
            raise RuntimeError(f"{len(talk.granted)} of {SUBSCRIPTIONS} channels are granted")
        # All that is sent before anything is answered is one way of one trip, and so is all that
        # answers it.
        answers = [answer.message for answer in map(server.receive, frames) if answer.message]
        trips, sent, got = trips + 1, sent + len(frames), got + len(answers)
        begin = time.perf_counter_ns()
        actions = [one for answer in answers for one in talk.received(answer, now_ns)]
        spent_ns += time.perf_counter_ns() - begin
    return trips, sent, got, spent_ns


def beginning(rounds: int) -> Group:
    """Connect and a hundred subscriptions."""
    turns = [_begin() for _ in range(max(rounds, 3))]
    trips, sent, got, _ = turns[0]
    group = Group(
        f"connect + {SUBSCRIPTIONS} subscriptions, Cadenza",
        "after each loss of the connection the books come back later",
    )
    note = f"{sent} frames out, {got} in"
    group.add("round trips until all are granted", trips, "trips", 1, note=note)
    group.add("our own time for all of it", min(turn[3] for turn in turns) / 1000, "us")
    return group


def centrifugo(rounds: int) -> list[Group]:
    """Both."""
    return [pushes(rounds), beginning(rounds)]
