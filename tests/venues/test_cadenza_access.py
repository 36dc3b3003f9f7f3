"""The way into Cadenza over real sockets: one login for all who wait, one renewal when the venue
takes a token no more, and no secret in any log."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from connector.clock import monotonic_ns
from connector.errors import NotSent, Rejected, Throttled
from connector.sim.listings import contracts
from connector.sim.matching.engine import Engine
from connector.sim.server import Options, Server, VenueClock
from connector.sim.synthetic import SyntheticMarket
from connector.talking import Talking
from connector.transport.access import AGAIN_NS
from connector.transport.calls import Called, perform
from connector.transport.http import HttpClient
from connector.transport.rest import Rest
from connector.venues.cadenza import configured
from connector.venues.cadenza.config import Config
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.sim import SIM
from connector.venues.contract import Outcome
from connector.venues.dialogue import Verdict
from connector.venues.sim_setup import ApiKey, OrderSetup, SimAccount
from tests.reference.cadenza_rest import EMAIL, PASSWORD, SYMBOLS

HOUR_MS = 3_600_000
LOGIN, REFRESH, WHO = "/api/v3/auth/login", "/api/v3/auth/token/refresh", "/api/v3/auth/user"
UUID = "00000000-0000-4000-8000-%012d"


class Stage:
    """A served venue and the connector's door to it."""

    def __init__(self, server: Server, rest: Rest) -> None:
        self.server, self.rest = server, rest

    def count(self, path: str) -> int:
        return self.server.requests.get(path, 0)

    async def who(self) -> bytes:
        return await self.rest.ask(ENDPOINTS["user"].request())

    async def call(self, endpoint: str, **given: Any) -> Called:
        row = ENDPOINTS[endpoint]
        return await perform(self.rest, self.rest._venue, row, row.called(given))


def talking(stage: Stage) -> Talking[Any]:
    """A connection's chores, without its socket."""
    made = stage.rest._venue.dialogue
    assert made is not None
    return Talking(made(lambda _name: None, lambda: 0.5), lambda: stage.rest, lambda *_: None)


def staged(
    use: Callable[[Stage], Awaitable[Any]],
    config: Config | None = None,
    weight: int = 100_000,
    believed: int = 0,
) -> Any:
    """``weight``: what the venue grants of market data a minute; ``believed``: what the connector
    is told that it grants of everything."""

    async def main() -> Any:
        clock = VenueClock()
        market = SyntheticMarket(
            SIM, contracts(SIM.listings, SYMBOLS), rate=10, levels=200, seed=7, bursts=False,
            wall_ms=clock,
        )  # fmt: skip
        engine = Engine(first_order_id=1000)
        market.attach(engine, SIM.rules)
        account = SimAccount(name="me", keys=(ApiKey(key=EMAIL, secret=PASSWORD),))
        server = Server(
            SIM, market, Options(weight_limit=weight), clock=clock, engine=engine,
            setup=OrderSetup(accounts=(account,)),
        )  # fmt: skip
        await server.start("127.0.0.1", 0, None)
        url = f"http://127.0.0.1:{server.port}"
        wanted = config or Config(email="env:CADENZA_EMAIL", password="env:CADENZA_PASSWORD")
        classes = ("auth_per_minute", "market_per_minute", "account_per_minute")
        limits = dict.fromkeys(classes, believed or weight)
        fields = {name: getattr(wanted, name) for name in Config.__struct_fields__}
        venue = configured(Config(**fields | limits))
        rest = Rest(venue, HttpClient(url, None, timeout_s=20), lambda _counter, _amount: None)
        try:
            return await use(Stage(server, rest))
        finally:
            await rest.close()
            await server.stop()

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADENZA_EMAIL", EMAIL)
    monkeypatch.setenv("CADENZA_PASSWORD", PASSWORD)


def test_all_who_wait_share_one_login_and_one_renewal() -> None:
    async def use(stage: Stage) -> None:
        told = await asyncio.gather(*(stage.who() for _ in range(20)))
        assert len(set(told)) == 1
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 0)
        # The venue's clock goes on, ours does not: what was good an hour ago is denied.
        stage.server.clock.skew_ms += HOUR_MS
        before = stage.count(WHO)
        await asyncio.gather(*(stage.who() for _ in range(20)))
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 1)
        assert before + 20 < stage.count(WHO) <= before + 40, "each at most once more"

    staged(use)


def test_market_data_wants_a_token_too_and_health_does_not() -> None:
    async def use(stage: Stage) -> None:
        assert (await stage.call("health")).outcome is Outcome.OK
        assert stage.count(LOGIN) == 0
        assert (await stage.call("venueList")).outcome is Outcome.OK
        assert stage.count(LOGIN) == 1

    staged(use)


def test_who_is_denied_twice_is_told_so() -> None:
    """A second denial is about more than the token's age: no third try."""

    async def use(stage: Stage) -> None:
        await stage.who()
        fault = b'{"kind":"status","path":"%b","status":401,"count":2}' % WHO.encode()
        stage.server.command(fault)
        before = stage.count(WHO)
        with pytest.raises(Rejected, match="401"):
            await stage.who()
        assert stage.count(WHO) == before + 2
        await stage.who()

    staged(use)


def test_a_code_about_the_token_has_it_renewed_once() -> None:
    """Those of the module 26, under another status; a new token is not to blame."""

    async def use(stage: Stage) -> None:
        await stage.who()
        gate = stage.rest.access
        assert gate is not None
        body = json.dumps({"errno": -26003, "error": "session"})
        fault = {"kind": "status", "path": WHO, "status": 403, "body": body, "execute": False}
        stage.server.command(json.dumps(fault | {"count": 1}).encode())
        with pytest.raises(Rejected, match="session"):
            await stage.who()
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 0)
        gate._got_ns -= 60_000_000_000
        stage.server.command(json.dumps(fault | {"count": 3}).encode())
        for _ in range(2):
            with pytest.raises(Rejected, match="session"):
                await stage.who()
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 1)
        await stage.who()

    staged(use)


@pytest.mark.parametrize(("status", "outcome", "sent"), [
    (403, Outcome.REJECTED, 2), (500, Outcome.UNKNOWN, 1), (502, Outcome.UNKNOWN, 1),
])  # fmt: skip
def test_a_change_is_sent_again_only_where_nothing_was_done(
    status: int, outcome: Outcome, sent: int
) -> None:
    """From 500 on it may have been done, whatever the code."""

    async def use(stage: Stage) -> None:
        await stage.who()
        gate = stage.rest.access
        assert gate is not None
        gate._got_ns -= 60_000_000_000
        body = json.dumps({"errno": -26003, "error": "session"})
        path = ENDPOINTS["walletTransfer"].path
        fault = {"kind": "status", "path": path, "status": status, "body": body, "execute": False}
        stage.server.command(json.dumps(fault | {"count": 2}).encode())
        wallets = {"sourceWalletId": UUID % 1, "destWalletId": UUID % 2}
        called = await stage.call("walletTransfer", **wallets, asset="BTC", amount="1")
        assert (called.outcome, called.status, called.code) == (outcome, status, 26003)
        assert stage.count(path) == sent
        assert gate.renewals == sent

    staged(use)


def test_a_key_that_the_venue_behind_does_not_take_costs_no_token() -> None:
    """Its answer is a 401, too, and means one trading account."""

    async def use(stage: Stage) -> None:
        made = await stage.call("credentialCreate", venue="OKX", credentialType="HMAC", apiKey="k")
        key = json.loads(made.body)["data"]["credentialId"]
        for _ in range(12):
            called = await stage.call("credentialVerify", credentialIds=[key])
            assert (called.outcome, called.status, called.code) == (Outcome.REJECTED, 401, 18022)
        assert stage.count(ENDPOINTS["credentialVerify"].path) == 12, "none was sent again"
        gate, request = stage.rest.access, ENDPOINTS["user"].request()
        assert gate is not None
        for code in (18005, 18022):
            gate.refused(401, code, gate.renewals)
            assert gate.held(request) is not None, "as an order's answer"
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 0)
        gate.refused(401, 26001, gate.renewals)
        assert gate.held(request) is None

    staged(use)


def test_a_wrong_password_is_no_request_and_is_not_tried_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CADENZA_PASSWORD", "wrong password")

    async def use(stage: Stage) -> None:
        with pytest.raises(Throttled, match="Invalid login credentials") as told:
            await stage.who()
        assert 4 < (told.value.retry_ns - monotonic_ns()) / 1e9 <= 6
        for _ in range(5):
            with pytest.raises(Throttled):
                await stage.who()
        assert stage.count(LOGIN) == 1
        assert stage.count(WHO) == 0

    staged(use)


def test_without_credentials_nothing_is_sent() -> None:
    async def use(stage: Stage) -> None:
        with pytest.raises(NotSent, match="wants a login"):
            await stage.who()
        assert stage.server.requests == {}

    staged(use, Config())


def test_a_renewal_that_is_lost_is_asked_for_once_more() -> None:
    async def use(stage: Stage) -> None:
        await stage.who()
        stage.server.clock.skew_ms += HOUR_MS
        stage.server.command(b'{"kind":"reset_http","path":"%b"}' % REFRESH.encode())
        await stage.who()
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 2)

    staged(use)


def test_the_second_half_of_a_short_life_renews_behind_the_requests() -> None:
    """Nobody waits while the old token is good, and there is one renewal for all."""

    async def use(stage: Stage) -> None:
        stage.server.rest.users._token_s = 20  # type: ignore[attr-defined]
        await stage.who()
        assert stage.rest.access is not None
        keeper = stage.rest.access._kept()
        keeper._renew_ns = 0  # type: ignore[attr-defined]  # its half is over
        await asyncio.gather(*(stage.who() for _ in range(10)))
        renewal = stage.rest.access._renewal
        assert renewal is not None
        await renewal
        assert stage.rest.access.renewals == 2
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 1)
        await stage.who()
        assert stage.count(REFRESH) == 1, "the new one is fresh again"

    staged(use)


def test_what_is_left_of_a_class_the_answers_tell() -> None:
    async def use(stage: Stage) -> None:
        await asyncio.gather(*(stage.call("venueList") for _ in range(5)))
        left = {
            pool.name: budget.left(monotonic_ns(), time.time_ns())
            for pool, budget in stage.rest.pools
        }
        assert left["market"] == 95
        assert left["account"] == 100

    staged(use, weight=100)


def test_a_429_of_a_class_stops_that_class_alone() -> None:
    """A bare one, from somewhere before the venue, stops everything."""

    async def use(stage: Stage) -> None:
        for _ in range(30):  # what the venue allows, though we believe in more
            assert (await stage.call("tradingAccountList")).outcome is Outcome.OK
        stopped = await stage.call("tradingAccountList")
        assert (stopped.outcome, stopped.status) == (Outcome.THROTTLED, 429)
        assert 0 < stopped.retry_ns - monotonic_ns() <= 60_000_000_000
        again = await stage.call("tradingAccountList")
        assert (again.outcome, again.status) == (Outcome.THROTTLED, 0), "not sent"
        assert (await stage.call("venueList")).outcome is Outcome.OK
        stage.server.command(b'{"kind":"status","status":429,"path":"*","execute":false}')
        assert (await stage.call("venueList")).outcome is Outcome.THROTTLED
        assert (await stage.call("user")).status == 0

    staged(use, weight=100, believed=1000)


def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    tokens: list[str] = []

    async def use(stage: Stage) -> None:
        await stage.who()
        assert stage.rest.access is not None
        tokens.append(await stage.rest.access.token())
        stage.server.clock.skew_ms += HOUR_MS
        await stage.who()
        tokens.append(await stage.rest.access.token())
        await stage.call("credentialCreate", venue="OKX", credentialType="HMAC",
                         apiKey="canary-key", apiSecret="canary-secret")  # fmt: skip
        await stage.call(
            "tradingAccountDisable", tradingAccountId="0" * 8 + "-0000" * 3 + "-" + "0" * 12
        )

    with caplog.at_level(logging.DEBUG):
        staged(use)
    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "new token" in logged
    assert "refused" in logged, "and by which request"
    for secret in (*tokens, PASSWORD, "v1.", "canary-key", "canary-secret"):
        assert secret not in logged


def test_who_cannot_wait_has_a_token_at_hand() -> None:
    """Orders leave at once or not at all: their token is got before it is needed, and once when it
    is taken no more."""

    async def use(stage: Stage) -> None:
        gate, request = stage.rest.access, ENDPOINTS["user"].request()
        assert gate is not None
        assert gate.held(request) is None, "nobody has asked for one yet"
        gate.keep(0)
        gate.keep(1)
        token = await gate.token()
        bearing = gate.held(request)
        assert bearing is not None
        assert ("Authorization", f"Bearer {token}") in bearing.headers
        assert stage.count(LOGIN) == 1
        gate.keep(10**18)
        gate.refused(401, 0, 0)
        gate.refused(403, 19002, gate.renewals)
        gate.refused(403, 26001, gate.renewals)
        assert gate.held(request) is not None, (
            "it was an older one, or something else, or one as young as that, that was refused"
        )
        gate.refused(401, 0, gate.renewals)
        assert gate.held(request) is None
        gate.keep(2 * 10**18)
        assert await gate.token()
        assert gate.held(request) is not None
        assert stage.count(LOGIN) + stage.count(REFRESH) == 2

    staged(use)


def test_a_connection_that_is_denied_costs_the_token_that_came_after_its_own() -> None:
    """Whatever ended the one it was opened with may have ended that, too."""

    async def use(stage: Stage) -> None:
        gate = stage.rest.access
        assert gate is not None
        first = await gate.token()
        stage.server.rest.users.expire()  # type: ignore[attr-defined]
        await stage.who()
        later = await gate.token()
        gate.deny(first)
        assert await gate.token() == later, "it has only just come"
        gate._got_ns -= AGAIN_NS
        gate.deny(first)
        last = await gate.token()
        assert last not in (first, later)
        gate.deny(last)
        assert await gate.token() != last, "however young it is, when it is the one that is meant"
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 3)

    staged(use)


def test_a_token_older_than_the_last_denial_is_not_waited_for() -> None:
    """The one that came just before all ended is tried in vain, and at once the next; a new one
    that is not taken is what a minute is waited for."""

    async def use(stage: Stage) -> None:
        talk = talking(stage)
        final = Verdict(60_000_000_000, True, "no new token either")
        users = stage.server.rest.users  # type: ignore[attr-defined]
        await talk.enter()
        tokens = [talk.token]
        users.expire()
        await stage.who()
        users.expire()
        for verdict, held in ((Verdict(new_token=True), 0), (final, 0), (final, final.wait_ns)):
            talk.ended(verdict, 0, "link")
            assert talk.held(0) == held
            await talk.enter()
            tokens.append(talk.token)
        assert len(set(tokens)) == 4
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 3)

    staged(use)


def test_connections_that_end_together_cost_one_renewal() -> None:
    """A venue that ends every session: no more tokens are asked for than its class of logins
    allows, and who asks for something meanwhile gets it."""

    async def use(stage: Stage) -> None:
        talks = [talking(stage) for _ in range(12)]
        for talk in talks:
            await talk.enter()
        assert stage.rest.access is not None
        stage.rest.access._got_ns -= AGAIN_NS
        first = talks[0].token
        for talk in talks:
            talk.ended(Verdict(new_token=True), 0, "link")
            await talk.enter()
            await stage.who()
        last = await stage.rest.access.token()
        assert last != first
        assert {talk.token for talk in talks} == {last}
        assert (stage.count(LOGIN), stage.count(REFRESH)) == (1, 1)

    staged(use)
