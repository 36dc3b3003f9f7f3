"""Calls of venues' endpoints that strategies make: who may, what is written down, what it leaves of
the budget."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from connector.accounts import AccountService
from connector.clock import monotonic_ns, wall_ns
from connector.ipc.calls import BadCall, Call
from connector.ipc.trading import Refused
from connector.model.redaction import hide
from connector.model.reports import Text
from connector.service import MarketService
from connector.trading.ledger import Ledger
from connector.trading.roles import Account
from connector.trading_service import TradingService
from connector.transport.calls import Called, perform
from connector.transport.rest import Rest
from connector.venues.contract import Endpoint, Outcome, Request, Security
from connector.venues.endpoint import Removed
from connector.venues.endpoint_text import NoEndpoint, find
from connector.venues.parameters import BadParameter, parameters

SHARE = 0.5
"""Of the rate budget, that calls of strategies may use up: books and orders need the rest."""


class StrategyCalls:
    """Makes the calls that come over the control socket."""

    def __init__(self, markets: Mapping[str, MarketService], orders: TradingService | None) -> None:
        self._markets, self._orders = markets, orders
        for market in markets.values():  # now, and not while frames wait
            for row in market.venue.endpoints.values():
                parameters(row.params)

    async def __call__(self, call: Call) -> tuple[dict[str, Any], bytes]:
        """What is told of a call, and the venue's answer. Raises Refused, BadCall."""
        market = self._market(call.venue)
        row, request = _asked(market, call)
        if row.security in (Security.NONE, Security.TOKEN):
            called = await perform(market.rest, market.venue, row, request, SHARE)
        else:
            called = await self._signed(market, call, row, request)
        return _told(called, market.rest, request), called.body

    def _market(self, name: str) -> MarketService:
        wanted = name.lower()
        for market in self._markets.values():
            if wanted in (market.venue.folder, market.venue.name.lower()):
                return market
        known = ", ".join(market.venue.name for market in self._markets.values())
        raise Refused(f"no venue {name!r} here; there are: {known}")

    async def _signed(
        self, market: MarketService, call: Call, row: Endpoint, request: Request
    ) -> Called:
        send, account = self._sender(market, call, row, request)
        if not row.changes:
            return await send()
        if not call.trades:
            raise Refused(f"{row.name} may change something: only a trading session calls it")
        assert self._orders is not None
        ledger = self._orders.ledger
        if ledger.behind():
            raise Refused("the journal is too far behind for a call that may change something")
        trading = market.venue.trading
        hidden = (*market.venue.unwritten, *(trading.unwritten if trading is not None else ()))
        text = f"{row.name}: {request.method} {request.target}".encode()
        text += b"\n" + request.body if request.body else b""
        _write(ledger, call, Text.REQUEST, hide(text, hidden), account)
        called = Called(endpoint=row.name, outcome=Outcome.UNKNOWN, message="the daemon ended")
        try:
            called = await send()
        finally:
            said = called.body or called.message.encode()
            text = f"{row.name}: {called.outcome.value}: ".encode() + said
            _write(ledger, call, Text.ANSWER, hide(text, hidden), account, called.status)
        return called

    def _sender(
        self, market: MarketService, call: Call, row: Endpoint, request: Request
    ) -> tuple[Callable[[], Awaitable[Called]], AccountService | None]:
        """What makes a call that is somebody's, and with whose key, if it is an account's. Raises
        Refused."""
        entry = market.venue.access
        account = self._account(market, call) if entry is None or call.account else None
        if entry is not None:
            place, allow = f"venues.{market.venue.folder}", entry.allow
            if call.strategy not in entry.strategies:
                raise Refused(
                    f"{row.name} is called as the venue's user: {place}.strategies does not name "
                    f'"{call.strategy}"'
                )
        else:
            assert account is not None
            place, allow = f"accounts.{account.name}", account.settings.allow
        if row.permission is not None and row.permission not in allow:
            raise Refused(
                f'{row.name} is not allowed: {place}.allow does not name "{row.permission.value}"'
            )
        if entry is None and account is not None:
            return partial(account.call, row, request, SHARE), account
        return partial(perform, market.rest, market.venue, row, request, SHARE), account

    def _account(self, market: MarketService, call: Call) -> AccountService:
        """The account whose key is used."""
        served = self._orders.accounts if self._orders is not None else []
        mine = [
            one for one in served if one.venue == market.index and call.strategy in one.strategies
        ]
        names = ", ".join(one.name for one in mine)
        if call.account:
            mine = [one for one in mine if one.name == call.account]
            if not mine:
                has = f"it may use {names}" if names else "it may use none"
                raise Refused(f"{call.strategy!r} may not use account {call.account!r}; {has}")
        if not mine:
            raise Refused(f"no account of {market.venue.name} may be used by {call.strategy!r}")
        if len(mine) > 1:
            raise Refused(f"which account? {call.strategy!r} may use {names}")
        (chosen,) = mine
        if not isinstance(chosen, AccountService):
            raise Refused(f"{chosen.name} is a paper account: it has no key")
        return chosen


def _asked(market: MarketService, call: Call) -> tuple[Endpoint, Request]:
    """The endpoint, and the request with its parameters checked."""
    try:
        row = find(market.venue.endpoints, call.endpoint)
        if row.credential:
            raise Refused(f"{row.name} is about a key: strategies never hold one")
        if row.instead:
            raise Refused(f"{row.name}: use session.{row.instead}(), which passes limits and halts")
        return row, row.called(call.params)
    except BadParameter as error:
        raise BadCall(error.field, str(error)) from None
    except (NoEndpoint, Removed) as error:
        raise Refused(str(error)) from None


def _write(
    ledger: Ledger, call: Call, what: Text, text: bytes, account: Account | None, status: int = 0
) -> None:
    ledger.text(call.strategy, what, text, account=account, status=status)


def _told(called: Called, rest: Rest, request: Request) -> dict[str, Any]:
    now_ns, now_wall_ns = monotonic_ns(), wall_ns()
    return {
        "endpoint": called.endpoint,
        "outcome": called.outcome.value,
        "status": called.status,
        "code": called.code,
        "message": called.message,
        "retry_ns": called.retry_ns,
        "budget": [
            {
                "pool": pool.name,
                "used": budget.used(now_ns, now_wall_ns),
                "limit": pool.limit,
                "window_ns": pool.window_ns,
            }
            for pool, budget in rest.pools
            if pool.name == request.pool
        ],
    }
