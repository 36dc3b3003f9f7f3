"""Ours as one more contender of the Phemex bench, with the same protocol on its pipes as
``streamed.py``."""

import pickle
import sys

from bench.peers.streamed import Prices, serve
from bench.streamed import Streamed, StreamedRig


def connector(symbol: str, whole: bytes, frames: list[bytes], top: bool) -> tuple[int, Prices]:
    """Compiled codec, book, best 20 in the shared table, ring record: always all of it."""
    rig = StreamedRig(Streamed(symbol, whole, [], []))
    spent = rig.decode(frames)
    return spent, (rig.feed.bids(1)[0][0], rig.feed.asks(1)[0][0])


def dump(frames: Streamed, path: str) -> None:
    """Write what every contender reads: built-in types only."""
    with open(path, "wb") as stored:
        pickle.dump((frames.symbol, frames.snapshot, frames.increments), stored)


if __name__ == "__main__":
    serve(connector, sys.argv[1])
