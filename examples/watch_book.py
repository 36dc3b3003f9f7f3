"""Print the best prices of an instrument whenever they change: examples/watch_book.py BTCUSDT.

Survives gaps (it says so and waits) and restarts of the daemon."""

import sys

import connector


def main(symbol: str) -> None:
    with connector.attach("watch-book", patience=10) as session:
        book = session.book(symbol)
        last = None
        while True:
            try:
                event = session.wait()
            except connector.EpochChanged:
                print("the daemon is gone; waiting for the next one", flush=True)
                session.reattach(patience=60)
                book = session.book(symbol)
                continue
            if event is None or event.instrument is not book.instrument:
                continue
            if isinstance(event, connector.FeedState):
                print(f"{event.kind.name} is {event.state.name}: {event.reason.name}", flush=True)
            bids, asks = book.bids(1), book.asks(1)
            if book.valid and bids and asks and (bids, asks) != last:
                last = bids, asks
                (bid, bid_qty), (ask, ask_qty) = bids[0], asks[0]
                print(
                    f"{symbol} {bid_qty:>12g} {bid:>14.8g} {ask:<14.8g} {ask_qty:<12g}", flush=True
                )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        pass
    except connector.ConnectorError as error:
        sys.exit(str(error))
