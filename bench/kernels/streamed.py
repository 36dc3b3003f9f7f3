"""Phemex frames to book, cells and ring record."""

import gc

from bench.chunks import Chunked, loads
from bench.report import Group
from bench.streamed import REPEATS, StreamedRig, load, renumbered


def streamed(rounds: int) -> Group:
    """Changes, whole books and trades of one contract."""
    frames = load()
    last = StreamedRig(frames).feed.last_id
    kinds = {
        f"increment of {frames.levels:.1f} levels": (Chunked(frames.increments), 300),
        "whole book of 30 + 30 levels, nothing new": (Chunked([frames.snapshot] * REPEATS), 2000),
        "whole book of 30 + 30 levels, a newer one": (
            Chunked(renumbered(frames.snapshot, range(last + 1, last + 1 + REPEATS))),
            2000,
        ),
        "trade": (Chunked(renumbered(frames.trades[0], range(last, last + REPEATS))), None),
    }
    gc.disable()
    try:
        for _ in range(rounds):
            for chunked, _ in kinds.values():
                rig = StreamedRig(frames)
                chunked.round({"ours": rig.decode, "orjson": loads})
    finally:
        gc.enable()
    group = Group(
        f"frame to record, Phemex {frames.symbol}",
        "every message of every instrument costs more before any strategy hears of it",
    )
    for name, (chunked, goal) in kinds.items():
        note = f"orjson.loads alone {chunked.ns('orjson'):.0f} ns"
        group.add(name, chunked.ns("ours"), "ns", goal, note=note)
    return group
