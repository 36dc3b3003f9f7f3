"""The demo's strategy, a process of its own: attaches, sleeps until there is an event, reads it.

``python -m connector.cli._demo_strategy RUNTIME_DIR [STAMPS]``. Prints a JSON line once it is
attached. When its stdin is closed it prints a second one with what it saw and ends: how many
events, how many were lost, and how long they took from the daemon's frame callback and, with the
simulator's STAMPS, from the sender's write."""

import select
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import orjson

import connector
from connector.clock import monotonic_ns
from connector.model.records import Flag, RecordType
from connector.model.states import FeedKind
from connector.sim import stamps

KEPT = 1_000_000
"""Measurements that are kept: the newest."""
WAIT_S = 0.1
LOOK_EVERY = 64
"""Events between two looks at stdin, when there is never nothing to do."""

Key = tuple[str, str, int]
"""Kind of stream, symbol, the message's id."""


def main(runtime_dir: str, stamps_file: str | None) -> int:
    delays_ns: deque[int] = deque(maxlen=KEPT)
    seen: deque[tuple[Key, int]] = deque(maxlen=KEPT)
    events = since_look = 0
    with connector.attach("demo", runtime_dir) as market:
        print(orjson.dumps({"attached": True}).decode(), flush=True)
        while True:
            event = market.wait(WAIT_S)
            now_ns = monotonic_ns()
            since_look += 1
            if event is None or since_look >= LOOK_EVERY:
                since_look = 0
                if asked_to_end():
                    break
            if event is None:
                continue
            events += 1
            key = message_of(event)
            if key is not None:
                delays_ns.append(now_ns - event.recv_ns)
                if stamps_file is not None:
                    seen.append((key, now_ns))
        lost = market.lost
    sender_ns = () if stamps_file is None else from_sender(seen, Path(stamps_file))
    result = {
        "events": events,
        "lapped": lost,
        "frame_to_strategy_ns": quantiles(delays_ns),
        "sender_to_strategy_ns": quantiles(sender_ns),
    }
    print(orjson.dumps(result).decode(), flush=True)
    return 0


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


def from_sender(seen: Iterable[tuple[Key, int]], path: Path) -> list[int]:
    """How long each message took since it was written to the socket."""
    read_ns = dict(seen)
    found = []
    for stream, message_id, send_ns in stamps.read(path):
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
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
