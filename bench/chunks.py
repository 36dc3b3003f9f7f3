"""Time frames in small chunks, best of several rounds each: what was preempted in one round is not
in another."""

import time
from collections.abc import Callable, Sequence

CHUNK = 100


def split(frames: Sequence[bytes], size: int = CHUNK) -> list[list[bytes]]:
    return [list(frames[start : start + size]) for start in range(0, len(frames), size)]


class Chunked:
    """Best times of each chunk, by contender.

    ``round`` takes the contenders of one round: functions of a chunk that return nanoseconds. They
    take turns chunk by chunk, so each sees caches the other has used, as in a process that does
    more than one thing."""

    def __init__(self, frames: Sequence[bytes], size: int = CHUNK) -> None:
        self.chunks = split(frames, size)
        self.count = len(frames)
        self.best: dict[str, list[int]] = {}

    def round(self, contenders: dict[str, Callable[[list[bytes]], int]]) -> None:
        for index, chunk in enumerate(self.chunks):
            for name, run in contenders.items():
                spent = run(chunk)
                best = self.best.setdefault(name, [])
                if index == len(best):
                    best.append(spent)
                else:
                    best[index] = min(best[index], spent)

    def ns(self, name: str) -> float:
        """Nanoseconds a frame: the sum of the chunks' best rounds."""
        return sum(self.best[name]) / self.count


def loads(chunk: list[bytes]) -> int:
    """``orjson.loads`` of each frame, the result dropped: the yardstick."""
    import orjson

    parse = orjson.loads
    begin = time.perf_counter_ns()
    for frame in chunk:
        parse(frame)
    return time.perf_counter_ns() - begin
