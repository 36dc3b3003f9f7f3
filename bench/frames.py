"""Recorded frames for the benches, and the full book they continue from."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from connector.protocol.recording import read

FOLDER = Path(
    os.environ.get("CONNECTOR_RECORDINGS", Path(__file__).resolve().parents[2] / "shared" / "data")
)
SETS = {
    "ethusdt": ("binance-usdm/ethusdt_20240718.gz", "binance-usdm/ethusdt_20240719.gz"),
    "btcusdt": ("binance-usdm/btcusdt_20230404.dat.gz", "binance-usdm/btcusdt_20230405.dat.gz"),
}
"""Name -> the recording that builds the base book, the recording that is measured."""


@dataclass
class Base:
    """A full book in the venue's text, at update id ``last_id``."""

    last_id: int = 0
    bids: dict[str, str] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)

    def apply(self, message: dict[str, list[list[str]]]) -> None:
        for side, levels in ((self.bids, message["b"]), (self.asks, message["a"])):
            for price, quantity in levels:
                if float(quantity):
                    side[price] = quantity
                else:
                    side.pop(price, None)


@dataclass
class Frames:
    """The frames of one recording as they came over the socket, by event type."""

    symbol: str
    base: Base
    depth: list[bytes]
    """Depth messages that continue ``base`` without a gap."""
    ticker: list[bytes]
    trade: list[bytes]

    @property
    def levels(self) -> int:
        found = map(orjson.loads, self.depth)
        return sum(len(frame["data"]["b"]) + len(frame["data"]["a"]) for frame in found)


def load(name: str, limit: int = 3000) -> Frames:
    """The first ``limit`` depth messages of a set, and at most as many of the others.

    SystemExit says where recordings were looked for when there are none."""
    before, measured = (FOLDER / part for part in SETS[name])
    if not measured.is_file() or not before.is_file():
        raise SystemExit(f"no recordings at {FOLDER}: set CONNECTOR_RECORDINGS to their folder")
    base = _base(before)
    found = Frames(name.upper(), base, [], [], [])
    kinds = {b"depthUpdate": found.depth, b"bookTicker": found.ticker, b"trade": found.trade}
    last_id = base.last_id
    for item in read([measured]):
        start = item.payload.find(b'"e":"', 0, 80)
        kind = item.payload[start + 5 : item.payload.find(b'"', start + 5)] if start > 0 else b""
        if kind not in kinds or len(kinds[kind]) >= limit:
            continue
        if kind == b"depthUpdate":
            data = orjson.loads(item.payload)["data"]
            assert data["pu"] == last_id, f"{measured}: not the continuation of {before}"
            last_id = data["u"]
        kinds[kind].append(item.payload)
    return found


def _base(path: Path) -> Base:
    """The book at the end of a recording that has a snapshot, by plain dictionaries."""
    base, waiting, live = Base(), [], False
    for item in read([path]):
        message = orjson.loads(item.payload)
        if "lastUpdateId" in message:
            base.last_id = message["lastUpdateId"]
            base.apply({"b": message["bids"], "a": message["asks"]})
            live = True
            for early in waiting:
                _take(base, early)
        elif message.get("data", {}).get("e") == "depthUpdate":
            if live:
                _take(base, message["data"])
            else:
                waiting.append(message["data"])
    return base


def _take(base: Base, data: dict) -> None:  # type: ignore[type-arg]
    if data["u"] < base.last_id:
        return
    assert data["pu"] <= base.last_id, "a gap in the recording"
    base.apply(data)
    base.last_id = data["u"]
