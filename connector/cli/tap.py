"""Follow a running daemon's records, one a line; --json for exact decimals as JSON.

With --strategy: what that strategy is told, in the JSON of the strategy protocol.
Begins with what comes next. A line on stderr tells when records were missed because the reader of
the output was too slow, or when the daemon was restarted.
"""

import argparse
import sys

import connector
from connector.cli._reports import follow
from connector.errors import ConfigError, EpochChanged

TYPES = (
    "bbo", "book_delta", "trade", "mark_price", "feed_state", "instrument_change", "kline",
    "ticker", "index", "liquidation", "contract", "depth_view", "market_hours",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runtime-dir", default="", help="where the daemon's control socket is")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--symbol", action="append", default=[], metavar="S", help="only this one; may be repeated"
    )
    parser.add_argument(
        "--type", action="append", default=[], choices=TYPES, help="only these; may be repeated"
    )
    parser.add_argument(
        "--strategy", metavar="NAME", help="its answers and order updates instead of the market"
    )
    parser.add_argument("--state-dir", default="", help="where the daemon's journals are")
    parser.add_argument("--count", type=int, default=0, metavar="N", help="end after N records")


def run(args: argparse.Namespace) -> int:
    if args.count < 0:
        raise ConfigError("--count cannot be negative")
    if args.strategy is not None:
        if args.symbol or args.type:
            raise ConfigError("--strategy goes without --symbol and --type")
        return follow(args.strategy, args.runtime_dir, args.state_dir, args.count)
    with connector.attach("tap", args.runtime_dir or None) as market:
        symbols = _known(market, args.symbol)
        types = frozenset(args.type)
        written = lost = 0
        while True:
            try:
                event = market.poll()
                if event is None:
                    sys.stdout.flush()
                    event = market.wait()
            except EpochChanged:
                print("connector tap: the daemon is gone; waiting", file=sys.stderr, flush=True)
                market.reattach(patience=float("inf"))
                lost = 0
                continue
            if event is None:
                continue
            if market.lost != lost:
                missed, lost = market.lost - lost, market.lost
                print(f"connector tap: {missed} records missed", file=sys.stderr, flush=True)
            if symbols and event.instrument.symbol not in symbols:
                continue
            if types and event.type not in types:
                continue
            print(event.to_json().decode() if args.json else _line(event))
            written += 1
            if written == args.count:
                return 0


def _known(market: connector.Session, wanted: list[str]) -> frozenset[str]:
    """The symbols asked for, as the daemon spells them."""
    listed = {symbol.upper(): symbol for _, symbol in market.instruments}
    for name in wanted:
        if name.upper() not in listed:
            known = ", ".join(sorted(listed.values())[:20])
            raise ConfigError(f"--symbol {name}: the daemon has {known}")
    return frozenset(listed[name.upper()] for name in wanted)


def _line(event: connector.Event) -> str:
    """A record for people."""
    told = event.to_dict()
    for name in ("exchange", "sequence", "venue_ns", "publish_ns", "line", "recv_ns"):
        told.pop(name, None)
    kind, symbol = told.pop("type"), told.pop("symbol")
    words = [f"{name}={value}" for name, value in told.items() if not isinstance(value, list)]
    sides = [f"{name}={len(value)}" for name, value in told.items() if isinstance(value, list)]
    return f"{event.recv_ns / 1e9:.6f} {symbol:<12} {kind:<11} {' '.join(words + sides)}"
