"""Run a recording through the real codec, sequencer and book, without sockets

Reads plain or gzip files, one after the other in the order given: lines of collectors
("<time> {...}"), of cryptofeed ("<time>: {...}", "<url> -> <time>: {...}"), stamps in s, ms, us or
ns. Snapshots and exchangeInfo are taken from the recording, and which venue it is of, unless
--venue says it.

--digest prints one JSON line after every N applied depth messages and one at the end:
applied, u, bid, ask, nb, na, top20 and full (SHA-256 of the top 20 and of the whole book). Where
whole books come on the stream, u is their sequence or offset (where there is none, a count) and
applied counts the changes alone.

Exit codes: 0 the book is live at the end, 1 a file cannot be read, 2 wrong usage, 3 the book is
not live at the end (nothing is printed for it).
"""

import argparse
import sys
from collections.abc import Iterable
from itertools import chain

import msgspec

from connector.market.replay import Replay
from connector.market.replay_mixed import MixedReplay
from connector.market.replay_streamed import StreamedReplay
from connector.market.replaying import Checkpoint, Replaying
from connector.protocol.recording import Item, Kind, RecordingError, read
from connector.venues.contract import Bases, Venue, folders, load

FAILED, USAGE, NOT_LIVE = 1, 2, 3
KINDS: dict[Bases, type[Replay] | type[StreamedReplay] | type[MixedReplay]] = {
    Bases.ASKED: Replay,
    Bases.STREAMED: StreamedReplay,
    Bases.EITHER: MixedReplay,
}
MOST_WARNINGS = 20
MOST_UNTOLD = 10_000
"""Lines without a depth message after which nobody asks any more whose the recording is."""
UNTOLD = "binance_usdm"


def _positive(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="recordings, in order")
    parser.add_argument("--symbol", default="", help="needed where a recording holds several")
    parser.add_argument("--every", type=_positive, default=0, metavar="N", help="messages apart")
    parser.add_argument("--digest", action="store_true", help="JSON lines with the book's hashes")
    parser.add_argument("--venue", default="", help="who sent it (default: seen from the frames)")


class _Warnings:
    """Sentences for stderr, no more than a person reads."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, sentence: str) -> None:
        self.count += 1
        if self.count <= MOST_WARNINGS:
            print(f"connector replay: {sentence}", file=sys.stderr)

    def close(self) -> None:
        if self.count > MOST_WARNINGS:
            more = self.count - MOST_WARNINGS
            print(f"connector replay: {more} more sentences of this kind", file=sys.stderr)


def _told(items: Iterable[Item], seen: list[Item]) -> Venue:
    """The venue whose frames these are; ``seen`` gets the lines it took to tell."""
    venues = [load(folder) for folder in folders()]
    for item in items:
        seen.append(item)
        for venue in venues:
            if item.kind is Kind.FRAME and venue.depth_stream(item.payload)[0]:
                return venue
        if len(seen) == MOST_UNTOLD:
            break
    return load(UNTOLD)


def run(args: argparse.Namespace) -> int:
    warn = _Warnings()
    items = read(args.files, warn)
    seen: list[Item] = []
    try:
        venue = load(args.venue) if args.venue else _told(items, seen)
    except (OSError, RecordingError) as error:
        print(f"connector replay: {error}", file=sys.stderr)
        return FAILED
    lines: list[str] = []
    # Without --symbol nothing may be printed before the last line has shown no second symbol.
    show = lines.append if not args.symbol else print

    def on_checkpoint(found: Checkpoint) -> None:
        if args.digest:
            show(msgspec.json.encode(found).decode())
        else:
            show(_row(found))

    replay = KINDS[venue.bases](
        venue,
        symbol=args.symbol,
        every=args.every,
        on_checkpoint=on_checkpoint,
        warn=warn,
    )
    try:
        for item in chain(seen, items):
            replay.take(item)
    except (OSError, RecordingError) as error:
        print(f"connector replay: {error}", file=sys.stderr)
        return FAILED
    if not args.symbol and len(replay.symbols) > 1:
        names = ", ".join(sorted(replay.symbols))
        print(
            f"connector replay: several symbols, choose one with --symbol: {names}", file=sys.stderr
        )
        return USAGE
    live = replay.finish()
    for line in lines:
        print(line)
    warn.close()
    if not args.digest:
        _summary(replay)
    if not live:
        print(f"connector replay: {_why(replay)}", file=sys.stderr)
        return NOT_LIVE
    return 0


def _row(found: Checkpoint) -> str:
    bid = " x ".join(map(str, found.bid or ("-", "-")))
    ask = " x ".join(map(str, found.ask or ("-", "-")))
    return f"{found.applied:>9} messages  u {found.u}  bid {bid}  ask {ask}  {found.nb}+{found.na}"


def _summary(replay: Replaying) -> None:
    seconds = (replay.last_ns - replay.first_ns) / 1e9
    print(f"{replay.symbol or 'no symbol'}: {replay.applied} depth messages in {seconds:.1f} s")
    for name, number in sorted(replay.counts.items()):
        print(f"  {name:<18}{number}")


def _why(replay: Replaying) -> str:
    """Why the book is not live, as far as the recording tells."""
    name = replay.symbol
    known = ", ".join(sorted(replay.symbols)) or "none"
    if not name or name not in replay.symbols:
        return f"no depth messages of {name or 'any symbol'}; the recording has: {known}"
    if not {"snapshots", "snapshots_refused"} & set(replay.counts):
        return f"{name}: the book is not live: no snapshot of it in the recording"
    if replay.applied:
        return f"{name}: the book is not live at the end, {replay.applied} messages were applied"
    return f"{name}: the book is not live: no snapshot meets the depth messages"
