"""The venue's own dead man's switch: unless it is renewed, the venue cancels every order of an
instrument.

Pure: ``tick`` is handed the time, ``send`` sends and is followed by ``answered``. One request an
instrument is under way at a time, so that what was asked last is what the venue does last."""

import logging
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.reports import Code
from connector.trading.commands import Refusal

log = logging.getLogger("connector.countdown")

SECOND_NS = 1_000_000_000
MS = 1_000_000
RETRY_NS = SECOND_NS
"""At most this long until what failed is tried again; less when the countdown is short."""
RENEWALS = 3
"""In each countdown: two may fail in a row."""


class _Guard(Struct):
    """One instrument."""

    instrument: Instrument
    armed_until_ns: int = 0
    """The venue does nothing before; 0: not armed, as far as is known."""
    sent_ns: int = 0
    """0: no request is under way."""
    next_ns: int = 0
    failures: int = 0
    """Since the last success."""


class Countdown:
    """The countdowns of one account, ``after_ns`` long.

    ``send(instrument, ms)`` asks the venue to cancel everything of it after so many ms, 0: never.
    ``busy()`` gives the instruments with own orders that are, or may be, open."""

    def __init__(
        self,
        account: str,
        after_ns: int,
        send: Callable[[Instrument, int], None],
        busy: Callable[[], Iterable[Instrument]],
        count: Callable[[Counter], None],
    ) -> None:
        self._account, self._after_ns = account, after_ns
        self._send, self._busy, self._count = send, busy, count
        self._guards: dict[str, _Guard] = {}
        self._closed = False

    def guard(self, instrument: Instrument, now_ns: int) -> None:
        """A new order is about to leave: arm beside it, if that was not done. Raises Refusal while
        the venue does not let itself be armed."""
        guard = self._of(instrument)
        if guard.armed_until_ns - now_ns > self._after_ns // RENEWALS:
            return
        if not guard.sent_ns and now_ns >= guard.next_ns:
            self._ask(guard, now_ns, self._after_ns)
        if guard.failures:
            raise Refusal(
                Code.UNGUARDED,
                text=f"{instrument.symbol}: the countdown could not be armed, "
                f"tried {guard.failures} times",
            )

    def found(self, instruments: Iterable[Instrument]) -> None:
        """Own orders of these are open, whoever placed them: armed with the next tick."""
        for instrument in instruments:
            self._of(instrument)

    def tick(self, now_ns: int) -> None:
        """About every 50 ms."""
        if self._closed:
            return
        due = [one for one in self._guards.values() if not one.sent_ns and now_ns >= one.next_ns]
        if not due:
            return
        busy = {instrument.symbol for instrument in self._busy()}
        for guard in due:
            if guard.instrument.symbol in busy:
                self._ask(guard, now_ns, self._after_ns)
            elif guard.armed_until_ns > now_ns:
                self._ask(guard, now_ns, 0)
            elif guard.failures:  # not forgotten: the next order waits for a success
                guard.next_ns = now_ns
            else:
                del self._guards[guard.instrument.symbol]

    def answered(self, instrument: Instrument, ms: int, fault: str, now_ns: int) -> None:
        """What was sent for ``ms`` is done; ``fault``: it is not, or nobody knows."""
        guard = self._guards.get(instrument.symbol)
        if guard is None:
            return
        sent_ns, guard.sent_ns = guard.sent_ns, 0
        if fault:
            guard.failures += 1
            guard.next_ns = now_ns + min(RETRY_NS, self._after_ns // (4 * RENEWALS))
            self._count(Counter.COUNTDOWN_ERRORS)
            if guard.failures == 1:
                self._warn("the countdown could not be set: %s", fault, guard)
            return
        if guard.failures:
            self._warn("the countdown could be set again%s", "", guard)
        guard.failures = 0
        if ms:
            guard.armed_until_ns = sent_ns + self._after_ns
            guard.next_ns = sent_ns + self._after_ns // RENEWALS
        else:
            guard.armed_until_ns = guard.next_ns = 0
            if not self._closed:
                self.tick(now_ns)  # an order may have come meanwhile

    def close(self) -> Sequence[Instrument]:
        """Ask for nothing any more; these are, or may be, armed."""
        self._closed = True
        return [
            one.instrument for one in self._guards.values() if one.armed_until_ns or one.sent_ns
        ]

    def state(self) -> dict[str, bool]:
        """Instruments with own orders, by symbol: is the countdown as it should be?"""
        return {symbol: not guard.failures for symbol, guard in self._guards.items()}

    def _of(self, instrument: Instrument) -> _Guard:
        guard = self._guards.get(instrument.symbol)
        if guard is None:
            guard = self._guards[instrument.symbol] = _Guard(instrument)
        return guard

    def _ask(self, guard: _Guard, now_ns: int, after_ns: int) -> None:
        guard.sent_ns = now_ns
        self._send(guard.instrument, after_ns // MS)

    def _warn(self, what: str, why: str, guard: _Guard) -> None:
        more = {"account": self._account, "symbol": guard.instrument.symbol}
        log.warning(what, why, extra=more)
