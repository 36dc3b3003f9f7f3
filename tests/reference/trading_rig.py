"""A daemon's inside in the test's own loop, against a simulated venue in a process of its own:
commands go straight to the desk, reports are read from the journal."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from connector._speedups.decimal import parse
from connector.app import App
from connector.clock import monotonic_ns
from connector.config import settings
from connector.model.intents import Action, CommandFlag, OrderType, TimeInForce
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.model.reports import Code, OrderStatus, Result, Update
from connector.trading_service import TradingService
from tests.reference.ground import Client, Ground, Proof
from tests.reference.grounds import EACH
from tests.reference.sim_process import Simulator, simulator
from tests.reference.stack import BUSY

COMMAND = layout("Command")
ANSWER = layout("CommandAnswerBody")
REPORT = layout("OrderReportBody")
SECOND_NS = 1_000_000_000
SECRET = "canary-d7c0ffee"


class Strategy:
    """A session of one strategy as the desk knows it."""

    def __init__(self, rig: "Rig", name: str) -> None:
        self.rig, self.strategy, self.number = rig, name, 1
        self.commands = 0

    def send(self, action: Action, **fields: Any) -> int:
        """Give the desk a command; its number."""
        self.commands += 1
        numbers = ("order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e",
                   "callback_rate_e", "good_till_ns")  # fmt: skip
        slot = COMMAND.pack(
            stamp=self.commands,
            action=action,
            created_ns=monotonic_ns(),
            **{
                "valid_until_ns": monotonic_ns() + 30 * SECOND_NS,
                **dict.fromkeys(numbers),
                **fields,
            },
        )
        self.rig.trading.lane.take(self, slot, monotonic_ns())
        return self.commands

    def place(self, **fields: Any) -> int:
        return self.send(
            Action.PLACE,
            **{
                "side": Side.BUY,
                "order_type": OrderType.LIMIT,
                "time_in_force": TimeInForce.GTC,
                "instrument": self.rig.index(self.rig.symbol),
                **fields,
            },
        )

    def entries(self) -> list[Any]:
        return list(self.rig.trading.journals.read(self.strategy))

    def answers(self, command: int | None = None) -> list[tuple[Result, int]]:
        """Result and code of each answer."""
        found = (
            ANSWER.unpack(entry.body)
            for entry in self.entries()
            if entry.kind == RecordType.COMMAND_ANSWER
        )
        return [(Result(one.result), one.code) for one in found if command in (None, one.command)]

    def fills(self) -> list[tuple[int, int]]:
        """Trade id and quantity of each fill that was reported."""
        found = (
            REPORT.unpack(entry.body)
            for entry in self.entries()
            if entry.kind == RecordType.ORDER_REPORT
        )
        return [(one.trade_id, one.last_qty_e) for one in found if one.last_qty_e]

    def reports(self, client_order_id: str = "") -> list[tuple[Update, OrderStatus]]:
        found = (
            REPORT.unpack(entry.body)
            for entry in self.entries()
            if entry.kind == RecordType.ORDER_REPORT
        )
        return [
            (Update(one.update), OrderStatus(one.status))
            for one in found
            if client_order_id in ("", one.client_order_id)
        ]


class Rig:
    """The application and its simulated venue."""

    def __init__(self, app: App, venue: Simulator, symbol: str) -> None:
        self.app, self.venue, self.symbol = app, venue, symbol

    @property
    def trading(self) -> TradingService:
        assert self.app._orders is not None
        return self.app._orders

    def index(self, symbol: str) -> int:
        (market,) = self.app._services.values()
        found = market.find(symbol)
        assert found is not None
        return found.index

    def touches(self) -> bool:
        """Best bid and ask are live."""
        (market,) = self.app._services.values()
        found = market.find(self.symbol)
        return found is not None and found.touch is not None

    def order(self, price: str, qty: str, symbol: str = "") -> dict[str, int]:
        """Price and quantity in the instrument's scale."""
        (market,) = self.app._services.values()
        found = market.instrument(symbol or self.symbol)
        assert found is not None
        return {
            "price_e": parse(price, found.price_exponent),
            "qty_e": parse(qty, found.qty_exponent),
        }

    def strategy(self, name: str = "maker") -> Strategy:
        return Strategy(self, name)

    async def until(self, done: Callable[[], Any], seconds: float = 30) -> Any:
        async with asyncio.timeout(BUSY * seconds):
            while not (found := done()):  # noqa: ASYNC110  whatever it is, it is seen
                await asyncio.sleep(0.01)
        return found


def configuration(
    venue: Simulator,
    name: str = "binance_usdm",
    symbol: str = "BTCUSDT",
    settings: dict[str, Any] | None = None,
    **account: Any,
) -> dict[str, Any]:
    section: dict[str, Any] = {
        "rest_url": venue.rest,
        "ws_url": venue.ws,
        "request_s": 5.0,
        "feeds": [{"instruments": [symbol], "channels": ["bbo", "mark_price"]}],
        **(settings or {}),
    }
    return {
        "venues": {name: section},
        "accounts": {
            "main": {
                "venue": name,
                "strategies": ["maker", "taker"],
                **account,
            }
        },
        "daemon": {"ring_bytes": 1 << 20},
    }


@asynccontextmanager
async def rig(
    venue: Simulator,
    folder: Path,
    key: str,
    secret: str,
    *,
    name: str = "binance_usdm",
    symbol: str = "BTCUSDT",
    venue_settings: dict[str, Any] | None = None,
    proof: Proof | None = None,
    **account: Any,
) -> AsyncIterator[Rig]:
    """A ready daemon's inside, at the venue of that name; ``proof`` instead of key and secret."""
    if proof is None:
        words = {"key": "env:TEST_RIG_KEY", "secret": "env:TEST_RIG_SECRET"}
        proof = Proof(words, {}, {"TEST_RIG_KEY": key, "TEST_RIG_SECRET": secret})
    os.environ.update(proof.environ)
    account = {**proof.account, **account}
    if venue_settings is None and name == EACH[0].venue:
        venue_settings = EACH[0].settings({"ws": venue.ws})
    configured = configuration(venue, name, symbol, venue_settings, **account)
    app = App(settings(configured, "test"), folder / "run", folder / "state")
    await app.start()
    ticking = asyncio.create_task(_tick(app))
    try:
        made = Rig(app, venue, symbol)
        async with asyncio.timeout(BUSY * 30):
            await app.ready()
        # Best prices count from their first message on; without them nothing may be placed.
        await made.until(made.touches, 30)
        yield made
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        await app.stop()


class Place:
    """A ground, its venue, and accounts that nobody has used."""

    def __init__(self, ground: Ground, venue: Simulator, keys: list[str]) -> None:
        self.ground, self.venue, self._keys = ground, venue, keys

    def middle(self) -> float:
        """About where the market is."""
        client = self.ground.client(self.venue, self._keys[-1], SECRET, self.ground)
        try:
            return client.best_bid()
        finally:
            client.close()

    @asynccontextmanager
    async def rig(self, folder: Path, **account: Any) -> AsyncIterator[tuple[Rig, Client]]:
        """A daemon's inside with the next account, which is in other hands, too."""
        ground, key = self.ground, self._keys.pop()
        client = ground.client(self.venue, key, SECRET, ground)
        proof = client.proof("rig", key, SECRET)
        settings = {**ground.settings({"ws": self.venue.ws}), **ground.hurried, **proof.venue}
        settings["feeds"] = [{"instruments": [ground.symbol], "channels": [*ground.channels]}]
        try:
            async with rig(
                self.venue, folder, key, SECRET, name=ground.venue, symbol=ground.symbol,
                venue_settings=settings, proof=proof, transport=ground.transport, **account,
            ) as made:  # fmt: skip
                yield made, client
        finally:
            client.close()
            self.venue.heal()

    def order(self, made: Rig, far: str, quantity: float = 0.01) -> dict[str, int]:
        """Price and quantity in the instrument's scale; ``quantity`` as tests speak of it."""
        return made.order(far, str(self.ground.quantity(quantity)))

    def beyond(self, made: Rig, far: str) -> dict[str, Any]:
        """An order that only the venue can refuse."""
        keys = self.ground.beyond[1]
        if "quantity" in keys:
            return {**made.order(far, keys["quantity"])}
        return {**self.order(made, far), "flags": CommandFlag.REDUCE_ONLY}


@contextmanager
def place_of(ground: Ground, accounts: int, *sim: str) -> Iterator[Place]:
    """The venue of a ground, with so many accounts and more options."""
    keys = [f"KEY{number}" for number in range(accounts)]
    users = [f"{key.lower()}={ground.user(key)}:{SECRET}" for key in keys]
    words = [word for user in users for word in ("--account", user)]
    with simulator(
        "--venue", ground.venue, "--symbols", ground.symbol, "--rate", "20",
        "--weight-limit", "100000", "--connects", "10000", *ground.sim, *words, *sim,
    ) as venue:  # fmt: skip
        yield Place(ground, venue, keys)


async def _tick(app: App) -> None:
    while True:
        await asyncio.sleep(0.02)
        app.tick(monotonic_ns())


__all__ = ["Action", "Code", "Rig", "Strategy", "rig"]
