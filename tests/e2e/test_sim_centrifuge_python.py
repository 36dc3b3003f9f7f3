"""The public Python client of Centrifugo, unmodified, at the simulated one."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from centrifuge import (
    Client,
    ClientEventHandler,
    PublicationContext,
    SubscribedContext,
    SubscriptionEventHandler,
    UnsubscribedContext,
)
from centrifuge.exceptions import ReplyError

from connector.venues.cadenza.sim_broker import Namespace, Rules
from tests.reference.centrifugo_venue import Venue, venue

# The client leaves connections that ended to the end of the loop, which may come before theirs.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

NAMESPACES = {
    "market": Namespace(),
    "kept": Namespace(history_size=100, recovery=True, history=True, presence=True, publish=True),
}


class Heard(SubscriptionEventHandler):
    """What a subscription was told."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.subscribed: list[SubscribedContext] = []
        self.ended: list[UnsubscribedContext] = []
        self.errors: list[Any] = []

    async def on_publication(self, ctx: PublicationContext) -> None:
        self.values.append(ctx.pub.data)

    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self.subscribed.append(ctx)

    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        self.ended.append(ctx)

    async def on_error(self, ctx: Any) -> None:
        self.errors.append(ctx.error)


class Life(ClientEventHandler):
    def __init__(self) -> None:
        self.connected = 0
        self.ended: list[int] = []
        self.server: list[Any] = []
        self.errors: list[Any] = []

    async def on_connected(self, ctx: Any) -> None:
        self.connected += 1

    async def on_disconnected(self, ctx: Any) -> None:
        self.ended.append(ctx.code)

    async def on_publication(self, ctx: Any) -> None:
        self.server.append(ctx.pub.data)

    async def on_error(self, ctx: Any) -> None:
        self.errors.append(ctx.error)


async def until(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110 what it looks at tells nobody
            await asyncio.sleep(0.005)


def client(at: Venue, life: Life | None = None, **options: Any) -> Client:
    return Client(at.url, events=life, proxy=None, **({"token": at.token()} | options))


def run(work: Callable[[Venue], Coroutine[Any, Any, None]], **rules: Any) -> None:
    async def all_of_it() -> None:
        async with venue(Rules(namespaces=NAMESPACES, **rules)) as at:
            await work(at)

    asyncio.run(all_of_it())


def test_it_connects_subscribes_and_uses_every_command() -> None:
    async def work(at: Venue) -> None:
        one, heard = client(at), Heard()
        await one.connect()
        sub = one.new_subscription("kept:a", heard)
        await sub.subscribe()
        await sub.ready()
        await sub.publish({"x": 1})
        await at.publish("kept:a", b'{"x":2}')
        await until(lambda: len(heard.values) == 2)
        assert heard.values == [{"x": 1}, {"x": 2}]
        history = await sub.history(limit=10)
        assert [row.offset for row in history.publications] == [1, 2]
        assert (await sub.presence_stats()).num_users == 1
        assert len((await sub.presence()).clients) == 1
        assert (await one.rpc("echo", {"q": 1})).data == {"q": 1}
        with pytest.raises(ReplyError) as refused:
            await one.rpc("other", {})
        assert refused.value.code == 104
        await sub.unsubscribe()
        await until(lambda: not any(each.streams for each in at.sockets.values()))
        await one.disconnect()
        assert at.closed == []

    run(work)


@pytest.mark.parametrize("restart", [False, True])
def test_it_recovers_what_it_missed_or_is_told_that_it_cannot(restart: bool) -> None:
    async def work(at: Venue) -> None:
        heard, life = Heard(), Life()
        one = client(at, life, min_reconnect_delay=0.01)
        await one.connect()
        sub = one.new_subscription("kept:a", heard, recoverable=True, positioned=True)
        await sub.subscribe()
        await sub.ready()
        await at.publish("kept:a", b"1")
        await until(lambda: heard.values == [1])
        (socket,) = at.sockets
        socket.transport.abort()
        await until(lambda: not at.sockets)
        if restart:
            at.broker.begin_anew()
        await at.publish("kept:a", b"2")
        await at.publish("kept:a", b"3")
        await until(lambda: len(heard.subscribed) == 2)
        await at.publish("kept:a", b"4")
        await until(lambda: heard.values[-1:] == [4])
        again = heard.subscribed[1]
        assert again.was_recovering
        assert again.recovered is not restart
        assert heard.values == ([1, 4] if restart else [1, 2, 3, 4])
        await one.disconnect()

    run(work)


def test_it_refreshes_a_session_that_ends() -> None:
    async def work(at: Venue) -> None:
        asked = []

        async def get_token() -> str:
            asked.append(at.now_ms())
            return at.token(3600)

        life = Life()
        one = client(at, life, token=at.token(2), get_token=get_token)
        await one.connect()
        await one.ready()
        await until(lambda: any('"refresh"' in text for text in at.heard))
        assert asked
        assert (await one.rpc("echo", 1)).data == 1
        assert (life.connected, life.ended, at.closed) == (1, [], [])
        await one.disconnect()

    run(work, expires=True)


def test_a_token_that_ended_is_replaced_before_it_connects() -> None:
    async def work(at: Venue) -> None:
        async def get_token() -> str:
            return at.token()

        one = client(at, token=at.token(-1), get_token=get_token, min_reconnect_delay=0.01)
        await one.connect()
        await one.ready(30)
        await one.disconnect()
        assert sum('"connect"' in text for text in at.heard) == 2

    run(work)


def test_a_bad_token_ends_it_for_good() -> None:
    async def work(at: Venue) -> None:
        life = Life()
        one = client(at, life, token="a.b.c")
        await one.connect()
        await until(lambda: life.ended)
        assert life.ended == [3500]

    run(work)


def test_it_answers_pings() -> None:
    async def work(at: Venue) -> None:
        life = Life()
        one = client(at, life)
        await one.connect()
        await one.ready()
        await until(lambda: at.heard.count("{}") >= 2)
        assert (life.connected, at.closed) == (1, [])
        await one.disconnect()

    run(work, ping_s=1, pong_s=20)


def test_it_is_subscribed_by_the_server() -> None:
    async def work(at: Venue) -> None:
        life = Life()
        one = client(at, life)
        await one.connect()
        await one.ready()
        await at.publish("kept:u1", b"7")
        await until(lambda: life.server)
        assert life.server == [7]
        await one.disconnect()

    run(work, channels_of=lambda user: (f"kept:{user}",))


@pytest.mark.parametrize("channel", ["other:x", "market:secret"])
def test_it_is_told_why_a_channel_is_refused(channel: str) -> None:
    async def work(at: Venue) -> None:
        one, heard = client(at), Heard()
        await one.connect()
        await one.new_subscription(channel, heard).subscribe()
        await until(lambda: heard.ended)
        assert heard.ended[0].code == (102 if channel == "other:x" else 103)
        await one.disconnect()

    run(work, allowed=lambda user, name: "secret" not in name)


def test_a_subscription_that_the_server_ends_comes_back() -> None:
    async def work(at: Venue) -> None:
        one, heard = client(at), Heard()
        await one.connect()
        sub = one.new_subscription("kept:a", heard, recoverable=True)
        await sub.subscribe()
        await sub.ready()
        await at.publish("kept:a", b"1")
        await until(lambda: heard.values)
        ((socket, server),) = at.sockets.items()
        await at.give(socket, server.end(lambda name: True, 2500))
        await until(lambda: len(heard.subscribed) == 2)
        assert heard.subscribed[1].recovered
        await one.disconnect()

    run(work)


def test_what_it_says_is_what_the_reference_says() -> None:
    """Its commands are read by names and types alone here, so that a name we share with the
    simulated server by mistake shows."""

    async def work(at: Venue) -> None:
        one, heard = client(at), Heard()
        await one.connect()
        sub = one.new_subscription("kept:a", heard, recoverable=True, positioned=True)
        await sub.subscribe()
        await sub.ready()
        await one.disconnect()
        commands = [json.loads(line) for text in at.heard for line in text.split("\n")]
        assert [sorted(row.keys() - {"id"}) for row in commands[:2]] == [["connect"], ["subscribe"]]
        assert commands[1]["subscribe"].keys() >= {"channel", "recoverable", "positioned"}

    run(work)
