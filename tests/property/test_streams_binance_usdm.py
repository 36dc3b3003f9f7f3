"""Messages beside book, trades and mark price, spoilt at random: each is an event whose record says
what it says, or one ValueError."""

import json
import random
from typing import Any

import pytest

from connector.market.bodies import BODIES
from connector.model.instrument import ABSENT
from connector.model.packing import layout
from connector.venues.binance_usdm import VENUE
from connector.venues.contract import StreamEvent
from tests.venues.test_binance_usdm_streams import EVERY, SERVED

BESIDE = {
    name: row
    for name, row in EVERY.items()
    if row["e"] not in ("aggTrade", "trade", "markPriceUpdate", "bookTicker")
}
STREAMS = {"depthUpdate": "btcusdt@depth20", "24hrTicker": "!ticker@arr"}
STRANGE: list[Any] = [
    None, "", "x", "-1", -1, 0, 1, 2**63, -(2**63), 10**40, 1.5, True, [], {}, "1e-300", "1e300",
    "0.0000000000000000001", "9223372036854775807", "nan", "é" * 40, "1m", "1M", "BTCUSDT", [[]],
    [["1", "2"]], [["1"]], {"s": "BTCUSDT"}, "BUY", "TRADING",
]  # fmt: skip
ROUNDS = 300


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key within."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, one in list(items):
        found.append((value, key))
        if isinstance(one, dict | list):
            found += places(one)
    return found


def told(row: dict[str, Any]) -> list[StreamEvent]:
    stream = STREAMS.get(str(row.get("e")), "btcusdt@x")
    data = [row] if stream.startswith("!") else row
    frame = json.dumps({"stream": stream, "data": data}).encode()
    found = VENUE.decode(frame, SERVED.get)
    rows = found if isinstance(found, list) else [found]
    return [one for one in rows if isinstance(one, StreamEvent)]


@pytest.mark.parametrize("name", BESIDE)
def test_spoilt_messages_are_records_or_errors(name: str) -> None:
    rng = random.Random(name)
    good = 0
    for _ in range(ROUNDS):
        row = json.loads(json.dumps(BESIDE[name]))
        row["s"] = row.get("s", "BTCUSDT")
        for _ in range(rng.choice((0, 1, 1, 2))):
            where, key = rng.choice(places(row))
            if rng.random() < 0.2:
                del where[key]
            else:
                where[key] = rng.choice(STRANGE)
        try:
            events = told(row)
            packed = [(one, BODIES[type(one)].pack(one)) for one in events]
        except ValueError:
            continue
        for event, body in packed:
            good += 1
            assert len(body) % 64 == 0
            assert len(body) >= 128
            shape = type(event).__name__.replace("Info", "").replace("Levels", "View")
            read = layout(f"{shape}Body").as_dict(body)
            for field, value in read.items():
                said = getattr(event, field)
                if isinstance(said, list | tuple):
                    assert value == len(said) // (2 if isinstance(said, list) else 1)
                else:
                    assert value == (ABSENT if said is None else said)
    assert good or BESIDE[name]["s" if "s" in BESIDE[name] else "e"] not in SERVED
