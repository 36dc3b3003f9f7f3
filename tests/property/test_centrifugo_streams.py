"""Whatever network and server do, a channel's stream comes whole and in order, or the client says
that it does not; and it never breaks a rule of the protocol."""

import json
import random

import pytest

from connector.protocol.centrifugo import Client, State
from connector.protocol.centrifugo_events import Close, Continuity, Gap, Published, Subscribed
from connector.protocol.centrifugo_frames import Class
from tests.reference.centrifugo_server import Server, Stream

SECOND_NS = 1_000_000_000
SCHEDULES = 1_500
STEPS = 60


class Run:
    """A client and a server, the network between them cut, late and lossy."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now_ns = 10**12
        self.client = Client(self.rng.random, token="t")
        self.server = Server(
            print_zeros=self.rng.random() < 0.3,
            newest=self.rng.random() < 0.2,
            eager=self.rng.random() < 0.5,
        )
        self.truth: dict[str, list[int]] = {}
        self.heard: dict[str, list[int]] = {}
        self.known: set[str] = set()
        """Channels that had a position."""
        self.wire: list[bytes] = []
        self.up = self.calm = False
        for name, kept in (("plain", 0), ("short", 3), ("long", 1000)):
            self.server.streams[name] = Stream(kept)
            self.truth[name], self.heard[name] = [], []
            self.client.subscribe(name, self.now_ns)
        self.number = 0

    def open(self) -> None:
        self.server.open()
        self.wire.clear()
        self.client.opened(self.now_ns)
        self.up = True

    def cut(self, code: int) -> None:
        meaning = self.client.closed(code, self.now_ns)
        assert meaning in (Class.RETRY, Class.RESYNC)
        self.server.open()
        self.wire.clear()
        self.up = False

    def exchange(self, most: int = 1_000) -> None:
        """Let both sides talk; ``most`` of the server's frames arrive."""
        for _ in range(8):
            self.server.take(self.client.take())
            if not self.calm and self.rng.random() < 0.5:
                self.publish()
            self.server.answer_late()
            self.wire += self.server.out
            self.server.out = []
            arrived, self.wire = self.wire[:most], self.wire[most:]
            if not arrived:
                return
            for frame in arrived:
                self.hear(self.client.received(frame, self.now_ns))
                if not self.up:
                    return

    def hear(self, events: list) -> None:
        for index, event in enumerate(events):
            if isinstance(event, Close):
                self.cut(event.code)
            elif isinstance(event, Published):
                self.heard[event.channel].append(json.loads(bytes(event.publication.data)))
            elif isinstance(event, Subscribed):
                assert event.positioned == (event.channel != "plain")
                fresh = event.continuity is Continuity.FRESH
                assert fresh == (event.channel not in self.known), (event, self.known)
                if event.positioned and self.client.position(event.channel) != ("", 0):
                    self.known.add(event.channel)
                if event.continuity is not Continuity.KEPT:
                    # From here on the stream is whole again; what was before is not joined to it.
                    after = [one for one in events[index:] if isinstance(one, Published)]
                    self.begin(event.channel, sum(one.channel == event.channel for one in after))
            elif isinstance(event, Gap):
                assert event.channel != "plain"

    def begin(self, channel: str, later: int) -> None:
        """``later`` publications were heard since, in the same frame."""
        self.heard[channel] = []
        top = self.client.position(channel)[1] - later
        stream = self.server.streams[channel]
        behind = stream.top - top if stream.kept else 0
        self.truth[channel] = self.truth[channel][len(self.truth[channel]) - behind :]

    def publish(self) -> None:
        name = self.rng.choice(list(self.truth))
        self.number += 1
        lose = name != "plain" and self.rng.random() < 0.1
        if name != "plain" or (self.up and name in self.server.subscribed):
            self.truth[name].append(self.number)
        self.server.publish(name, self.number, lose=lose)

    def step(self) -> None:
        self.now_ns += self.rng.randrange(SECOND_NS)
        if not self.up:
            if self.rng.random() < 0.5:
                self.open()
            else:
                self.publish()
            return
        match self.rng.randrange(12):
            case 0:
                self.cut(self.rng.choice([1006, 3001, 3010, 3012, 3014]))
            case 1:
                self.server.send_ping()
            case 2:
                name = self.rng.choice(["short", "long"])
                if self.rng.random() < 0.2 and name in self.server.subscribed:
                    self.server.subscribed.discard(name)
                    push = {"channel": name, "unsubscribe": {"code": 2500, "reason": "r"}}
                    self.server.say({"push": push})
            case 3:
                name = self.rng.choice(["short", "long"])
                if self.rng.random() < 0.3:  # its history is gone, and its subscribers are told
                    self.server.streams[name].begin_anew(f"e{self.number}-{name}")
                    self.server.subscribed.discard(name)
                    push = {"channel": name, "unsubscribe": {"code": 2500, "reason": "r"}}
                    self.server.say({"push": push})
            case 4:
                self.exchange(self.rng.randrange(3))
            case _:
                self.publish()
        if self.up and self.rng.random() < 0.6:
            self.exchange()
        if self.up:
            self.hear(self.client.on_timer(self.now_ns))

    def finish(self) -> None:
        """A last publication of each channel on a sound connection shows every hole there is."""
        self.calm = True
        if not self.up:
            self.open()
        for _ in range(20):
            self.now_ns += SECOND_NS
            if not self.up:
                self.open()
            self.exchange()
            self.hear(self.client.on_timer(self.now_ns))
        for name in self.truth:
            self.number += 1
            self.truth[name].append(self.number)
            self.server.publish(name, self.number)
        for _ in range(20):
            self.now_ns += SECOND_NS
            if not self.up:
                self.open()
            self.server.send_ping()
            self.exchange()
            self.hear(self.client.on_timer(self.now_ns))


@pytest.mark.parametrize("block", range(6))
def test_a_stream_is_whole_or_said_not_to_be(block):
    for seed in range(block * SCHEDULES // 6, (block + 1) * SCHEDULES // 6):
        run = Run(seed)
        run.open()
        for _ in range(STEPS):
            run.step()
        run.finish()
        assert run.client.state is State.CONNECTED, seed
        for name in ("short", "long"):
            assert run.heard[name] == run.truth[name], (seed, name)
        heard = run.heard["plain"]
        assert heard == sorted(set(heard)), seed
        assert run.client.counts.undecodable == 0
