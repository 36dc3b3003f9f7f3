"""ccxt and python-binance call the simulated venue for every endpoint they know, and get what they
expect."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.venues.binance_usdm import VENUE
from tests.reference.sim_process import ROOT, simulator

CLIENTS = Path(sys.prefix) / "clients" / "bin" / "python"
pytestmark = pytest.mark.skipif(not CLIENTS.exists(), reason=f"no clients' environment, {CLIENTS}")

KEY, SECRET = "SOMEBODYSKEY", "somebody's secret"


def asked(script: str) -> Any:
    """What the client saw of a venue it had for itself."""
    account = f"somebody={KEY}:{SECRET}"
    with simulator("--symbols", "BTCUSDT,ETHUSDT", "--rate", "50", "--account", account,
                   "--weight-limit", "100000") as venue:  # fmt: skip
        client = subprocess.run(
            [str(CLIENTS), str(ROOT / "tests" / "reference" / script), venue.rest, venue.ws, KEY,
             SECRET, "BTCUSDT"],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert client.returncode == 0, client.stderr
        assert venue.status()["throttled"] == 0
    return json.loads(client.stdout)


OUT_OF_REFERENCE = {
    "lvtKlines": "leveraged tokens' candles, no part of the published surface",
    "account": "version 1, shut down 2023-07-15",
    "balance": "version 1, shut down 2023-07-15",
    "positionRisk": "version 1, shut down 2023-07-15",
    "pmAccountInfo": "portfolio margin, out of scope",
    "convert/": "conversions, out of scope",
    "apiReferral/": "brokers' referrals, no part of the published surface",
    "stock/contract": "published as POST, which ccxt does not know",
}
"""Calls of ccxt's table that the venue's reference does not have, and why they are left out."""


def test_ccxt_calls_every_endpoint_it_knows(counted: Callable[[str], None]) -> None:
    seen = asked("ccxt_endpoints.py")
    ours = {f"{row.method} {row.path}" for row in VENUE.endpoints.values()}
    known = {call: said for call, said in seen["called"].items() if call in ours}
    for call, said in known.items():
        if call == "POST /fapi/v1/multiAssetsMargin":
            assert '"code":-4171' in said, "it is so already"
        else:
            assert said == "ok", call
    others = {call: said for call, said in seen["called"].items() if call not in ours}
    reasons = {call: [each for each in OUT_OF_REFERENCE if named(call, each)] for call in others}
    assert all(len(found) == 1 for found in reasons.values()), reasons
    for call, said in others.items():
        code = "-1020" if call == "GET /fapi/v1/stock/contract" else "-1099"
        assert f'"code":{code}' in said if call.startswith("GET") else said is None, call
    missed = sorted(ours - known.keys())
    assert missed == ["GET /fapi/v1/allForceOrders", "POST /fapi/v1/stock/contract"]
    counted(
        f"BinanceU, ccxt: {len(known)} of {len(ours)} endpoints called on the simulated venue "
        f"(unknown to it: {', '.join(missed)}); {len(others)} more it knows are none of "
        "the reference's"
    )
    assert seen["changed"] == {
        "leverage": 7,
        "order": ["NEW", "0.060"],
        "cancelled": "CANCELED",
        "batch": [["NEW"] * 2, ["0.070"] * 2, ["CANCELED"] * 2],
        "algos": "200",
        "all": "200",
        "margin 1": [50, 1],
        "margin 2": [20, 2],
        "key": True,
    }
    assert seen["moves"] == [[20, "reduce"], [50, "add"]]
    assert seen["funding"] == [seen["rate"]] * 3
    assert seen["open_interest"] == 0
    assert all(seen["candles"].values())
    assert seen["tickers"] == seen["best"] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]


def named(call: str, what: str) -> bool:
    path = call.split()[1].removeprefix("/fapi/v1/")
    return path.startswith(what) if what.endswith("/") else path == what


REFUSED = {
    "change_multi_assets_mode": "-4171",
    "v1_put_batch_orders": "-1022",
    **{f"v1_{method}_batch_order": "-1099" for method in ("post", "put", "delete")},
}
"""It is so already; python-binance signs before it escapes the quotes, but the venue checks what
was sent; and there is no ``batchOrder``, only ``batchOrders``."""
NOT_FUTURES = {
    "account_transfer", "cross_collateral_adjust_history",
    "cross_collateral_liquidation_history", "historical_data_link", "loan_borrow_history",
    "loan_interest_history", "loan_repay_history", "loan_wallet",
}  # fmt: skip
"""Methods that ask the spot venue, /sapi."""
OUT_OF_SCOPE = {
    "v1_get_convert_exchange_info", "v1_get_convert_order_status", "v1_get_pm_account_info",
    "v1_post_convert_accept_quote", "v1_post_convert_get_quote",
}  # fmt: skip
"""Conversions and portfolio margin."""


def test_python_binance_calls_every_endpoint_it_knows(counted: Callable[[str], None]) -> None:
    seen = asked("python_binance_endpoints.py")
    ours = {f"{row.method} {row.path}" for row in VENUE.endpoints.values()}
    made = {name: told for name, told in seen["called"].items() if told is not None}
    for name, (call, said) in made.items():
        assert said.split()[0] == REFUSED.get(name, "ok"), (name, said)
        assert (call in ours) == ("-1099" not in said), name
    assert seen["called"].keys() - made.keys() == NOT_FUTURES | OUT_OF_SCOPE
    assert REFUSED.keys() <= made.keys()
    calls = ours & {call for call, _ in made.values()}
    missed = sorted(ours - calls)
    counted(
        f"BinanceU, python-binance: {len(made)} of {len(seen['called'])} methods called on the "
        f"simulated venue ({len(NOT_FUTURES)} are spot's, {len(OUT_OF_SCOPE)} out of scope), by "
        f"them {len(calls)} of {len(ours)} endpoints"
    )
    assert len(calls) >= 80, missed
    assert seen["changed"] == {
        "leverage": 7,
        "order": ["NEW", "0.060", "CANCELED"],
        "batch": [["NEW"] * 2, ["CANCELED"] * 2],
        "algos": "200",
        "all": "200",
        "margin 1": [50, 1],
        "margin 2": [20, 2],
        "key": True,
    }
    assert seen["held"] == 0.04
