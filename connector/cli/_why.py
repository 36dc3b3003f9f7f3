"""An order's story (``trading.why``) as a page for people and as JSON."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from connector.cli._frame import nanoseconds
from connector.trading.why import Step

_HEAD = ("side", "qty", "price", "order_type", "time_in_force")
_UNSAID = (0, "NONE", "DEFAULT", "BOTH")
_TEXT_SHOWN = 400
"""Characters of a text shown on the page; JSON has all of it."""


def data(order: Mapping[str, Any], steps: Sequence[Step]) -> str:
    """One JSON object: ``order``, and ``steps`` with their nanoseconds and the difference to the
    one before; ``exact`` false: by wall clocks."""
    rows = [
        {
            "what": step.what,
            "monotonic_ns": step.monotonic_ns,
            "wall_ns": step.wall_ns,
            "since_last_ns": after_ns,
            "since_first_ns": total_ns,
            "exact": step.exact,
            **step.details,
        }
        for step, after_ns, total_ns in _timed(steps)
    ]
    return orjson.dumps({"order": order, "steps": rows}).decode()


def text(order: Mapping[str, Any], steps: Sequence[Step]) -> str:
    """A page."""
    names = [f"{name}={order[name]}" for name in order if name.endswith("_id")]
    head = f"order {order['order_key']}" if "order_key" in order else "no order"
    about = [order.get("strategy"), order.get("instrument"), *(order.get(one) for one in _HEAD)]
    lines = [
        " ".join(str(word) for word in (head, *about, *names) if word),
        f"status {order.get('status', 'not told')}, filled {order.get('filled_qty', '0')}",
        "",
        f"{'UTC':<29}  {'after':>9}  {'in all':>9}",
    ]
    for step, after_ns, total_ns in _timed(steps):
        when = datetime.fromtimestamp(step.wall_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")
        when += f".{step.wall_ns % 10**9:09}"
        after = nanoseconds(after_ns) if step.exact else f"~{nanoseconds(after_ns)}"
        total = nanoseconds(total_ns)
        said = " ".join(
            f"{name}={_short(value)}"
            for name, value in step.details.items()
            if value not in _UNSAID and (name != "code" or value)
        )
        lines.append(f"{when}  {after:>9}  {total:>9}  {step.what}  {said}".rstrip())
    return "\n".join(lines)


def _timed(steps: Sequence[Step]) -> list[tuple[Step, int, int]]:
    """Each step, how long after the one before, how long after the first."""
    before = [steps[0], *steps] if steps else []
    return [
        (step, step.wall_ns - last.wall_ns, step.wall_ns - steps[0].wall_ns)
        for step, last in zip(steps, before, strict=False)
    ]


def _short(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) <= _TEXT_SHOWN else f"{shown[:_TEXT_SHOWN]}…"
