"""The private stream's key: kept alive through lost requests, made anew when it is gone, never
deleted."""

import asyncio
from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connector._speedups.bell import Bell
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns
from connector.config import Feeds, VenueSettings
from connector.errors import NotSent, Rejected, Unknown, VenueError
from connector.model.counters import Counter
from connector.private import PrivateStream, Sockets
from connector.protocol.ratelimit import RollingWindow
from connector.trading.clock import VenueClock
from connector.venues.contract import Request, load
from tests.reference.lane_rig import Side
from tests.reference.sim_process import simulator

MS = 1_000_000


class Owner:
    """Answers key requests from a script and writes down what was asked."""

    def __init__(self, answers: dict[str, Sequence[str | VenueError]]) -> None:
        self._answers = {method: list(each) for method, each in answers.items()}
        self.asked: list[str] = []
        self.told: list[str] = []
        self.changed = asyncio.Event()

    @property
    def signer(self) -> Any:
        raise AssertionError("this venue has no logon")

    def venue_ns(self, now_ns: int) -> int:
        return now_ns

    async def signed(self, request: Request) -> bytes:
        self.asked.append(request.method)
        self.changed.set()
        script = self._answers[request.method]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, VenueError):
            raise answer
        return b'{"listenKey":"%s"}' % answer.encode() if answer else b"{}"

    def stream_up(self) -> None:
        self.told.append("up")
        self.changed.set()

    def stream_down(self, why: str) -> None:
        self.told.append("down")
        self.changed.set()

    def frame(self, frame: bytes, recv_ns: int) -> None: ...
    def count(self, counter: Counter) -> None: ...

    async def until(self, done: Any) -> None:
        async with asyncio.timeout(60):
            while not done():
                self.changed.clear()
                await self.changed.wait()


def staged(answers: dict[str, Sequence[str | VenueError]], act: Any) -> Owner:
    """Run ``act(owner, stream)`` beside a stream whose key is kept every few milliseconds."""

    async def main(url: str) -> Owner:
        venue = load("binance_usdm")
        assert venue.trading is not None
        assert venue.trading.stream.key is not None
        key = msgspec.structs.replace(venue.trading.stream.key, keep_every_ns=20 * MS)
        stream = msgspec.structs.replace(venue.trading.stream, key=key)
        trading = msgspec.structs.replace(venue.trading, stream=stream)
        venue = msgspec.structs.replace(venue, ws_url=url, trading=trading)
        owner = Owner(answers)
        settings = VenueSettings(feeds=(Feeds(instruments=("BTCUSDT",)),))
        gate = RollingWindow(1000, 1000 * MS)
        sockets = Sockets(venue, settings, Segment.create(1 << 18), Bell(), None, gate)
        private = PrivateStream(owner, "main", sockets)
        task = asyncio.create_task(private.run())
        try:
            await act(owner, private)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert "DELETE" not in owner.asked
        return owner

    with simulator("--symbols", "BTCUSDT", "--account", "main=KEY:SECRET") as venue:
        return asyncio.run(main(venue.ws))


def test_a_key_is_kept_through_lost_requests() -> None:
    async def act(owner: Owner, stream: PrivateStream) -> None:
        await owner.until(lambda: owner.asked.count("PUT") >= 2)
        assert "down" not in owner.told

    owner = staged({"POST": ["one"], "PUT": [Unknown("lost"), "one"]}, act)
    assert owner.asked.count("POST") == 1


@pytest.mark.parametrize("answer", [Rejected("-1125"), "another"])
def test_a_key_that_is_gone_is_made_anew_with_a_new_socket(answer: str | VenueError) -> None:
    async def act(owner: Owner, stream: PrivateStream) -> None:
        await owner.until(lambda: owner.told.count("up") >= 2)

    owner = staged({"POST": ["one", "two"], "PUT": ["one", answer, "two"]}, act)
    assert owner.asked.count("POST") == 2
    assert owner.told[:3] == ["up", "down", "up"]


def test_an_answer_that_does_not_name_the_key_extends_it() -> None:
    async def act(owner: Owner, stream: PrivateStream) -> None:
        await owner.until(lambda: owner.asked.count("PUT") >= 3)

    owner = staged({"POST": ["one"], "PUT": [""]}, act)
    assert owner.asked.count("POST") == 1


def test_a_renewal_is_another_key_and_socket() -> None:
    async def act(owner: Owner, stream: PrivateStream) -> None:
        await owner.until(lambda: "up" in owner.told)
        stream.renew()
        assert not stream.up  # not believed from that moment on
        await owner.until(lambda: owner.told.count("up") == 2)
        assert stream.up

    owner = staged({"POST": ["one", "two"], "PUT": [""]}, act)
    assert Tally(owner.asked)["POST"] == 2


def test_no_key_means_asking_again() -> None:
    async def act(owner: Owner, stream: PrivateStream) -> None:
        await owner.until(lambda: "up" in owner.told)

    owner = staged({"POST": [NotSent("down"), "", "one"], "PUT": ["one"]}, act)
    assert owner.asked[:3] == ["POST"] * 3


def test_the_quickest_round_trip_tells_the_time() -> None:
    clock = VenueClock(guess_ns=7)
    assert not clock.known
    assert clock.venue_ns(100) == 107
    clock.heard(0, 1000, 50_500)
    clock.heard(2000, 2010, 53_005)  # ten times quicker
    clock.heard(3000, 5000, 99_999)
    assert clock.offset_ns == 51_000
    assert clock.error_ns == 5
    clock.forget()
    assert not clock.known
    assert clock.venue_ns(0) == 51_000  # the best there is, for a cancel
    clock.heard(0, 10, 9_005)
    assert clock.offset_ns == 9_000


@pytest.mark.parametrize("venue_ns", [10**19, 10**22, -(10**19), (1 << 62) + 6])
def test_what_is_no_time_changes_nothing(venue_ns: int) -> None:
    clock = VenueClock(guess_ns=7)
    with pytest.raises(ValueError, match="no time"):
        clock.heard(0, 10, venue_ns)
    assert (clock.known, clock.offset_ns) == (False, 7)
    clock.heard(0, 20, 9_010)
    assert (clock.known, clock.offset_ns) == (True, 9_000)


@pytest.mark.parametrize("ms", [10**16, -(10**16)])
def test_an_account_goes_on_by_the_time_it_knows(tmp_path: Path, ms: int) -> None:
    """What the venue says does not end it, were it microseconds."""
    side = Side(tmp_path / "side", {}, lane=True)
    clock = side.account.clock
    clock.forget()
    now_ns, before_ns = monotonic_ns(), clock.offset_ns
    clock.heard(now_ns - 10**12, now_ns, before_ns + now_ns - 5 * 10**11)  # a slow round trip

    async def ask(request: Request) -> bytes:
        return b'{"serverTime": %d}' % ms

    side.rest.ask = ask  # type: ignore[method-assign, assignment]
    try:
        asyncio.run(side.account._look_at_clock(1))
        assert clock.offset_ns == before_ns
    finally:
        side.close()


def test_an_old_quick_round_trip_does_not_rule_for_ever() -> None:
    clock = VenueClock()
    clock.heard(0, 2, 1_001)
    for turn in range(16):
        clock.heard(turn * 100, turn * 100 + 20, turn * 100 + 10 + 2_000)
    assert clock.offset_ns == 2_000
