"""Signatures: 150 bytes to hexadecimal, beside what the standard library's one call costs."""

import hmac
import time
from collections.abc import Callable
from pathlib import Path

from bench.report import Group
from connector._speedups.signer import HmacSigner, backend

CALLS = 500
TURNS = 20


def _ns(call: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return (time.perf_counter_ns() - start) / CALLS


def signatures(rounds: int) -> Group:
    """The contenders take turns; the best of each counts, the empty call taken off."""
    key, data = b"k" * 64, b"x" * 150
    prepared, plain = HmacSigner(key), HmacSigner(key, plain=True)
    calls: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "prepared": lambda: prepared.sign_hex(data),
        "plain": lambda: plain.sign_hex(data),
        "standard": lambda: hmac.digest(key, data, "sha256").hex(),
    }
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds * TURNS):
        for name, call in calls.items():
            best[name] = min(best[name], _ns(call))
    cost = {name: ns - best["nothing"] for name, ns in best.items()}
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
