"""Signatures of 150 bytes beside what the standard library's one call costs, and whole requests."""

import hmac
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from bench.report import Group
from connector._speedups.orders_binance_usdm import BinanceUsdmEncoder
from connector._speedups.orders_phemex import PhemexEncoder
from connector._speedups.signer import HmacSigner, backend
from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType, TimeInForce
from connector.model.packing import layout
from connector.model.records import Side

CALLS = 500
TURNS = 20


def _ns(call: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return (time.perf_counter_ns() - start) / CALLS


def _best(rounds: int, calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The contenders take turns; the best of each counts, the empty call taken off."""
    calls = {"nothing": lambda: None} | calls
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds * TURNS):
        for name, call in calls.items():
            best[name] = min(best[name], _ns(call))
    return {name: ns - best["nothing"] for name, ns in best.items()}


def signatures(rounds: int) -> Group:
    """150 bytes to hexadecimal."""
    key, data = b"k" * 64, b"x" * 150
    prepared, plain = HmacSigner(key), HmacSigner(key, plain=True)
    cost = _best(
        rounds,
        {
            "prepared": lambda: prepared.sign_hex(data),
            "plain": lambda: plain.sign_hex(data),
            "standard": lambda: hmac.digest(key, data, "sha256").hex(),
        },
    )
    group = Group(
        "signature of 150 bytes, hexadecimal",
        "every order and cancel leaves later",
    )
    flags = set(Path("/proc/cpuinfo").read_text().split())
    quick = "with" if flags & {"sha_ni", "sha2"} else "WITHOUT"
    note = f"{backend()}, {quick} SHA instructions; from Python"
    group.add("prepared key", cost["prepared"], "ns", 250, note=note)
    group.add("prepared key, plain C", cost["plain"], "ns", note="where no libcrypto is shared")
    group.add("hmac.digest(...).hex()", cost["standard"], "ns")
    group.add("prepared of hmac.digest", cost["prepared"] / cost["standard"], "x", 0.18)
    return group


def requests(rounds: int) -> Group:
    """A command's 512 bytes to the complete signed request; the copy into bytes is included."""
    encoder = BinanceUsdmEncoder(HmacSigner(b"k" * 64), "k" * 64, "fapi.binance.com")
    phemex = PhemexEncoder(HmacSigner(b"k" * 91), "k" * 36, "api.phemex.com", hedged=("USDT",))
    instrument = Instrument(
        symbol="BTCUSDT",
        exchange="BinanceU",
        margin="USDT",
        price_exponent=8,
        qty_exponent=8,
        price_digits=2,
        qty_digits=3,
        tick_e=10**7,
        step_e=10**5,
    )
    encoder.add(0, instrument)
    phemex.add(0, instrument)
    phemex.add(1, replace(instrument, symbol="BTCUSD", margin="BTC"))
    absent = dict.fromkeys(
        ("order_id", "stop_price_e", "activation_price_e", "callback_rate_e", "good_till_ns")
    )
    order: dict[str, object] = {
        "stamp": 1,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTX,
        "price_e": 6800510000000,
        "qty_e": 1500000,
        "client_order_id": "c00001A0000001",
        **absent,
    }
    command = layout("Command")
    place = command.pack(action=Action.PLACE, **order)
    cancel = command.pack(action=Action.CANCEL, **order)
    coins = command.pack(action=Action.PLACE, **(order | {"instrument": 1}))
    named = command.pack(
        action=Action.CANCEL,
        **(order | {"venue_order_id": "e329ae87-ce80-439d-b0cf-ad65272ed44c"}),
    )
    now_ns = 1591702613943 * 1_000_000
    cost = _best(
        rounds,
        {
            "place": lambda: encoder.encode(place, now_ns),
            "cancel": lambda: encoder.encode(cancel, now_ns),
            "coins": lambda: phemex.encode(coins, now_ns),
            "texts": lambda: phemex.encode(place, now_ns),
            "named": lambda: phemex.encode(named, now_ns),
        },
    )
    group = Group("command to signed request", "every order and cancel leaves later")
    group.add("LIMIT order", cost["place"], "ns", 1500, note="from Python")
    group.add("cancel by client id", cost["cancel"], "ns", 1500, note="from Python")
    group.add("LIMIT order, Phemex", cost["coins"], "ns", 1500, note="from Python")
    group.add("LIMIT order, Phemex's hedged family", cost["texts"], "ns", 1500, note="from Python")
    group.add("cancel by the venue's id, Phemex", cost["named"], "ns", 1500, note="from Python")
    return group
