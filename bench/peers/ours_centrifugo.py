"""Ours as the other contender of the Centrifugo bench, with the same arguments and answer as
``centrifugo.py``: WebSocket, listener, dialogue, compiled codec, book, best 20 and ring record.

The end is when the last record is seen in the segment, looked for each millisecond."""

import asyncio
import json
import sys
import time

import uvloop

from bench.centrifugo import PushRig
from connector._speedups.listener import Listener
from connector.model.counters import Counter
from connector.protocol.centrifugo import Client
from connector.protocol.centrifugo_events import Published
from connector.transport.websocket import connect

MAX_MESSAGE = 1 << 24
LOOK_S = 0.001
PRICE_SCALE = 10**8


async def main(url: str, channel: str, count: int) -> None:
    rig, client = PushRig().begin(), Client(lambda: 0.0, eager=True)
    client.subscribe(channel, 0)

    def rare(message: bytes, recv_ns: int, line: int) -> None:
        if any(isinstance(event, Published) for event in client.received(message, recv_ns)):
            raise RuntimeError(f"the codec left a publication: {message[:200]!r}")

    def ignore(*event: object) -> None:
        return

    def made() -> Listener:
        return Listener(rig.codec, 0, None, rare, ignore, ignore, MAX_MESSAGE)

    socket = await connect(url, made, context=None, timeout_s=10, max_message=MAX_MESSAGE)
    client.opened(0)
    for frame in client.take():
        socket.send(frame)
    while rig.segment.counter(Counter.DELTAS.value) < count:  # noqa: ASYNC110 as a reader would
        await asyncio.sleep(LOOK_S)
    end_ns = time.monotonic_ns()
    bid, ask = (side(1)[0][0] / PRICE_SCALE for side in (rig.feed.bids, rig.feed.asks))
    print(json.dumps({"end_ns": end_ns, "bid": bid, "ask": ask}), flush=True)
    socket.abort()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
