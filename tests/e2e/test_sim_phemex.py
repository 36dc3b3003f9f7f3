"""The simulated Phemex as a process: the rules of its sockets, and ccxt, which trades there."""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.reference.sim_process import ROOT, Simulator, simulator

CLIENTS = Path(sys.prefix) / "clients" / "bin" / "python"
KEY, SECRET = "806066b0-f02b-4d3e-b444-76ec718e1023", "somebody's secret"


def closed_for(venue: Simulator) -> dict[str, int]:
    found: dict[str, int] = venue.status()["closed_for"]
    return found


async def ask(ws: Any, method: str, *params: Any) -> Any:
    await ws.send(json.dumps({"id": 1, "method": method, "params": params}))
    while True:
        answer = json.loads(await ws.recv())
        if "error" in answer:
            return answer


async def last_words(ws: Any) -> None:
    """Read until the end."""
    with suppress(websockets.ConnectionClosed):
        while True:
            await ws.recv()


def test_a_client_without_a_ping_is_dropped_without_a_word_while_data_flows() -> None:
    async def pinging(ws: Any) -> None:
        while True:
            assert (await ask(ws, "server.ping"))["result"] == "pong"
            await asyncio.sleep(0.1)

    async def run(venue: Simulator) -> None:
        began = time.monotonic()
        async with (
            websockets.connect(venue.ws, ping_interval=None) as silent,
            websockets.connect(venue.ws + "/ws", ping_interval=None) as alive,
        ):
            pings = asyncio.create_task(pinging(alive))
            await ask(silent, "orderbook.subscribe", "BTCUSD")
            await last_words(silent)
            assert time.monotonic() - began > 5
            assert silent.close_code == 1006
            assert not pings.done()
            pings.cancel()

    with simulator("--venue", "phemex", "--symbols", "1", "--silence", "5") as venue:
        asyncio.run(run(venue))
        assert closed_for(venue)["silence"] == 1


def test_a_sixth_connection_and_a_request_too_many_are_refused() -> None:
    async def run(venue: Simulator) -> None:
        sockets = [await websockets.connect(venue.ws) for _ in range(5)]
        with pytest.raises(websockets.InvalidStatus, match="429"):
            await websockets.connect(venue.ws)
        with suppress(websockets.ConnectionClosed):
            for number in itertools.count():
                await sockets[0].send(f'{{"id":{number},"method":"server.ping","params":[]}}')
        assert sockets[0].close_code == 1006
        for each in sockets:
            await each.close()

    with simulator("--venue", "phemex", "--symbols", "1") as venue:
        asyncio.run(run(venue))
        assert closed_for(venue)["too many messages"] == 1


@pytest.mark.skipif(not CLIENTS.exists(), reason=f"no clients' environment, {CLIENTS}")
def test_ccxt_reads_the_market_and_trades_both_families() -> None:
    options = ["--symbols", "BTCUSD,BTCUSDT", "--account", f"demo={KEY}:{SECRET}"]
    with simulator("--venue", "phemex", *options) as venue:
        client = subprocess.run(
            [str(CLIENTS), str(ROOT / "tests" / "reference" / "ccxt_phemex.py"),
             venue.rest, venue.ws, KEY, SECRET, "BTCUSD", "BTCUSDT"],
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert client.returncode == 0, client.stderr
        assert venue.status()["throttled"] == 0
    seen = json.loads(client.stdout)
    looked, traded = seen["looked"], seen["traded"]
    assert looked["market"] == {
        "inverse": True, "linear": False, "settle": "BTC", "contractSize": 1,
    }  # fmt: skip
    assert looked["book"] == {"bids": 30, "asks": 30}
    assert looked["spread"][0] < looked["spread"][1]
    low, last, high = looked["ticker"]
    assert low <= last <= high
    assert traded["placed"]["status"] == "open"
    assert (traded["placed"]["clientOrderId"], traded["placed"]["amount"]) == ("ccxt-one", 10)
    assert (traded["edited"]["amount"], traded["edited"]["id"]) == (12, traded["placed"]["id"])
    assert traded["canceled"]["status"] == "canceled"
    assert traded["open_after_cancel"] == traded["open_at_the_end"] == 0
    assert (traded["bought"]["status"], traded["bought"]["filled"]) == ("closed", 100)
    assert traded["position"] == {"contracts": 100, "side": "long"}
    assert sum(each["amount"] for each in traded["trades"]) == 100
    assert traded["sold"]["status"] == "closed"
    assert traded["left"] == ["canceled", "canceled"]
    assert (traded["waiting"], traded["misspelt"]) == (True, 1)
    assert (traded["rejected"], traded["unknown"]) == ("InvalidOrder", "OrderNotFound")
    assert traded["after"] < traded["before"]
    hedged = seen["hedged"]
    assert (hedged["merged"]["status"], hedged["merged"]["filled"]) == ("closed", 0.01)
    assert (hedged["placed"]["clientOrderId"], hedged["placed"]["amount"]) == ("ccxt-hedged", 0.02)
    assert (hedged["edited"]["amount"], hedged["edited"]["id"]) == (0.03, hedged["placed"]["id"])
    assert (hedged["canceled"]["status"], hedged["left"]) == ("canceled", "canceled")
    assert hedged["positions"] == {"long": 0.04, "short": 0.02}
    assert hedged["closed"]["filled"] == 0.01
    assert round(sum(each["amount"] for each in hedged["trades"]), 8) == 0.1
    for each in hedged["trades"]:
        assert each["fee"] == pytest.approx(each["cost"] * 0.0006, abs=1e-8)
    assert hedged["wrong_side"] == "ExchangeError"
    assert hedged["closed_orders"] == 7
    assert hedged["after"] < hedged["before"]
    past = seen["past"]
    coin, linear = "BTC/USD:BTC", "BTC/USDT:USDT"
    assert past["orders"] == past["closed"] == {coin: 6, linear: 7}
    assert past["rates"] == {coin: [5, coin], linear: [5, linear]}
    assert past["funding"] == {coin: [], linear: []}
    assert min(past["candles"].values()) >= 1
    assert past["interest"] == linear
    assert past["past_positions"] == [{"contracts": 0.01, "side": "long"}]
    # Both may be of one millisecond, which is all that ccxt orders them by.
    assert sorted(past["transfers"]) == [["100000000", "swap", "ok"], ["25000000", "spot", "ok"]]
    assert (past["deposits"], past["withdrawals"], past["address"]) == ([], [], 36)
    assert past["isolated"] == [100, 1_000_000]
    assert past["too_much"] == "InsufficientFunds"
