"""The account channel of `connector sim --venue cadenza`, as the public Python client of
Centrifugo meets it, unmodified: what is told, and each thing that can go wrong with it."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from centrifuge import Client, PublicationContext

from tests.e2e.test_sim_centrifuge_python import Heard, Life, until
from tests.reference.stack import Sim

# The client leaves connections that ended to the end of the loop, which may come before theirs.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

BASE = "/api/v3"
BTC = "BINANCE:BTC/USDT"
CHANNELS = "tradingAccount:*"


class Desk:
    """A user of the venue over REST."""

    def __init__(self) -> None:
        arguments = ("--symbols", BTC, "--rate", "4", "--no-bursts", "--history", "300")
        self.sim = Sim(
            *arguments, "--profile", "current", "--weight-limit", "5000", venue="cadenza"
        )
        self.token = ""
        self.login()
        (row,) = self.ask("/tradingAccount/list?venue=BINANCE")
        self.account = row["tradingAccountId"]
        self.channel = f"tradingAccount:{self.account}"
        self.ask("/tradingAccount/subscription/subscribe", {"tradingAccountId": self.account})
        self.url = self.sim.where["ws"] + "/connection/websocket"
        self.number = 0

    def login(self) -> str:
        key = self.sim.where["account"]
        given = {"email": key["key"], "password": key["secret"]}
        self.token = self.ask("/auth/login", given)["accessToken"]
        return self.token

    async def fresh(self) -> str:
        """What the client calls for a new token."""
        return await asyncio.to_thread(self.login)

    def ask(self, path: str, body: Any = None, timeout_s: float = 30) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.sim.where["rest"] + BASE + path, data, headers)
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.loads(answer.read())["data"]

    def place(self, timeout_s: float = 30, price: str = "50000.00") -> str:
        """A buy that waits; its owner's id."""
        self.number += 1
        wish = {
            "tradingAccountId": self.account, "instrumentId": BTC, "orderSide": "BUY",
            "orderType": "LIMIT", "quantity": "0.001", "limitPrice": price,
            "clientOrderId": f"k{self.number}",
        }  # fmt: skip
        self.ask("/tradeOrder/submit", wish, timeout_s)
        return f"k{self.number}"


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    made = Desk()
    with made.sim:
        yield made


@pytest.fixture(autouse=True)
def calm(desk: Desk) -> None:
    desk.sim.clear()


class Account(Heard):
    """The subscription: publications as they came, and their offsets."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets: list[int] = []

    async def on_publication(self, ctx: PublicationContext) -> None:
        self.offsets.append(ctx.pub.offset)
        self.values.append(ctx.pub.data["data"])

    def statuses(self, name: str) -> list[str]:
        return [row["status"] for row in self.values if row.get("clientOrderId") == name]


class Guest:
    """A client that is connected and listens."""

    def __init__(self, desk: Desk) -> None:
        self.life, self.heard = Life(), Account()
        self.client = Client(
            desk.url, events=self.life, proxy=None, token=desk.token, get_token=desk.fresh,
            min_reconnect_delay=0.01,
        )  # fmt: skip
        self.sub = self.client.new_subscription(
            desk.channel, self.heard, recoverable=True, positioned=True
        )

    async def __aenter__(self) -> "Guest":
        await self.client.connect()
        await self.sub.subscribe()
        await self.sub.ready(30)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.disconnect()


BOTH = ["SUBMITTED", "ACCEPTED"]


def test_it_hears_its_orders_and_what_is_done_to_messages(desk: Desk) -> None:
    async def work() -> None:
        async with Guest(desk) as guest:
            heard = guest.heard

            async def placed(*, seen: list[str]) -> None:
                name = await asyncio.to_thread(desk.place)
                last = await asyncio.to_thread(desk.place)
                await until(lambda: heard.statuses(last) == BOTH)
                assert heard.statuses(name) == seen

            await placed(seen=BOTH)
            assert heard.offsets == list(range(heard.offsets[0], heard.offsets[-1] + 1))
            desk.sim.fault("duplicate", stream=CHANNELS)
            await placed(seen=["SUBMITTED", *BOTH])
            desk.sim.fault("drop", stream=CHANNELS)
            await placed(seen=["ACCEPTED"])
            steps = [b - a for a, b in zip(heard.offsets, heard.offsets[1:], strict=False)]
            assert sorted({*steps}) == [0, 1, 2], "a copy has its number, and so has what is lost"
            desk.sim.fault("delay", stream=CHANNELS, ms=200)
            await placed(seen=BOTH)
            desk.sim.fault("lost", path=f"{BASE}/tradeOrder/submit", method="POST")
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(desk.place, 0.5)
            await until(lambda: heard.statuses(f"k{desk.number}") == BOTH)
            found = await guest.client.rpc(
                "query.trade_order.get", {"clientOrderId": f"k{desk.number}"}
            )
            assert found.data["data"]["status"] == "ACCEPTED"

    asyncio.run(work())


@pytest.mark.parametrize("code", [3010, 3011])
def test_it_comes_back_to_what_it_missed_or_is_told_that_nobody_knows(
    desk: Desk, code: int
) -> None:
    async def work() -> None:
        async with Guest(desk) as guest:
            heard = guest.heard
            desk.sim.fault("close", code=code, stream=CHANNELS)
            await asyncio.to_thread(desk.place)
            await until(lambda: heard.statuses(f"k{desk.number}") == BOTH)
            await until(lambda: len(heard.subscribed) == 2)
            assert heard.subscribed[1].was_recovering
            assert heard.subscribed[1].recovered
            desk.sim.fault("reset")
            desk.sim.fault("close", code=code, stream=CHANNELS)
            await until(lambda: len(heard.subscribed) == 3)
            assert heard.subscribed[2].was_recovering
            assert not heard.subscribed[2].recovered

    asyncio.run(work())


def test_a_terminal_code_ends_it_and_an_ended_token_is_replaced(desk: Desk) -> None:
    async def work() -> None:
        async with Guest(desk) as guest:
            old = desk.token
            desk.sim.fault("expire")
            with pytest.raises(urllib.error.HTTPError) as denied:
                await asyncio.to_thread(desk.place)
            with denied.value:  # it has the answer's socket
                assert denied.value.code == 401
            desk.sim.fault("close", code=3011, stream=CHANNELS)
            await until(lambda: len(guest.heard.subscribed) == 2)
            assert desk.token != old, "the client asked for one, as it was told 109"
            assert guest.heard.subscribed[1].recovered
            desk.sim.fault("close", code=3500, stream=CHANNELS)
            await until(lambda: guest.life.ended)
            assert guest.life.ended == [3500]

    asyncio.run(work())


def test_an_answer_waits_for_its_order_to_end_up_to_a_second(desk: Desk) -> None:
    wish = {
        "tradingAccountId": desk.account, "instrumentId": BTC, "orderSide": "BUY",
        "orderType": "LIMIT", "quantity": "0.001", "limitPrice": "50000.00", "awaitClosed": True,
    }  # fmt: skip
    began = time.monotonic()
    (row,) = desk.ask("/tradeOrder/submit", wish)
    assert row["status"] == "ACCEPTED"
    assert time.monotonic() - began >= 0.9
