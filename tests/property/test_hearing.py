"""The short way of private events and the tracker's own say and do the same, whatever comes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector._speedups.hearing import Hearing
from connector._speedups.segment import Segment
from connector.ipc.counters import Counters
from connector.model.counters import Counter, Hop
from connector.model.instrument import Instrument
from connector.model.order import Order
from connector.model.records import RecordType
from connector.model.reports import OrderStatus
from connector.trading.halts import Halts, path_of
from connector.venues.contract import load
from tests.reference.hearing_rig import SEGMENT, Rig, tell, write
from tests.reference.hearing_rig import Story as Told

STORIES, STEPS = 500, 40
TRADING = load("binance_usdm").trading
COINS = {
    symbol: Instrument(
        symbol=symbol,
        exchange="BinanceU",
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        margin="USDT",
        price_exponent=price,
        qty_exponent=qty,
        price_digits=2,
        qty_digits=3,
        tick_e=1,
        step_e=1,
        contract_size_e=10**8,
        inverse=symbol == "ETHUSDT",
    )
    for symbol, price, qty in (("BTCUSDT", 8, 8), ("ETHUSDT", 2, 3))
}
"""One of them counted as inverse contracts are."""
ODD = ("", "0", "0.000", "1e3", ".5", "-1", "07.50", "9" * 20, None, True, 7, "x", "100.123456789")


class Story(Told):
    """Frames of Binance."""

    trading: Any = TRADING
    coins = COINS

    def event(self) -> None:
        """A frame about some order, more often sensible than not."""
        rng = self.rng
        key = rng.choice([*self.true][-3:])
        true = self.true[key]
        what, status = rng.choice(
            (("NEW", "NEW"),) * 3
            + (("TRADE", ""),) * 6
            + (("CANCELED", "CANCELED"), ("EXPIRED", "EXPIRED"), ("AMENDMENT", "NEW"))
            + (("AMENDMENT", "PARTIALLY_FILLED"), ("CALCULATED", "FILLED"), ("NEW", "REJECTED"))
            + (("EXPIRED", "EXPIRED_IN_MATCH"), ("CANCELED", "FILLED"), ("TRADE", "CANCELED"))
        )
        o = {name: true[name] for name in "scSofqpi"} | {
            "sp": true["sp"], "x": what, "X": status, "l": "0", "L": "0", "t": 0, "ps": "BOTH",
            "R": False, "rp": "0", "er": rng.choice(("0", "0", "2", "9", "", "12")), "T": self.ms,
        }  # fmt: skip
        if what in ("TRADE", "CALCULATED") or (what, status) == ("CANCELED", "FILLED"):
            most = max(1, int(true["q"]) - true["z"])
            last = most if rng.random() < 0.35 else rng.randint(1, most)
            price = rng.choice((99, 100, 101))
            true["z"] += last
            true["cost"] += last * price
            self.trades += 1
            o |= {"l": str(last), "L": f"{price}.50", "t": self.trades, "rp": "-0.25"}
            o["m"] = rng.choice((True, False))
            if rng.random() < 0.8:
                o |= {"n": rng.choice(("0.00012", "-0.1", "0")), "N": rng.choice(("USDT", "BNB"))}
            if not status:
                whole = true["z"] >= int(true["q"]) and rng.random() < 0.9
                o["X"] = "FILLED" if whole else "PARTIALLY_FILLED"
        o["z"] = str(true["z"])
        if true["z"]:
            o["ap"] = rng.choice((f"{true['cost'] / true['z'] + 0.5:.8f}", "0", "100.50"))
        if rng.random() < 0.05:
            true["z"] += 1  # a fill that nobody tells
        if rng.random() < 0.1:
            o[rng.choice([*o])] = rng.choice(ODD)
        if rng.random() < 0.03:
            o["c"] = rng.choice(("autoclose-1", "somebody", ""))
        if rng.random() < 0.03:
            o["s"] = rng.choice(("BTCUSDT", "ETHUSDT", "NEWUSDT"))
        event: dict[str, Any] = {"e": "ORDER_TRADE_UPDATE", "T": self.ms, "E": self.ms + 1, "o": o}
        if rng.random() < 0.05:
            event.pop(rng.choice("TE"))
        frame = json.dumps(event, separators=(",", ":")).encode()
        if what == "TRADE" and rng.random() < 0.4:
            lite = {"e": "TRADE_LITE", "E": self.ms, "T": self.ms}
            lite |= {
                name: o.get(name) for name in ("s", "q", "p", "m", "c", "S", "L", "l", "t", "i")
            }
            short = json.dumps(lite, separators=(",", ":")).encode()
            both = [short, frame] if rng.random() < 0.8 else [frame, short]
            for one in both if rng.random() < 0.9 else both[:1]:
                self.hear(one)
        else:
            self.hear(frame)

    def hear(self, frame: bytes) -> None:
        if self.rng.random() < 0.05:
            frame = b'{"stream":"key","data":%s}' % frame
        super().hear(frame)

    def what(self, frame: bytes) -> tuple[str, str]:
        said = json.loads(frame)
        said = said.get("data", said)
        o = said.get("o", {})
        return said["e"] if said["e"] == "TRADE_LITE" else str(o.get("x")), str(o.get("X"))


@pytest.fixture(scope="module")
def halts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Halts]:
    folder: Path = tmp_path_factory.mktemp("halts")
    made = Halts(path_of(folder))
    made.open()
    yield made
    made.close()


def test_both_ways_say_and_do_the_same(halts: Halts) -> None:
    short, long = tell(lambda seed: Story(seed, halts), STORIES, STEPS)
    plain = {
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("TRADE", "FILLED"),
        ("CANCELED", "CANCELED"),
        ("EXPIRED", "EXPIRED"),
        ("AMENDMENT", "NEW"),
        ("TRADE_LITE", "None"),
    }
    for one in plain:
        assert short[one] > 50, (one, short, long)
        assert long[one] > 50, (one, short, long)
    assert not any(status in ("REJECTED", "EXPIRED_IN_MATCH") for _, status in short)


def test_both_write_the_same_journal_and_hand_it_over(halts: Halts, tmp_path: Path) -> None:
    entries = write(Story(7, halts), halts, tmp_path, 300)
    assert {e[3] for e in entries if e[1] == RecordType.ORDER_REPORT} == {0, 1}


@pytest.mark.parametrize("written", ["x", "1e3", ".5", "-1", "1.2.3", ""])
def test_an_average_that_is_no_price_hides_no_fill(halts: Halts, written: str) -> None:
    story = Story(1, halts)
    story.place()
    o = {name: next(iter(story.true.values()))[name] for name in "scSofqpi"}
    o |= {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "1", "L": "99.5", "t": 1, "z": "1"}
    o["ap"] = written
    event = {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": o}
    story.hear(json.dumps(event, separators=(",", ":")).encode())
    story.check()
    order = next(iter(story.rigs[0].desk.tracker.orders))
    assert len(order.fills) == 1
    assert order.average_price() == (995, 1)


def _frame(story: Story, **more: Any) -> bytes:
    o = {name: next(iter(story.true.values()))[name] for name in "scSofqpi"}
    o |= {"x": "NEW", "X": "NEW", "z": "0"} | more
    event = {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": o}
    return json.dumps(event, separators=(",", ":")).encode()


def test_a_fault_of_ours_is_counted_and_the_stream_goes_on(
    halts: Halts, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(1, halts)
    story.place()
    rig = story.rigs[0]

    def fail(order: Order) -> None:
        raise RuntimeError("of ours")

    monkeypatch.setattr(rig.desk.holdings, "order", fail)
    codec = rig.hear(segment := Segment.create(1 << 18))
    assert codec is not None
    told = [fill := {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "1", "L": "9.5", "t": 1, "z": "1"}]
    told.append(fill | {"l": "9", "t": 2, "z": "10", "X": "FILLED"})
    assert codec.decode(_frame(story), 1, 0) == 0  # the acknowledgement, which cannot be counted
    assert codec.decode(b"{}", 1, 0) == 1
    for one in told:
        assert codec.decode(_frame(story, **one), 1, 0) == 0
    order = next(iter(rig.desk.tracker.orders))
    assert order.status is OrderStatus.FILLED
    assert [entry[1] for entry in rig.entries] == [RecordType.ORDER_REPORT] * 3
    counters = Counters(segment.memory)
    assert counters[Counter.RARE_ERRORS] == 1
    assert counters[Counter.HEARD] == 3
    assert counters.latency(Hop.RECV_TO_REPORT).count == 3


def test_a_codec_that_is_not_in_use_leaves_everything(halts: Halts) -> None:
    story = Story(1, halts)
    story.place()
    assert Hearing(SEGMENT).decode(_frame(story), 1, 0) == 1
    assert story.rigs[0].entries == []


def test_a_journal_that_cannot_be_opened_loses_no_fill(
    halts: Halts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("no room")

    story = Story(1, halts)
    for _ in range(5):
        story.place()
    order = next(one for one in story.rigs[0].desk.tracker.orders if one.strategy)
    for rig in story.rigs:
        monkeypatch.setattr(rig, "append", broken)
    monkeypatch.setattr(Rig, "opened", broken)
    for rig in story.rigs:
        rig.hearing = rig.hear(SEGMENT) if rig.hearing else None
    o = {name: story.true[order.key][name] for name in "scSofqpi"}
    o |= {"x": "TRADE", "X": "FILLED", "l": "10", "L": "99.5", "t": 1, "z": "10"}
    event = {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": o}
    story.hear(json.dumps(event, separators=(",", ":")).encode())
    assert sum(story.short.values()) == 1
    one, other = (rig.all() for rig in story.rigs)
    assert one.pop("faults")
    assert other.pop("faults")
    assert one == other
    assert order.status is OrderStatus.FILLED
    assert order not in story.rigs[0].desk.tracker.orders.open_of(0)
    assert story.rigs[0].desk.positions.by_fills
