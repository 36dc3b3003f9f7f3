"""Orders over the simulated venue's WebSocket order API, as an account sends them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from connector._speedups.bell import Bell
from connector._speedups.decimal import parse
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns, wall_ns
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.intents import Action, TimeInForce
from connector.model.records import Side
from connector.model.reports import OrderStatus
from connector.protocol.ratelimit import RollingWindow
from connector.transport.order_pool import Priority
from connector.transport.order_socket import OrderSocket, next_number
from connector.venues.binance_usdm import VENUE, configured
from connector.venues.binance_usdm.config import Config
from connector.venues.trading_contract import Intent, OrderAnswer, OrderOutcome
from tests.reference.signed_client import Trader
from tests.reference.sim_process import Simulator, simulator

SECOND_NS = 1_000_000_000
PLENTY = ("--symbols", "BTCUSDT", "--rate", "20", "--connects", "10000")
LOGON = Ed25519PrivateKey.generate()
KEYS = {
    "hmac": ("HMACKEY", b"secret"),
    "ed25519": (
        "ED25519KEY",
        LOGON.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ),
}


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    public = LOGON.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "accounts.toml").write_text(
        """
        [accounts.main]
        keys = [
            { key = "HMACKEY", secret = "secret" },
            { key = "ED25519KEY", public_key_file = "public.pem" },
        ]
        """
    )
    return tmp_path / "accounts.toml"


@pytest.fixture
def venue(accounts: Path) -> Iterator[Simulator]:
    with simulator(*PLENTY, "--accounts", accounts) as running:
        yield running


class Desk:
    """Sends intents and judges what comes back."""

    def __init__(self, venue: Simulator, kind: str, life_ns: int = 0) -> None:
        trading = configured(Config(ws_api_url=f"{venue.ws}/ws-fapi/v1")).trading
        assert trading is not None
        assert trading.api is not None
        self.trading, self.api = trading, trading.api
        key, secret = KEYS[kind]
        self.signer = trading.signer(key, secret, kind)
        listing = VENUE.instruments(venue.get("/fapi/v1/exchangeInfo").content)
        self.instruments: dict[str, Instrument] = {one.symbol: one for one in listing.instruments}
        self.btc = self.instruments["BTCUSDT"]
        self.segment = Segment.create(1 << 20)
        self.spent: list[int] = []
        self.socket = OrderSocket(
            "main", self.api, self.signer, None, self, segment=self.segment, bell=Bell(),
            gate=RollingWindow(1000, SECOND_NS), venue_ns=lambda _now_ns: wall_ns(),
            spend=self.spent.append, admit=lambda _weight, now_ns: now_ns, life_ns=life_ns,
        )  # fmt: skip
        self.ends: dict[int, asyncio.Future[tuple[int, Mapping[str, str], bytes]]] = {}
        self.lost_ones: list[int] = []
        self.used: dict[str, int] = {}

    def answered(self, request: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.ends[request].set_result((status, headers, body))

    def lost(self, request: int, why: str) -> None:
        self.lost_ones.append(request)
        self.ends[request].set_exception(ConnectionError(why))

    def left(self, request: int, now_ns: int) -> None: ...

    def unsent(self, request: int, why: str) -> None:
        self.ends[request].set_exception(InterruptedError(why))

    def stopped(self, request: int) -> str:
        return ""

    async def do(self, action: Action, **values: Any) -> OrderAnswer:
        wish = Intent(action=action, instrument=self.btc, **values)
        request = next_number()
        message = self.api.encode(wish, self.signer, wall_ns(), request, self.socket.logged_on)
        assert message is not None
        self.ends[request] = asyncio.get_running_loop().create_future()
        self.socket.send(request, Priority.PLACE, message)
        async with asyncio.timeout(60):
            status, headers, body = await self.ends[request]
        self.used = dict(VENUE.used(headers))
        return self.trading.judge(action, status, headers, body, self.instruments.get)

    def order(self, price: str, qty: str) -> dict[str, Any]:
        return {
            "side": Side.BUY,
            "price_e": parse(price, self.btc.price_exponent),
            "qty_e": parse(qty, self.btc.qty_exponent),
        }


@contextlib.asynccontextmanager
async def desk_on(venue: Simulator, kind: str = "hmac", life_ns: int = 0) -> AsyncIterator[Desk]:
    desk = Desk(venue, kind, life_ns)
    life = asyncio.create_task(desk.socket.run())

    async def ticking() -> None:
        while True:
            desk.socket.tick(monotonic_ns())
            await asyncio.sleep(0.02)

    ticks = asyncio.create_task(ticking())
    try:
        async with asyncio.timeout(60):
            while not desk.socket.open:  # noqa: ASYNC110  whatever it is, it is seen
                await asyncio.sleep(0.005)
        yield desk
    finally:
        desk.socket.close()
        for task in (life, ticks):
            task.cancel()
        await asyncio.gather(life, ticks, return_exceptions=True)


@pytest.mark.parametrize("kind", KEYS)
def test_an_order_lives_its_life(venue: Simulator, kind: str) -> None:
    far = Trader(venue, "HMACKEY", "secret").far()

    async def run() -> None:
        async with desk_on(venue, kind) as desk:
            assert desk.socket.logged_on is (kind == "ed25519")
            assert desk.spent == ([5, 2] if kind == "ed25519" else [5])
            order, name = desk.order(far, "0.01"), {"client_order_id": "mine"}
            placed = await desk.do(
                Action.PLACE, time_in_force=TimeInForce.GTC, **order, **name
            )  # fmt: skip
            assert placed.outcome is OrderOutcome.ACCEPTED, placed.body
            assert desk.used["x-mbx-order-count-10s"] == 1
            amended = await desk.do(Action.AMEND, **{**order, **desk.order(far, "0.02")}, **name)
            assert amended.order is not None
            assert amended.order.qty_e == desk.order(far, "0.02")["qty_e"]
            found = await desk.do(Action.QUERY, **name)
            assert found.order is not None
            assert found.order.status is OrderStatus.NEW
            gone = await desk.do(Action.CANCEL, **name)
            assert gone.order is not None
            assert gone.order.status is OrderStatus.CANCELLED
            again = await desk.do(Action.CANCEL, **name)
            assert (again.outcome, again.code) == (OrderOutcome.GONE, -2011)
            dust = await desk.do(
                Action.PLACE, client_order_id="d", time_in_force=TimeInForce.GTC,
                **desk.order(far, "999"),
            )  # fmt: skip
            assert dust.outcome is OrderOutcome.REFUSED
            assert dust.code < 0

    asyncio.run(run())


def test_a_lost_answer_is_lost_and_a_limit_is_the_venues_word(venue: Simulator) -> None:
    async def run() -> None:
        async with desk_on(venue) as desk:
            venue.fault(kind="reset_http", path="order.status")
            with pytest.raises(ConnectionError):
                await desk.do(Action.QUERY, client_order_id="x")
            venue.fault(
                kind="status", path="order.status", status=429,
                body='{"code":-1003,"msg":"Too many requests."}',
            )  # fmt: skip
            async with asyncio.timeout(60):
                while not desk.socket.open:  # noqa: ASYNC110  whatever it is, it is seen
                    await asyncio.sleep(0.005)
            slow = await desk.do(Action.QUERY, client_order_id="x")
            assert slow.outcome is OrderOutcome.THROTTLED
            assert len(desk.lost_ones) == 1

    asyncio.run(run())


def test_no_request_is_lost_over_the_venues_cuts(accounts: Path) -> None:
    """The venue ends each connection after four seconds: each was replaced before, in time for who
    is held up for one of them."""

    async def run(venue: Simulator) -> None:
        async with desk_on(venue, "ed25519", 5 * SECOND_NS // 2) as desk:
            while desk.segment.counter(Counter.CONNECTS.value) < 4:
                answer = await desk.do(Action.QUERY, client_order_id="x")
                assert answer.outcome is OrderOutcome.GONE
                await asyncio.sleep(0.01)
            assert desk.lost_ones == []
            assert desk.segment.counter(Counter.ANSWERS_UNMATCHED.value) == 0

    with simulator(
        *PLENTY, "--lifetime", "4", "--weight-limit", "100000", "--accounts", accounts
    ) as venue:
        asyncio.run(run(venue))
