"""ccxt asks the simulated venue for every endpoint it knows, and gets what it expects."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from connector.venues.binance_usdm import VENUE
from tests.reference.sim_process import ROOT, simulator

CLIENTS = Path(sys.prefix) / "clients" / "bin" / "python"
pytestmark = pytest.mark.skipif(not CLIENTS.exists(), reason=f"no clients' environment, {CLIENTS}")

KEY, SECRET = "SOMEBODYSKEY", "somebody's secret"
NO_SUCH_ORDER = {"openOrder", "order", "orderAmendment", "algoOrder"}
NO_SUCH_FILE = {f"{kind}/asyn/id" for kind in ("order", "trade", "income")}


def test_ccxt_reads_every_endpoint_it_knows() -> None:
    account = f"somebody={KEY}:{SECRET}"
    with simulator("--symbols", "BTCUSDT,ETHUSDT", "--rate", "50", "--account", account,
                   "--weight-limit", "100000") as venue:  # fmt: skip
        client = subprocess.run(
            [str(CLIENTS), str(ROOT / "tests" / "reference" / "ccxt_endpoints.py"), venue.rest,
             venue.ws, KEY, SECRET, "BTCUSDT"],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert client.returncode == 0, client.stderr
        assert venue.status()["throttled"] == 0
    seen = json.loads(client.stdout)
    ours = {row.path for row in VENUE.endpoints.values() if row.method == "GET"}
    known = {path: said for path, said in seen["called"].items() if path in ours}
    assert len(known) >= 65, "ccxt knows so many"
    for path, said in known.items():
        name = path.removeprefix("/fapi/v1/")
        if name in NO_SUCH_FILE:
            assert '"code":-1130' in said, path
        elif name in NO_SUCH_ORDER:
            assert said.startswith("OrderNotFound"), path
        else:
            assert said == "ok", path
    assert seen["funding"] == [seen["rate"]] * 3
    assert seen["open_interest"] == 0
    assert all(seen["candles"].values())
    assert seen["tickers"] == seen["best"] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]


EXPECTED = {
    "get_order": "-2013", "get_algo_order": "-2013", "v1_get_open_order": "-2013",
    "v1_get_order_amendment": "-2013", "change_multi_assets_mode": "-4171",
    **dict.fromkeys([f"v1_get_{kind}_asyn_id" for kind in ("order", "trade", "income")], "-1130"),
}  # fmt: skip
"""No such order or file, and nothing to change."""


def test_python_binance_calls_every_endpoint_it_knows() -> None:
    account = f"somebody={KEY}:{SECRET}"
    with simulator("--symbols", "BTCUSDT,ETHUSDT", "--rate", "50", "--account", account,
                   "--weight-limit", "100000") as venue:  # fmt: skip
        client = subprocess.run(
            [str(CLIENTS), str(ROOT / "tests" / "reference" / "python_binance_endpoints.py"),
             venue.rest, venue.ws, KEY, SECRET, "BTCUSDT"],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert client.returncode == 0, client.stderr
    seen = json.loads(client.stdout)
    ours = {f"{row.method} {row.path}" for row in VENUE.endpoints.values()}
    for name, (call, said) in seen.items():
        assert call in ours, name
        assert said.split()[0] == EXPECTED.get(name, "ok"), (name, said)
    calls = {call for call, _ in seen.values()}
    print(f"python-binance: {len(seen)} methods, {len(calls)} endpoints")  # noqa: T201  the count
    assert len(calls) >= 70
