"""The simulated Phemex: whatever is asked, its private stream leads to what its REST side says."""

import random
from collections import Counter
from typing import Any

import pytest

from connector.venues.phemex.sim_tickets import NOBODY
from tests.reference.phemex_venue import OTHER, Client, ClientBook, Phemex, Trader, account

TERMINAL = ("Filled", "Canceled", "Rejected", "Deactivated")
TICK = {"BTCUSD": 1000, "ETHUSD": 500}


class Follower:
    """What one learns from the private stream alone."""

    def __init__(self, trader: Trader) -> None:
        self.trader = trader
        self.orders: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, dict[str, Any]] = {}
        self.balances: dict[str, int] = {}
        self.fills: dict[tuple[str, str], dict[str, Any]] = {}
        self.seen: Counter[tuple[str, str]] = Counter()
        for message in trader.opened:
            self.read(message)

    def drain(self) -> None:
        for message in self.trader.client.of("accounts"):
            self.read(message)
        self.trader.client.pushed.clear()

    def read(self, message: dict[str, Any]) -> None:
        for row in message["accounts"]:
            self.balances[row["currency"]] = row["accountBalanceEv"]
        for row in message["positions"]:
            self.positions[row["symbol"]] = row
        for entry in message["orders"]:
            name = entry["orderID"]
            before = self.orders.get(name)
            if before is not None:
                assert entry["execSeq"] >= before["execSeq"]
                assert entry["cumQty"] >= before["cumQty"]
                replaced = before["execStatus"] == "ReplaceToCanceled"
                assert before["ordStatus"] not in TERMINAL or replaced
            if entry["execID"] != NOBODY:
                assert (name, entry["execID"]) not in self.fills
                self.fills[name, entry["execID"]] = entry
            self.seen[entry["ordStatus"], entry["execStatus"]] += 1
            self.orders[name] = entry


def act(chance: random.Random, trader: Trader, symbol: str) -> None:
    """Ask for something; a refusal is an answer, too."""
    bid, ask = trader.touch(symbol)
    tick = TICK[symbol]
    own = [
        each["orderID"]
        for each in (
            trader.ask("GET", "/orders/activeList", f"symbol={symbol}").get("data") or {"rows": []}
        )["rows"]
    ]
    side = chance.choice(("Buy", "Sell"))
    near = chance.choice((bid, ask)) + chance.randint(-30, 30) * tick
    match chance.randint(0, 7):
        case 0 | 1:
            trader.order(
                symbol=symbol, side=side, ordType="Limit", priceEp=near,
                orderQty=chance.choice((1, 7, 400, 9000)),
                timeInForce=chance.choice(
                    ("GoodTillCancel", "ImmediateOrCancel", "FillOrKill", "PostOnly")
                ),
                reduceOnly=chance.random() < 0.2,
            )  # fmt: skip
        case 2:
            trader.order(
                symbol=symbol, side=side, ordType="Market", orderQty=chance.randint(1, 900)
            )
        case 3:
            kind = chance.choice(("Stop", "StopLimit", "MarketIfTouched", "LimitIfTouched"))
            trader.order(
                symbol=symbol, side=side, ordType=kind, orderQty=chance.randint(1, 50),
                priceEp=near, stopPxEp=near,
                triggerType=chance.choice(("ByLastPrice", "ByMarkPrice")),
            )  # fmt: skip
        case 4 if own:
            query = f"symbol={symbol}&orderID={chance.choice(own)}&priceEp={near}"
            trader.ask("PUT", "/orders/replace", query + f"&orderQty={chance.randint(1, 500)}")
        case 5 if own:
            trader.ask("DELETE", "/orders/cancel", f"symbol={symbol}&orderID={chance.choice(own)}")
        case 6 if chance.random() < 0.2:
            waiting = chance.choice(("true", "false"))
            trader.ask("DELETE", "/orders/all", f"symbol={symbol}&untriggered={waiting}")
        case _:
            trader.venue.run(chance.randint(1, 40))


@pytest.mark.parametrize("symbol", ["BTCUSD", "ETHUSD"])
def test_the_stream_leads_to_what_rest_says(symbol: str) -> None:
    wanted = {
        ("Filled", "TakerFill"),
        ("Filled", "MakerFill"),
        ("PartiallyFilled", "MakerFill"),
        ("Canceled", "Aborted"),
        ("Canceled", "Expired"),
        ("Canceled", "Canceled"),
        ("Canceled", "ReplaceToCanceled"),
        ("New", "ReAdded"),
        ("Untriggered", "New"),
        ("Triggered", "New"),
        ("Deactivated", "Canceled"),
        ("Rejected", "CreateRejected"),
    }
    seen: Counter[tuple[str, str]] = Counter()
    for seed in range(12):
        seen += followed(seed, symbol)
        if seed and wanted <= set(seen):
            return
    pytest.fail(f"no life told of {wanted - set(seen)}")


def watched(watcher: Client, followers: list[Follower], symbol: str) -> None:
    """What everybody sees: a book that is never crossed, and every fill among the trades."""
    watcher.venue.run(50)
    watcher.venue.market.repeat(symbol)
    watcher.venue.run(21)
    for follower in followers:
        follower.drain()
    filled = [fill for follower in followers for fill in follower.fills.values()]
    watcher.venue.run(50)  # trades are told some milliseconds after the fills they were
    for follower in followers:
        follower.drain()
    book, messages = ClientBook(), watcher.of("book")
    while messages[-1]["type"] == "incremental":
        messages.pop()
    for message in messages[:-1]:
        book.take(message)
        assert max(book.sides["bids"]) < min(book.sides["asks"])
    assert book.book() == messages[-1]["book"]
    traded: Counter[tuple[int, int]] = Counter()
    for message in watcher.of("trades"):
        for _, _, price, qty in message["trades"]:
            traded[price, qty] += 1
    for fill in filled:
        assert traded[fill["execPriceEp"], fill["execQty"]] > 0


def followed(seed: int, symbol: str) -> Counter[tuple[str, str]]:
    """One life of two accounts; the states that were told of their orders."""
    chance = random.Random(f"{seed}/{symbol}")
    venue = Phemex([symbol], rate=300, accounts=(account(), account("other", OTHER)))
    watcher = venue.client()
    watcher.ask("orderbook.subscribe", [symbol])
    watcher.ask("trade.subscribe", [symbol])
    followers = [Follower(Trader(venue)), Follower(Trader(venue, OTHER))]
    for _ in range(300):
        act(chance, chance.choice(followers).trader, symbol)
        venue.rest._limiter._used.clear()
        for follower in followers:
            follower.drain()
    watched(watcher, followers, symbol)
    currency = "BTC" if symbol == "BTCUSD" else "USD"
    for follower in followers:
        trader = follower.trader
        answer = trader.ask("GET", "/orders/activeList", f"symbol={symbol}")
        rows = {row["orderID"]: row for row in (answer["data"] or {"rows": []})["rows"]}
        open_now = {
            name: each
            for name, each in follower.orders.items()
            if each["ordStatus"] not in TERMINAL
        }
        assert rows.keys() == open_now.keys()
        for name, row in rows.items():
            for key in ("ordStatus", "priceEp", "orderQty", "cumQty", "leavesQty", "stopPxEp"):
                assert row[key] == open_now[name][key]
        data = trader.ask("GET", "/accounts/accountPositions", f"currency={currency}")["data"]
        assert data["account"]["accountBalanceEv"] == follower.balances[currency]
        (position,) = data["positions"]
        told = follower.positions.get(symbol)
        if told is not None:
            for key in ("size", "side", "valueEv", "avgEntryPriceEp", "cumTransactFeeEv"):
                assert position[key] == told[key]
        start = 1_000_000_000
        fills = follower.fills.values()
        change = sum(each["closedPnlEv"] - each["execFeeEv"] for each in fills)
        assert follower.balances[currency] == start + change
        sizes = {"Buy": 1, "Sell": -1, "None": 0}
        size = sum(each["execQty"] * sizes[each["side"]] for each in fills)
        assert position["size"] * sizes[position["side"]] == size
        for each in fills:
            assert each["execSeq"] >= each["addedSeq"] > 0
    return followers[0].seen + followers[1].seen
