"""What tables of the Centrifugo client begin with: one that is connected, or subscribed, and what
it has to send."""

import json

from connector.protocol.centrifugo import Client
from connector.protocol.centrifugo_events import Published

SECOND_NS = 1_000_000_000
T0 = 10**12


def sent(client: Client) -> list[list[dict]]:
    """The frames to send, each as its objects."""
    return [[json.loads(line) for line in frame.split(b"\n")] for frame in client.take()]


def say(client: Client, *objects: object, now_ns: int = T0) -> list:
    frame = b"\n".join(json.dumps(one).encode() for one in objects)
    return client.received(frame, now_ns)


def connected(*channels: str, **result: object) -> Client:
    """A client that is connected, its channels asked for in the last frame."""
    client = Client(lambda: 0.5, token="t0", name="connector", version="1")
    for channel in channels:
        client.subscribe(channel, T0)
    client.opened(T0)
    client.take()
    say(client, {"id": 1, "connect": {"client": "c", "ping": 25, "pong": True, **result}})
    return client


def subscribed(epoch: str = "e", offset: int = 0, **more: object) -> Client:
    client = connected("a")
    client.take()
    body = {"recoverable": True, "positioned": True, "epoch": epoch, "offset": offset}
    say(client, {"id": 2, "subscribe": {**body, **more}})
    return client


def published(events: list) -> list[object]:
    return [json.loads(bytes(one.publication.data)) for one in events if isinstance(one, Published)]
