"""centrifuge-python, the public client of Cadenza's protocol, on the same pushes.

Usage: python centrifugo.py URL CHANNEL COUNT

Connects, subscribes, and writes one JSON object {"end_ns": …, "bid": …, "ask": …} when COUNT
publications of the channel have come: CLOCK_MONOTONIC at the last one, and its best prices. It
keeps no book: what it hands out is parsed JSON. This file imports nothing of connector: it runs in
the peers' environment.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop
from centrifuge import Client, PublicationContext, SubscriptionEventHandler


class Heard(SubscriptionEventHandler):
    """Counts, and keeps the last one."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.count, self.end_ns = wanted, 0, 0
        self.last: Any = None
        self.done = asyncio.Event()

    async def on_publication(self, ctx: PublicationContext) -> None:
        self.count += 1
        if self.count == self.wanted:
            self.end_ns = time.monotonic_ns()
            self.last = ctx.pub.data
            self.done.set()


async def main(url: str, channel: str, count: int) -> None:
    client, heard = Client(url, proxy=None), Heard(count)
    subscription = client.new_subscription(channel, heard)
    await client.connect()
    await subscription.subscribe()
    await heard.done.wait()
    bid, ask = (float(heard.last[side][0][0]) for side in ("bids", "asks"))
    print(json.dumps({"end_ns": heard.end_ns, "bid": bid, "ask": ask}), flush=True)
    await client.disconnect()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
