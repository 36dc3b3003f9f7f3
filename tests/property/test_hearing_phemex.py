"""The short way of Phemex's private events and the tracker's own say and do the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from connector.model.instrument import Instrument
from connector.model.records import RecordType
from connector.trading.halts import Halts, path_of
from connector.venues.contract import load
from connector.venues.phemex.numbers import NOBODY
from tests.reference.hearing_rig import Story as Told
from tests.reference.hearing_rig import tell, write

STORIES, STEPS = 150, 60
TRADING = load("phemex").trading
COINS = {
    symbol: Instrument(
        symbol=symbol,
        exchange="Phemex",
        base=symbol[:3],
        quote="USD" if margin == "BTC" else margin,
        margin=margin,
        price_exponent=price,
        qty_exponent=qty,
        price_digits=1,
        qty_digits=0,
        tick_e=1,
        step_e=1,
        contract_size_e=10**8,
        inverse=margin == "BTC",
    )
    for symbol, margin, price, qty in (
        ("BTCUSD", "BTC", 4, 0),
        ("ETHUSD", "USD", 4, 0),
        ("BTCUSDT", "USDT", 2, 3),
    )
}
FRACTIONS = {"BTC": "Ev", "USD": "Ev", "USDT": "Rv"}
ODD = ("", "0", "1e3", "-1", "9" * 20, None, True, 7, "x", -3, "100.123456789", NOBODY, "x" * 41)
HAPPENS = (
    (("New", "New", "New"),) * 3
    + (("New", "fill", "MakerFill"),) * 4
    + (
        ("New", "fill", "TakerFill"),
        ("Replace", "fill", "MakerFill"),
        ("Cancel", "fill", "TakerFill"),
    )
    + (("Cancel", "Canceled", "Canceled"), ("CancelAll", "Canceled", "Canceled"))
    + (("New", "Canceled", "Expired"), ("New", "Canceled", "Aborted"))
    + (("Replace", "Canceled", "ReplaceToCanceled"), ("Replace", "New", "ReAdded"))
    + (("Replace", "PartiallyFilled", "Replaced"), ("Cancel", "New", "PendingCancel"))
    + (("New", "Rejected", "CreateRejected"), ("New", "Untriggered", "New"))
    + (("New", "Triggered", "New"), ("LiqRequest", "Canceled", "Canceled"))
)
"""Request, status and execution."""


class Story(Told):
    """Frames of either family."""

    trading: Any = TRADING
    coins = COINS

    def named(self, true: dict[str, Any]) -> dict[str, Any]:
        return {"venue_order_id": f"venue-{true['i']}"}

    def event(self) -> None:
        rng = self.rng
        symbol = self.true[rng.choice([*self.true][-3:])]["s"]
        keys = [key for key in [*self.true][-4:] if self.true[key]["s"] == symbol]
        count = rng.choice((1, 1, 1, 2, 3))
        entries = [self.entry(self.true[rng.choice(keys)]) for _ in range(count)]
        if rng.random() < 0.03:
            entries[0]["tradeType"] = rng.choice(("Funding", "LiqTrade", "AdlTrade"))
        if rng.random() < 0.1:
            entry = rng.choice(entries)
            entry[rng.choice([*entry])] = rng.choice(ODD)
        ending = "_p" if self.coins[symbol].margin == "USDT" else ""
        frame: dict[str, Any] = {
            "sequence": len(self.frames),
            "timestamp": self.ms * 10**6 + 1,
            "type": "incremental" if rng.random() < 0.95 else "snapshot",
            f"accounts{ending}": [], f"orders{ending}": entries, f"positions{ending}": [],
        }  # fmt: skip
        if rng.random() < 0.4:
            frame[f"accounts{ending}"] = [self.balance(symbol)]
        if rng.random() < 0.4:
            frame[f"positions{ending}"] = [self.position(symbol)]
        self.hear(json.dumps(frame, separators=(",", ":")).encode())

    def entry(self, true: dict[str, Any]) -> dict[str, Any]:
        rng, coin = self.rng, self.coins[true["s"]]
        decimals = coin.margin == "USDT"
        action, status, execution = rng.choice(HAPPENS)

        def price(value: float) -> int | str:
            return f"{value:.2f}" if decimals else round(value * 10**coin.price_exponent)

        def quantity(value: int) -> int | str:
            return str(value) if decimals else value

        last, paid, trade = 0, 0.0, NOBODY
        fee: int | str = "0" if decimals else 0
        if status == "fill":
            most = max(1, int(true["q"]) - true["z"])
            last = most if rng.random() < 0.35 else rng.randint(1, most)
            paid = rng.choice((99, 100, 101)) + 0.5
            true["z"] += last
            self.trades += 1
            trade = f"trade-{self.trades}"
            whole = true["z"] >= int(true["q"]) and rng.random() < 0.9
            status = "Filled" if whole else "PartiallyFilled"
            fee = (
                rng.choice(("0.00012", "-0.1234567891", "0")) if decimals else rng.choice((35, -5))
            )
        elif status == "Canceled":
            last = max(0, int(true["q"]) - true["z"])
        if rng.random() < 0.05:
            true["z"] += 1  # a fill that nobody tells
        p, v = ("Rp", "Rv") if decimals else ("Ep", "Ev")
        entry: dict[str, Any] = {
            "symbol": true["s"], "currency": coin.margin, "clOrdID": true["c"],
            "orderID": f"venue-{true['i']}", "action": action,
            "actionBy": rng.choice(("ByUser", "ByUser", "BySystem")), "code": 0,
            "cxlRejReason": rng.choice((0, 0, 0, 100, 101)), "ordStatus": status,
            "execStatus": execution, "execID": trade, "execQty": quantity(last),
            f"execPrice{p}": price(paid), f"execFee{v}": fee, f"closedPnl{v}": fee,
            f"price{p}": price(float(true["p"])), f"stopPx{p}": price(0),
            "cumQty": quantity(true["z"]), "orderQty": quantity(int(true["q"])),
            "side": true["S"].title(), "ordType": true["o"].title(),
            "timeInForce": rng.choice(("GoodTillCancel", "ImmediateOrCancel", "FillOrKill")),
            "transactTimeNs": self.ms * 10**6, "actionTimeNs": self.ms * 10**6 - 7,
            f"curAccBalance{v}": fee, "message": "No error",
        }  # fmt: skip
        if last and trade != NOBODY:
            entry["tradeType"] = "Trade"
        if rng.random() < 0.05:
            entry.pop(rng.choice(("transactTimeNs", "tradeType", "execID", "currency")), None)
        return entry

    def balance(self, symbol: str) -> dict[str, Any]:
        coin = self.coins[symbol]
        ending = FRACTIONS[coin.margin]
        value: int | str = self.rng.randint(1, 1000)
        value = f"{value}.000000000123" if ending == "Rv" else value
        return {
            "currency": coin.margin, f"accountBalance{ending}": value,
            f"totalUsedBalance{ending}": "0" if ending == "Rv" else 0,
        }  # fmt: skip

    def position(self, symbol: str) -> dict[str, Any]:
        decimals = self.coins[symbol].margin == "USDT"
        size = self.rng.randint(0, 9)
        p, v, r = ("Rp", "Rv", "Rr") if decimals else ("Ep", "Ev", "Er")
        return {
            "symbol": symbol, "currency": self.coins[symbol].margin, "transactTimeNs": self.ms,
            "side": self.rng.choice(("Buy", "Sell")) if size else "None",
            "size": str(size) if decimals else size,
            f"avgEntryPrice{p}": "100.5" if decimals else 7,
            f"leverage{r}": "-10" if decimals else 0, f"unrealisedPnl{v}": "1" if decimals else -1,
        }  # fmt: skip

    def what(self, frame: bytes) -> tuple[str, str]:
        said = json.loads(frame)
        entry = (said.get("orders") or said.get("orders_p"))[0]
        partly = "partly " if self.rigs[0].partly else ""
        return f"{partly}{entry.get('execStatus')}", str(entry.get("ordStatus"))


@pytest.fixture
def halts(tmp_path: Path) -> Any:
    made = Halts(path_of(tmp_path))
    made.open()
    yield made
    made.close()


def test_both_ways_say_and_do_the_same(halts: Halts) -> None:
    short, long = tell(lambda seed: Story(seed, halts), STORIES, STEPS)
    for one in (
        ("New", "New"),
        ("MakerFill", "PartiallyFilled"),
        ("TakerFill", "Filled"),
        ("Canceled", "Canceled"),
        ("Expired", "Canceled"),
        ("ReAdded", "New"),
        ("partly MakerFill", "PartiallyFilled"),
    ):
        assert short[one] > 20, (one, short, long)
        assert long[one] > 5 or "partly" in one[0], (one, short, long)
    left = ("Rejected", "Untriggered", "Triggered")
    assert not any(status in left or "ReplaceTo" in what for what, status in short)


def test_both_write_the_same_journal_and_hand_it_over(halts: Halts, tmp_path: Path) -> None:
    entries = write(Story(7, halts), halts, tmp_path, 300)
    for kind in (RecordType.BALANCE_UPDATE, RecordType.POSITION_UPDATE):
        assert sum(entry[1] == kind for entry in entries) > 20
