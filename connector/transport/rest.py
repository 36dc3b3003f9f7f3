"""A venue's REST door under its weight budget: a request in, a body out, or an error by what to do
next."""

import logging
from collections.abc import Callable, Iterable

from connector._speedups.states import AddressState
from connector.clock import monotonic_ns, wall_ns
from connector.errors import NotSent, Rejected, Throttled, Unknown
from connector.model.counters import Counter
from connector.protocol.ratelimit import Budget
from connector.transport.access import Gate
from connector.transport.http import HttpClient
from connector.transport.http_connection import HttpAnswer, Malformed
from connector.venues.contract import Answer, Outcome, Pool, Request, Security, Venue

log = logging.getLogger("connector.rest")

SECOND_NS = 1_000_000_000
PAUSE_NS = {Outcome.THROTTLED: 60 * SECOND_NS, Outcome.BANNED: 120 * SECOND_NS}
"""How long to stop when the venue does not say: its counting minute, and its shortest ban."""


class Rest(AddressState):
    """Asks one venue; counts what it costs before it is sent and stops all when the venue says so.

    ``count`` takes a counter and an amount."""

    def __init__(
        self, venue: Venue, client: HttpClient, count: Callable[[Counter, int], None]
    ) -> None:
        self._venue, self.client, self._count = venue, client, count
        self.access = (
            Gate(venue.access, self._enter, venue.folder) if venue.access is not None else None
        )
        """The way in, where the venue wants a login."""
        self.pools: list[tuple[Pool, Budget]] = []
        self.set_pools(venue.pools)

    def set_pools(self, pools: Iterable[Pool]) -> None:
        """Take over the limits the venue states; what was used of a pool stays counted, and pools
        it does not name stay as they are."""
        pools = list(pools)
        stated = {pool.name for pool in pools}
        pools += [pool for pool, _ in self.pools if pool.name not in stated]
        known = {(pool.name, pool.window_ns): budget for pool, budget in self.pools}
        quiet_ns = max((budget.quiet_until_ns for budget in known.values()), default=0)
        fresh: list[tuple[Pool, Budget]] = []
        for pool in pools:
            budget = known.get((pool.name, pool.window_ns))
            if budget is None:
                budget = Budget(pool.limit, pool.window_ns)
                budget.stop(quiet_ns)
            else:
                budget.resize(pool.limit)
            fresh.append((pool, budget))
        self.pools = fresh

    @property
    def quiet_until_ns(self) -> int:
        """Nothing is sent before this instant, whatever pool it is of."""
        quiet_ns = -1
        for _, budget in self.pools:  # every order asks: no generator
            if quiet_ns < 0 or budget.quiet_until_ns < quiet_ns:
                quiet_ns = budget.quiet_until_ns
        return max(0, quiet_ns)

    def quiet_ns(self, name: str) -> int:
        """The same for requests of that pool."""
        quiet_ns = -1
        for pool, budget in self.pools:
            if pool.name == name and budget.quiet_until_ns > quiet_ns:
                quiet_ns = budget.quiet_until_ns
        return quiet_ns if quiet_ns >= 0 else self.quiet_until_ns

    def admit_ns(self, request: Request, now_ns: int, share: float = 1.0) -> int:
        """The earliest instant at which ``request`` may go out, within ``share`` of its pools."""
        due_ns = max(now_ns, self.quiet_until_ns)
        for pool, budget in self.pools:
            if pool.name == request.pool:
                reserve = pool.limit - int(pool.limit * share)
                due_ns = max(due_ns, budget.admit_ns(now_ns, wall_ns(), request.weight, reserve))
        return due_ns

    async def ask(self, request: Request, share: float = 1.0) -> bytes:
        """The body of a good answer.

        Throttled: not now (``retry_ns``). NotSent: no connection, or certainly not done. Rejected:
        the venue said no. Unknown: no answer that proves anything."""
        answer, verdict = await self.exchange(request, share)
        if verdict.outcome is Outcome.OK:
            return answer.body
        what = f"{request.name}: HTTP {answer.status}: {verdict.message or verdict.outcome.value}"
        if verdict.outcome in PAUSE_NS:
            raise Throttled(what, self.quiet_ns(request.pool))
        if verdict.outcome is Outcome.REJECTED:
            raise Rejected(what)
        if verdict.outcome is Outcome.NOT_EXECUTED:
            raise NotSent(what)
        raise Unknown(what)

    async def exchange(
        self, request: Request, share: float = 1.0, *, fresh: bool = False
    ) -> tuple[HttpAnswer, Answer]:
        """Whatever was answered, and what it means as the answer to a question; a venue that wants
        silence gets it. ``fresh``: see `HttpClient.request`.

        Throttled: the budget does not allow it now. NotSent: no connection. Unknown: no whole
        answer."""
        if self.access is None or request.security is Security.NONE:
            return await self._exchange(request, share, fresh)
        bearing, token = await self.access.bear(request)
        answer, verdict = await self._exchange(bearing, share, fresh)
        if self.access.denied(answer.status, verdict.code, token):
            # Nothing was executed. Once: a second denial is about more than the token's age.
            bearing, token = await self.access.bear(request)
            answer, verdict = await self._exchange(bearing, share, fresh)
        return answer, verdict

    async def _enter(self, request: Request) -> HttpAnswer:
        """A request that leads to a token."""
        return (await self._exchange(request, 1.0, False))[0]

    async def _exchange(
        self, request: Request, share: float, fresh: bool
    ) -> tuple[HttpAnswer, Answer]:
        now_ns = monotonic_ns()
        due_ns = self.admit_ns(request, now_ns, share)
        if due_ns > now_ns:
            raise Throttled(f"{request.name}: the budget allows it later", due_ns)
        numbers = [
            (pool, budget, budget.take(now_ns, wall_ns(), request.weight))
            for pool, budget in self.pools
            if pool.name == request.pool
        ]
        self._count(Counter.HTTP_REQUESTS, 1)
        try:
            answer = await self.client.request(
                request.method, request.target, request.headers, request.body, fresh=fresh
            )
        except (NotSent, Unknown) as error:
            self._count(Counter.HTTP_ERRORS, 1)
            if isinstance(error, Malformed):
                self._count(Counter.HTTP_MALFORMED, 1)
            raise type(error)(f"{request.name}: {error}") from None
        used = self._venue.used(answer.headers)
        for pool, budget, number in numbers:
            if pool.header in used:
                budget.correct(number, wall_ns(), used[pool.header])
        verdict = self._venue.judge(answer.status, answer.headers, answer.body)
        if verdict.outcome in PAUSE_NS:
            self._count(Counter.HTTP_THROTTLED, 1)
            alone = request.pool if verdict.alone else ""
            self._stop(verdict.retry_after_ns or PAUSE_NS[verdict.outcome], alone)
        elif verdict.outcome is not Outcome.OK:
            self._count(Counter.HTTP_ERRORS, 1)
        return answer, verdict

    async def close(self) -> None:
        if self.access is not None:
            await self.access.close()
        await self.client.close()

    def _stop(self, pause_ns: int, alone: str) -> None:
        until_ns = monotonic_ns() + pause_ns
        # Sending on turns a 429 into a ban of the whole address, so every pool stops, but where
        # the venue counts each by itself.
        for pool, budget in self.pools:
            if alone in ("", pool.name):
                budget.stop(until_ns)
        log.warning(
            "the venue wants silence",
            extra={"venue": self._venue.folder, "seconds": round(pause_ns / 1e9, 1)},
        )
