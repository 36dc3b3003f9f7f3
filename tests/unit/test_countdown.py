"""The venue's countdown is armed while own orders are open, and stopped when none are."""

import random
from collections.abc import Iterable

import pytest

from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.trading.commands import Refusal
from connector.trading.countdown import RENEWALS, Countdown

MS = 1_000_000
AFTER_MS = 6000


def listed(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol, exchange="X", price_exponent=2, qty_exponent=3, price_digits=2,
        qty_digits=3, tick_e=1, step_e=1,
    )  # fmt: skip


class Venue:
    """A venue with timers, an account with orders, and time in milliseconds."""

    def __init__(self) -> None:
        self.now_ms = 1000
        self.orders: dict[str, Instrument] = {}
        self.timers: dict[str, int] = {}
        self.fired: list[str] = []
        self.flying: list[tuple[int, Instrument, int]] = []
        self.fault = ""
        self.delay_ms = 50
        self.errors = 0
        self.countdown = Countdown("main", AFTER_MS * MS, self.send, self.busy, self.count)

    def send(self, instrument: Instrument, ms: int) -> None:
        assert all(one[1] != instrument for one in self.flying), "one request at a time"
        self.flying.append((self.now_ms + self.delay_ms, instrument, ms))

    def busy(self) -> Iterable[Instrument]:
        return self.orders.values()

    def count(self, counter: Counter) -> None:
        assert counter is Counter.COUNTDOWN_ERRORS
        self.errors += 1

    def run(self, ms: int) -> None:
        for _ in range(0, ms, 50):
            self.now_ms += 50
            for one in [each for each in self.flying if each[0] <= self.now_ms]:
                self.flying.remove(one)
                _, instrument, after_ms = one
                if not self.fault and after_ms:
                    self.timers[instrument.symbol] = self.now_ms + after_ms
                elif not self.fault:
                    self.timers.pop(instrument.symbol, None)
                self.countdown.answered(instrument, after_ms, self.fault, self.now_ms * MS)
            for symbol, at_ms in list(self.timers.items()):
                if at_ms <= self.now_ms:
                    del self.timers[symbol]
                    self.orders.pop(symbol, None)
                    self.fired.append(symbol)
            self.countdown.tick(self.now_ms * MS)

    def place(self, symbol: str) -> bool:
        """Whether the order may go out."""
        try:
            self.countdown.guard(listed(symbol), self.now_ms * MS)
        except Refusal:
            return False
        self.orders[symbol] = listed(symbol)
        return True


def test_it_is_armed_with_the_first_order_renewed_and_stopped() -> None:
    venue = Venue()
    assert venue.place("A")
    assert len(venue.flying) == 1, "beside the order, not at the next tick"
    venue.run(100)
    assert list(venue.timers) == ["A"]
    for _ in range(10):
        assert venue.place("A")
        venue.run(AFTER_MS // 2)
        assert venue.timers["A"] - venue.now_ms > AFTER_MS // RENEWALS
    venue.orders.clear()
    venue.run(AFTER_MS // RENEWALS + 200)
    assert (venue.timers, venue.flying, venue.countdown.state()) == ({}, [], {})
    assert not venue.fired


def test_new_orders_wait_for_a_venue_that_does_not_let_itself_be_armed() -> None:
    venue = Venue()
    venue.fault = "no"
    assert venue.place("A"), "the first one leaves beside the request"
    venue.run(100)
    assert not venue.place("A")
    assert venue.place("B"), "another instrument is another matter"
    venue.orders.clear()
    venue.run(60_000)
    assert not venue.place("A"), "it is not forgotten when nothing is open any more"
    venue.fault = ""
    assert not venue.place("A") or venue.timers, "only a success lets orders through"
    venue.run(1000)
    assert not venue.place("A") or venue.timers
    venue.run(1000)
    assert venue.place("A")
    assert "A" in venue.timers
    assert venue.errors >= 2


def test_an_order_stays_guarded_while_renewals_fail_for_a_while() -> None:
    venue = Venue()
    assert venue.place("A")
    venue.run(500)
    venue.fault = "no answer"
    venue.run(AFTER_MS // 2)
    venue.fault = ""
    venue.run(AFTER_MS * 3)
    assert not venue.fired
    venue.fault = "no answer"
    venue.run(AFTER_MS * 2)
    assert venue.fired == ["A"], "that is what it is for"


def test_orders_of_an_earlier_run_are_guarded() -> None:
    venue = Venue()
    venue.orders["A"] = listed("A")
    venue.countdown.found(venue.busy())
    venue.run(100)
    assert list(venue.timers) == ["A"]


def test_at_the_end_it_names_what_may_be_armed_and_asks_for_nothing_more() -> None:
    venue = Venue()
    venue.place("A")
    venue.run(100)
    venue.place("B")
    assert {one.symbol for one in venue.countdown.close()} == {"A", "B"}
    venue.run(AFTER_MS // 2)
    assert not venue.flying


@pytest.mark.parametrize("seed", range(200))
def test_any_schedule(seed: int) -> None:
    """Timers fire only when every renewal failed for longer than they allow; nothing is let out
    unguarded twice in a row; in the end nothing is armed."""
    chance = random.Random(seed)
    venue = Venue()
    failing_ms = 0
    for _ in range(60):
        ms = chance.choice([50, 200, 1000, 3000])
        venue.delay_ms = chance.choice([50, 100, 300])
        venue.fault = chance.choice(["", "", "", "no"]) if failing_ms < AFTER_MS // 2 else ""
        symbol = chance.choice("AB")
        if chance.random() < 0.5:
            failed = venue.countdown.state().get(symbol) is False
            armed = venue.timers.get(symbol, 0) > venue.now_ms
            assert not (venue.place(symbol) and failed and not armed)
        else:
            venue.orders.pop(symbol, None)
        venue.run(ms)
        failing_ms = failing_ms + ms if venue.fault else 0
        if not venue.fault and ms >= 1000:
            assert set(venue.orders) <= set(venue.timers)
    assert not venue.fired or failing_ms or venue.errors
    venue.fault = ""
    venue.orders.clear()
    venue.run(2 * AFTER_MS)
    assert venue.timers == {}
