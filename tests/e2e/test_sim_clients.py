"""Other people's clients trade on the simulated venue unmodified: only their URLs are changed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.reference.sim_process import ROOT, simulator

# Other people's clients have an environment of their own; tools/setup-venv makes it.
CLIENTS = Path(sys.prefix) / "clients" / "bin" / "python"
pytestmark = pytest.mark.skipif(not CLIENTS.exists(), reason=f"no clients' environment, {CLIENTS}")

KEY, SECRET = "SOMEBODYSKEY", "somebody's secret"


def traded(script: str) -> tuple[Any, dict[str, Any]]:
    """What the client saw, and the simulator's status after it."""
    account = f"somebody={KEY}:{SECRET}"
    with simulator("--symbols", "BTCUSDT,ETHUSDT", "--rate", "50", "--account", account) as venue:
        client = subprocess.run(
            [str(CLIENTS), str(ROOT / "tests" / "reference" / script), venue.rest, venue.ws, KEY,
             SECRET, "BTCUSDT"],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert client.returncode == 0, client.stderr
        status = venue.status()
    assert status["throttled"] == 0
    return json.loads(client.stdout), status


@pytest.mark.slow
def test_ccxt_trades_and_follows_its_account() -> None:
    seen, _ = traded("ccxt_trader.py")
    assert seen["before"] == {"free": 100_000, "used": 0, "total": 100_000}
    placed, edited = seen["placed"], seen["edited"]
    assert (placed["clientOrderId"], placed["status"], placed["amount"]) == (
        "ccxt-one",
        "open",
        0.05,
    )
    assert (edited["id"], edited["clientOrderId"]) == (placed["id"], "ccxt-one")
    assert (edited["amount"], edited["price"] < placed["price"]) == (0.06, True)
    assert seen["open_after_cancel"] == 0
    bought = seen["bought"]
    assert (bought["status"], bought["filled"], bought["type"]) == ("closed", 0.05, "market")
    assert sum(row["amount"] for row in seen["trades"]) == pytest.approx(0.05)
    fees = sum(row["fee"] for row in seen["trades"])
    assert fees == pytest.approx(bought["price"] * 0.05 * 0.0005, rel=1e-6)
    assert seen["position"] == {"contracts": 0.05, "side": "long"}
    assert seen["stop"] == {"type": "market", "same": True}
    assert (seen["stops_left"], seen["leverage"]) == (0, 5)
    assert (seen["rejected"], seen["unknown"]) == ("BadRequest", "OrderNotFound")
    assert {row["order"] for row in seen["watched_fills"]} == set(seen["ours"])
    assert seen["after"]["used"] == 0
    assert seen["after"]["total"] == seen["watched_balance"] < 100_000


@pytest.mark.slow
def test_python_binance_trades_by_rest_and_by_websocket() -> None:
    seen, status = traded("python_binance_trader.py")
    assert seen["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert (seen["changed"], seen["asked"], seen["open"]) == ("0.060", "NEW", 1)
    assert seen["cancelled"] == "CANCELED"
    assert seen["updates"] == [["NEW", "NEW"], ["AMENDMENT", "NEW"], ["CANCELED", "CANCELED"]]
    assert (seen["bought"], seen["position"]) == ("FILLED", 0.05)
    assert seen["traded"] == pytest.approx(0.05)
    assert seen["balance"] == seen["ws_balance"] == ["USDT"]
    assert 99_900 < seen["wallet"] < 100_000
    assert (seen["stop"], seen["refused"]) == ("NEW", [400, -1111])
    assert (seen["ws_changed"], seen["ws_status"]) == ("0.060", "NEW")
    assert seen["ws_cancelled"] == "CANCELED"
    assert seen["events"] == ["ACCOUNT_UPDATE", "ALGO_UPDATE", "ORDER_TRADE_UPDATE", "TRADE_LITE"]
    for method in ("order.place", "order.modify", "order.cancel", "order.status"):
        assert status["requests"][method] == 1
