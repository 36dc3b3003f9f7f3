"""Ours as one more contender of the depth bench, with the same protocol on its pipes as
``decode.py``."""

import pickle
import sys
from typing import Any

from bench.frames import Base, Frames
from bench.peers.decode import Prices, serve
from bench.rig import EXPONENT, Rig


def connector(symbol: str, base: Any, frames: list[bytes], top: bool) -> tuple[int, Prices]:
    """Compiled codec, book, best 20 in the shared table, ring record: always all of it."""
    whole = Frames(symbol, Base(base.last_id, base.bids, base.asks), frames, [], [])
    rig = Rig(whole)
    spent = rig.decode(frames)
    (bid, _), (ask, _) = rig.feed.bids(1)[0], rig.feed.asks(1)[0]
    return spent, (str(bid / 10**EXPONENT), str(ask / 10**EXPONENT))


def dump(frames: Frames, path: str) -> None:
    """Write what every contender reads: built-in types only."""
    base = frames.base
    with open(path, "wb") as stored:
        pickle.dump((frames.symbol, (base.last_id, base.bids, base.asks), frames.depth), stored)


if __name__ == "__main__":
    serve(connector, sys.argv[1])
