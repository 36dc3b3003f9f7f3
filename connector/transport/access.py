"""Puts a venue's token on requests: one renewal at a time, before it expires, whoever asks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from connector.clock import monotonic_ns, wall_ns
from connector.errors import ConfigError, NotSent, Throttled, Unknown
from connector.transport.http_connection import HttpAnswer
from connector.venues.contract import Access, Keeper, NoEntry, Request

log = logging.getLogger("connector.access")

AGAIN_NS = 5_000_000_000
"""Between two renewals that nobody waits for. A token younger than that did not end with others."""
DOUBT_NS = 60_000_000_000
"""A token younger than that is not what a code under another status than the denial's is about."""
TRIES = 4
"""Requests for one token: a renewal, the same once more when no answer came, a login, and again."""


class Gate:
    """The way into one venue for one user. ``exchange`` sends a request that bears no token.

    What is raised says that nothing was sent: Throttled with the time from when on it makes sense
    again, or NotSent."""

    def __init__(
        self, access: Access, exchange: Callable[[Request], Awaitable[HttpAnswer]], venue: str
    ) -> None:
        self._access, self._exchange, self._venue = access, exchange, venue
        self._keeper: Keeper | None = None
        self._renewal: asyncio.Task[None] | None = None
        self.renewals = 0
        """Tokens got."""
        self._again_ns = self._got_ns = 0

    async def bear(self, request: Request) -> tuple[Request, str]:
        """The request with a token that is good now, and the token."""
        token = await self.token()
        assert self._keeper is not None
        return self._keeper.bear(request), token

    async def token(self) -> str:
        """A token that is good now; a secret."""
        keeper = self._kept()
        if keeper.fresh(wall_ns()):
            return keeper.token
        if keeper.valid(wall_ns()):
            # Good for some minutes yet: nobody waits for the next one.
            if wall_ns() >= keeper.due_ns():
                self._renewing(keeper)
            return keeper.token
        try:
            await asyncio.shield(self._renewing(keeper))
        except NoEntry as error:
            raise NotSent(f"{self._venue}: {error}") from None
        return keeper.token

    def held(self, request: Request) -> Request | None:
        """The request with a token that is good now, for who cannot wait; None: there is none."""
        try:
            keeper = self._kept()
        except NotSent:
            return None
        return keeper.bear(request) if keeper.valid(wall_ns()) else None

    def keep(self, now_ns: int) -> None:
        """Now and then, for who cannot wait: get the next token before it is needed."""
        if now_ns < self._again_ns:
            return
        try:
            keeper = self._kept()
        except NotSent:
            return  # whoever waits for it is told
        if keeper.fresh(wall_ns()) or wall_ns() < keeper.due_ns():
            return
        self._again_ns = now_ns + AGAIN_NS
        self._renewing(keeper)

    def refused(self, status: int, code: int, renewals: int) -> None:
        """A request that bore the token that was in use after so many renewals was answered so."""
        denied = self._is_denial(status, code)
        if denied and self._keeper is not None and renewals == self.renewals:
            self._keeper.denied(self._keeper.token)
            self._again_ns = 0

    def _is_denial(self, status: int, code: int) -> bool:
        if status == self._access.denial:
            return not self._access.excuses(code)
        # From 500 on something in between may speak of a request that went through.
        named = status < 500 and self._access.denials(code)
        return named and monotonic_ns() >= self._got_ns + DOUBT_NS

    def denied(self, status: int, code: int, token: str) -> bool:
        """Whether an answer says that the token is taken no more: then a new one is got."""
        if self._keeper is None or not self._is_denial(status, code):
            return False
        self._keeper.denied(token)
        return True

    def deny(self, token: str) -> None:
        """The venue took this token no more, elsewhere than in an answer: what ended it may have
        ended one that came after it, too, but for one that has only just come. Many connections
        that end at once cost one renewal."""
        if self._keeper is not None:
            grown = monotonic_ns() >= self._got_ns + AGAIN_NS
            self._keeper.denied(self._keeper.token if grown else token)

    async def close(self) -> None:
        """End a renewal under way."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
            self._renewal = None

    def _kept(self) -> Keeper:
        if self._keeper is None:
            try:
                self._keeper = self._access.keeper()
            except ConfigError as error:
                raise NotSent(f"{self._venue}: {error}") from None
        return self._keeper

    def _renewing(self, keeper: Keeper) -> "asyncio.Task[None]":
        """The renewal under way; there is never more than one."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.get_running_loop().create_task(self._renew(keeper))
            self._renewal.add_done_callback(_heard)
        return self._renewal

    async def _renew(self, keeper: Keeper) -> None:
        why = "nothing was asked"
        for _ in range(TRIES):
            now_ns = wall_ns()
            wait_ns = keeper.due_ns() - now_ns
            if wait_ns > 0:
                raise Throttled(
                    f"{self._venue}: no token: {why}; asked again in {wait_ns / 1e9:.0f} s",
                    monotonic_ns() + wait_ns,
                )
            request = keeper.ask(now_ns)
            try:
                answer = await self._exchange(request)
            except Unknown as error:
                why = str(error)
                keeper.lost(wall_ns())
                continue
            why = keeper.answered(answer.status, answer.headers, answer.body, wall_ns())
            if not why:
                self.renewals += 1
                self._got_ns = monotonic_ns()
                log.info("new token", extra={"venue": self._venue, "by": request.name})
                await self._save(keeper)
                return
            log.warning("no token: %s", why, extra={"venue": self._venue, "by": request.name})
        raise NotSent(f"{self._venue}: no token: {why}")

    async def _save(self, keeper: Keeper) -> None:
        if not keeper.unsaved:
            return
        try:
            await asyncio.to_thread(keeper.save)
        except OSError as error:
            log.error("the new refresh token is not kept: %s", error, extra={"venue": self._venue})


def _heard(renewal: "asyncio.Task[None]") -> None:
    """Somebody may have stopped waiting for it; it has said in the log what went wrong."""
    if not renewal.cancelled():
        renewal.exception()
