"""Phemex's contracts in USDT from a strategy's side: a position of each side, a daemon that is
killed with open orders. A venue, a daemon and the daemon after it, each a process of its own."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import connector
from connector.model.reports import Code, OrderStatus, Result, Update
from tests.reference.notebook import Notebook
from tests.reference.patient import Patient
from tests.reference.stack import Daemon, Sim, eventually

KEY, SECRET = "806066b0-f02b-4d3e-b444-76ec718e1023", "canary-_1b9e5e1d"
SYMBOL = "BTCUSDT"
ACCOUNT = {
    "venue": "phemex", "key": "env:TEST_HEDGED_KEY", "secret": "env:TEST_HEDGED_SECRET",
    "strategies": ["maker"],
}  # fmt: skip
NEW = (Update.SUBMITTED, OrderStatus.NEW)
AMENDED = (Update.AMENDED, OrderStatus.NEW)
CANCELLED = (Update.CANCELLED, OrderStatus.CANCELLED)
FILLED = (Update.EXECUTED, OrderStatus.FILLED)


def daemon(folder: Path, sim: Sim) -> Daemon:
    return (
        Daemon(
            folder, sim, feeds=[{"instruments": [SYMBOL], "channels": ["bbo", "mark_price"]}],
            accounts={"main": ACCOUNT}, strategies={"maker": {"on_death": "leave"}},
            environ={"TEST_HEDGED_KEY": KEY, "TEST_HEDGED_SECRET": SECRET},
        )
        .ready()
        .quoted(SYMBOL)
    )  # fmt: skip


@contextmanager
def maker(running: Daemon, **options: Any) -> Iterator[Notebook]:
    session = connector.attach("maker", running.runtime_dir, trading=True, patience=20, **options)
    with closing(session):
        notes = Notebook(Patient(session))
        notes.until(lambda: session.caught_up, lambda: "not caught up")
        yield notes


def place(notes: Notebook, name: str, side: str, qty: str, price: Any, position: str) -> Any:
    kind = "limit" if price is not None else "market"
    return notes.session.place(
        SYMBOL, side, qty, price, order_type=kind, client_order_id=name, position_side=position
    )


def held(notes: Notebook) -> dict[str, Decimal]:
    """What the account holds of each side."""
    return {
        one.position_side.name: one.qty_decimal
        for one in notes.session.positions()
        if one.qty_decimal
    }


def test_a_position_of_each_side_and_a_daemon_that_is_killed(tmp_path: Path) -> None:
    options = ("--symbols", SYMBOL, "--rate", "20", "--account", f"main={KEY}:{SECRET}")
    with Sim(*options, venue="phemex") as sim:
        with daemon(tmp_path, sim) as running, maker(running) as notes:
            mode = {"symbol": SYMBOL, "targetPosMode": "Hedged"}
            assert notes.session.call("Phemex", "gSetPositionMode", mode).ok
            bid = Decimal(f"{notes.session.top(SYMBOL).bbo().bid_price:.1f}")
            low, lower = bid - 500, bid - 600

            # A side that the symbol has not is the venue's refusal.
            merged = notes.session.place(SYMBOL, "buy", "0.01", low, client_order_id="merged")
            refused = notes.answer(merged)
            assert (refused.result, refused.code) == (Result.REFUSED, Code.VENUE.value)
            assert '"code":20004' in refused.text

            # An order rests, is amended, cancelled; another one stays.
            rests = place(notes, "rests", "buy", "0.01", low, "long")
            notes.tells("rests", [NEW])
            notes.session.amend(rests, lower, "0.02")
            notes.tells("rests", [NEW, AMENDED])
            assert notes.reports["rests"][-1].price_decimal == lower
            notes.session.cancel(rests)
            notes.tells("rests", [NEW, AMENDED, CANCELLED])
            place(notes, "stays", "buy", "0.03", low, "long")
            notes.tells("stays", [NEW])

            # Fills of both sides; a sell of the long position only reduces it.
            for name, side, qty, position in (
                ("opens", "buy", "0.05", "long"), ("hedges", "sell", "0.02", "short"),
                ("closes", "sell", "0.01", "long"),
            ):  # fmt: skip
                place(notes, name, side, qty, None, position)
                notes.until(
                    lambda name=name: FILLED in notes.story(name),
                    lambda name=name: (name, notes.story(name), notes.answers),
                )
            for name, qty in (("opens", "0.05"), ("hedges", "0.02"), ("closes", "0.01")):
                fills = notes.fills(name)
                assert round(sum(one for one, _ in fills.values()), 8) == float(qty)
                paid = sum(notes.fees(fills).values())
                value = sum(one * price for one, price in fills.values())
                assert abs(paid - value * 0.0006) < 1e-6, name
            notes.until(
                lambda: held(notes) == {"LONG": Decimal("0.04"), "SHORT": Decimal("-0.02")},
                lambda: held(notes),
            )
            last = notes.sequences[-1]
            running.process.kill()
            running.process.wait(10)

        with daemon(tmp_path, sim) as running, maker(running, resume=last) as notes:
            (order,) = notes.session.orders()
            assert (order.client_order_id, order.status) == ("stays", OrderStatus.NEW)
            assert (order.price_decimal, order.leaves_qty_decimal) == (low, Decimal("0.03"))
            assert held(notes) == {"LONG": Decimal("0.04"), "SHORT": Decimal("-0.02")}
            assert not [name for name in notes.reports if notes.fills(name)], "told twice"
            notes.session.cancel(order)
            notes.until(lambda: CANCELLED in notes.story("stays"), lambda: notes.story("stays"))
            eventually(lambda: not notes.session.waiting or (notes.read(0.05) and None))
