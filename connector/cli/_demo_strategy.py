"""The demo's strategy, a process of its own: attaches, sleeps until there is an event, reads it,
and quotes two instruments of each venue.

``python -m connector.cli._demo_strategy RUNTIME_DIR [STAMPS...]``. Prints a JSON line once it is
attached. When its stdin is closed it cancels its orders, waits for their ends and prints a second
line with what it saw: how many events of the market, how many were lost, and how long they took
from the daemon's frame callback and, with the simulators' STAMPS, from the sender's write; and
whether an order was still open."""

import select
import sys
from collections import deque
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import orjson

import connector
from connector._speedups.order_events import Report
from connector.cli._demo_maker import Maker
from connector.clock import monotonic_ns
from connector.model.records import Flag, RecordType
from connector.model.states import FeedKind
from connector.sim import stamps

KEPT = 1_000_000
"""Measurements that are kept: the newest."""
WAIT_S = 0.1
LOOK_EVERY = 64
"""Events between two looks at stdin, when there is never nothing to do."""
QUOTED = 2
"""Instruments of a venue it trades, the first of the directory."""
LEAVE_NS = 45_000_000_000
"""How long its orders have to end, also one of which it takes half a minute to prove that it was
never placed."""

Key = tuple[str, str, int]
"""Kind of stream, symbol, the message's id."""


def main(runtime_dir: str, stamps_files: list[str]) -> int:
    delays_ns: deque[int] = deque(maxlen=KEPT)
    seen: deque[tuple[Key, int]] = deque(maxlen=KEPT)
    events = since_look = 0
    leaving_ns = 0
    with connector.attach("demo", runtime_dir, trading=True) as session:
        maker = Maker(session, quoted(session.listed_now()))
        print(orjson.dumps({"attached": True}).decode(), flush=True)
        while not leaving_ns or not (maker.gone or monotonic_ns() - leaving_ns > LEAVE_NS):
            event = session.wait(WAIT_S)
            now_ns = monotonic_ns()
            since_look += 1
            if event is None or since_look >= LOOK_EVERY:
                since_look = 0
                if not leaving_ns and asked_to_end():
                    leaving_ns = now_ns
                    maker.leave()
            if event is None:
                continue
            maker.hear(event)
            if isinstance(event, Report):
                continue
            events += 1
            key = message_of(event)
            if key is not None:
                delays_ns.append(now_ns - event.recv_ns)
                if stamps_files:
                    seen.append((key, now_ns))
        lost, gone = session.lost, maker.gone
    sender_ns = from_sender(seen, map(Path, stamps_files))
    result = {
        "events": events,
        "lapped": lost,
        "orders_open": not gone,
        "frame_to_strategy_ns": quantiles(delays_ns),
        "sender_to_strategy_ns": quantiles(sender_ns),
    }
    print(orjson.dumps(result).decode(), flush=True)
    return 0


def quoted(listed: Iterable[connector.Instrument]) -> list[connector.Instrument]:
    """The first few of each exchange."""
    found: dict[str, list[connector.Instrument]] = {}
    for one in listed:
        found.setdefault(one.exchange, []).append(one)
    return [one for each in found.values() for one in each[:QUOTED]]


def message_of(event: connector.Event) -> Key | None:
    """The venue's message an event came from; None for parts that are not its last, and for what
    the connector makes itself."""
    if event.flags & (Flag.RESYNC | Flag.MORE):
        return None
    if event.record_type == RecordType.BOOK_DELTA:
        kind = "depth"
    elif isinstance(event, connector.Bbo):
        kind = "bookTicker" if event.source == FeedKind.BBO else "depth"
    elif isinstance(event, connector.Trade):
        kind = "aggTrade" if event.aggregate else "trade"
    elif event.record_type == RecordType.MARK_PRICE:
        kind = "markPrice"
    else:
        return None
    return kind, event.instrument.symbol.lower(), event.update_id


def from_sender(seen: Iterable[tuple[Key, int]], paths: Iterable[Path]) -> list[int]:
    """How long each message took since it was written to the socket."""
    read_ns = dict(seen)
    found = []
    for stream, message_id, send_ns in chain.from_iterable(map(stamps.read, paths)):
        symbol, kind = stream.split("@")[:2]
        now_ns = read_ns.pop((kind, symbol, message_id), None)
        if now_ns is not None:
            found.append(now_ns - send_ns)
    return found


def quantiles(values_ns: Iterable[int]) -> dict[str, int | None]:
    """Nearest-rank quantiles in ns; None when there is nothing to say."""
    ordered = sorted(values_ns)
    shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    if not ordered:
        return dict.fromkeys(shares)
    return {name: ordered[int(share * (len(ordered) - 1))] for name, share in shares.items()}


def asked_to_end() -> bool:
    """Whether stdin was closed, or has something to say."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
