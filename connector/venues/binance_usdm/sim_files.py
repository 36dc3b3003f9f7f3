"""The venue's files of history: asked for, and never written here.

The real venue works on a file for minutes to days and then gives a link; nothing is behind a link
of a simulated one, so every file stays in work."""

from functools import partial
from typing import Any

from connector.venues.binance_usdm.sim_candles import DAY_MS
from connector.venues.binance_usdm.sim_desk import Call, Desk, Signed, fixed
from connector.venues.binance_usdm.sim_params import Fault, invalid

KINDS = ("order", "trade", "income")
YEAR_MS = 366 * DAY_MS


def ask(desk: Desk, call: Call, kind: str) -> dict[str, Any]:
    start_ms = call.params.number("startTime", required=True)
    end_ms = call.params.number("endTime", required=True)
    assert start_ms is not None
    assert end_ms is not None
    if start_ms > end_ms:
        raise Fault(-1023, "Start time is greater than end time.")
    if end_ms - start_ms > YEAR_MS:
        raise Fault(-4165, "Invalid time interval.")
    number = str(545_923_594_199_212_032 + len(desk.files))
    desk.files[number] = (call.account, kind)
    return {"avgCostTimestampOfLast30d": 7241837, "downloadId": number}


def link(desk: Desk, call: Call, kind: str) -> dict[str, Any]:
    number = call.params.required("downloadId")
    if desk.files.get(number) != (call.account, kind):
        raise invalid("downloadId")
    return {
        "downloadId": number,
        "status": "processing",
        "url": "",
        "notified": False,
        "expirationTimestamp": -1,
        "isExpired": None,
    }


ROUTES: dict[tuple[str, str], Signed] = {
    ("GET", f"/fapi/v1/{kind}/asyn{end}"): Signed(fixed(weight), partial(answer, kind=kind))
    for kind in KINDS
    for end, weight, answer in (("", 1000, ask), ("/id", 10, link))
}
