"""The listener: however messages are cut into frames and reads, the same records follow."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.bell import Bell
from connector._speedups.listener import Listener
from connector._speedups.ring import RingReader
from connector.model.counters import Counter
from tests.reference import picows_harness as ws
from tests.reference.decoding import Decoder, instrument

MOST = 4096
BBO = 3
TICKER = (
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":%d,"s":"BTCUSDT","b":"68005.00",'
    b'"B":"2.394","a":"68005.10","A":"0.857","T":1771263510337,"E":1771263510337}}'
)
MESSAGES = [TICKER % number for number in range(1000, 1004)]
RARE_MESSAGE = b'{"result":null,"id":1}'


class Scene:
    """A listener behind picows' parser, and everything it said."""

    def __init__(self, *, failing: bool = False, max_message: int = MOST) -> None:
        self.decoder = Decoder(instrument("BTCUSDT"))
        self.reader = RingReader(self.decoder.segment.memory)
        self.bell = Bell()
        self.rare: list[tuple[bytes, int, int]] = []
        self.opened: list[Any] = []
        self.closed: list[str] = []
        self.failed: list[tuple[Exception, bytes]] = []
        self._failing = failing
        self.listener = Listener(
            self.decoder.codec,
            1,
            self.bell,
            self._take_rare,
            lambda listener, transport: self.opened.append(transport),
            lambda listener, reason: self.closed.append(reason),
            max_message,
            lambda listener, error, message: self.failed.append((error, message)),
        )

    def _take_rare(self, message: bytes, recv_ns: int, line: int) -> None:
        self.rare.append((message, recv_ns, line))
        if self._failing:
            raise RuntimeError("no idea")

    def play(self, *reads: bytes, end: bool = False) -> ws.MemoryTransport:
        """Hand over the reads of one connection, one after another."""

        async def scenario() -> ws.MemoryTransport:
            protocol, transport = ws.open_client(lambda: self.listener)
            for data in reads:
                ws.push(protocol, data)
            await asyncio.sleep(
                0.03 if self.listener.refusal else 0
            )  # picows' delay before the end
            if end or transport.closed:
                await ws.end(protocol)
            transport.close()
            return transport

        return asyncio.run(scenario())

    def update_ids(self) -> list[int]:
        """Of the tickers in the ring."""
        return [int.from_bytes(record[56:64], "little") for record in self.tickers()]

    def tickers(self) -> list[bytes]:
        records = iter(self.reader.read, None)
        return [record for record in records if int.from_bytes(record[12:14], "little") == BBO]

    def count(self, counter: Counter) -> int:
        return self.decoder.segment.counter(counter.value)


def ids(messages: list[bytes]) -> list[int]:
    return [1000 + MESSAGES.index(message) for message in messages]


def test_one_message_is_one_record_stamped_once() -> None:
    scene = Scene()
    scene.play(ws.frame(MESSAGES[0]))
    (record,) = scene.tickers()
    assert int.from_bytes(record[40:48], "little") == scene.listener.last_frame_ns > 0
    assert record[30] == 1  # the line
    assert scene.listener.frames == scene.count(Counter.FRAMES) == scene.count(Counter.FAST) == 1
    assert scene.count(Counter.FRAME_BYTES) == len(MESSAGES[0])
    assert scene.rare == scene.failed == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_split_of_the_bytes_gives_the_same_records(data: st.DataObject) -> None:
    stream = b"".join(
        ws.frame(message) + ws.frame(b"beat", ws.PING) for message in MESSAGES
    ) + ws.frame(RARE_MESSAGE)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reads = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    scene = Scene()
    transport = scene.play(*[read for read in reads if read])
    assert scene.update_ids() == ids(MESSAGES)
    assert [message for message, _, _ in scene.rare] == [RARE_MESSAGE]
    assert transport.frames() == [(ws.PONG, b"beat")] * len(MESSAGES)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_fragmentation_gives_the_same_records(data: st.DataObject) -> None:
    stream, joined = b"", 0
    for message in [*MESSAGES, RARE_MESSAGE]:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(message)), max_size=4)))
        parts = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
        joined += len(parts) > 1
        for index, part in enumerate(parts):
            opcode = ws.CONTINUATION if index else ws.TEXT
            stream += ws.frame(part, opcode, fin=index == len(parts) - 1)
            if data.draw(st.booleans()):
                stream += ws.frame(b"", ws.PONG) + ws.frame(b"between", ws.PING)
    scene = Scene()
    scene.play(stream)
    assert scene.update_ids() == ids(MESSAGES)
    assert [message for message, _, _ in scene.rare] == [RARE_MESSAGE]
    assert scene.count(Counter.FRAGMENTED) == joined


def test_a_message_cut_at_every_byte_is_read_alike() -> None:
    message = MESSAGES[0]
    for cut in range(len(message) + 1):
        scene = Scene()
        scene.play(
            ws.frame(message[:cut], fin=False)
            + ws.frame(b"", ws.PING)
            + ws.frame(message[cut:], ws.CONTINUATION)
        )
        assert scene.update_ids() == [1000]


def test_a_ping_is_answered_with_its_payload() -> None:
    scene = Scene()
    transport = scene.play(ws.frame(b"1771263510064", ws.PING) + ws.frame(b"", ws.PING))
    assert transport.frames() == [(ws.PONG, b"1771263510064"), (ws.PONG, b"")]
    assert scene.count(Counter.PINGS) == 2
    assert scene.listener.frames == 0  # only data proves that the stream is alive


def test_a_close_is_answered_with_its_code_and_ends_the_connection() -> None:
    scene = Scene()
    goodbye = ws.frame((1001).to_bytes(2, "big") + b"24 hours", ws.CLOSE)
    transport = scene.play(goodbye + ws.frame(MESSAGES[0]))
    assert transport.frames() == [(ws.CLOSE, (1001).to_bytes(2, "big"))]
    assert transport.closed
    assert scene.closed == ["the peer closed: 1001 24 hours"]
    assert scene.update_ids() == []


def test_a_connection_that_just_ends_says_so() -> None:
    scene = Scene()
    scene.play(ws.frame(MESSAGES[0]), end=True)
    assert len(scene.opened) == 1
    assert scene.closed == ["the peer ended the connection without a close frame"]


REFUSED: list[tuple[str, bytes, Counter, int]] = [
    ("compressed", ws.frame(MESSAGES[0], rsv=4), Counter.COMPRESSED, 1002),
    ("other extension", ws.frame(MESSAGES[0], rsv=1), Counter.COMPRESSED, 1002),
    ("compressed ping", ws.frame(b"", ws.PING, rsv=4), Counter.COMPRESSED, 1002),
    ("binary", ws.frame(MESSAGES[0], ws.BINARY), Counter.UNEXPECTED_FRAMES, 1003),
    ("continuation", ws.frame(b"x", ws.CONTINUATION), Counter.UNEXPECTED_FRAMES, 1002),
    (
        "message in message",
        ws.frame(b"x", fin=False) + ws.frame(MESSAGES[0]),
        Counter.UNEXPECTED_FRAMES,
        1002,
    ),
    ("too long", ws.frame(b" " * (MOST + 1)), Counter.OVERSIZED, 1009),
    (
        "too long in all",
        ws.frame(b" " * MOST, fin=False) + ws.frame(b" ", ws.CONTINUATION),
        Counter.OVERSIZED,
        1009,
    ),
]


@pytest.mark.parametrize(
    ("data", "counter", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_a_venue_must_not_send_ends_the_connection(
    data: bytes, counter: Counter, code: int
) -> None:
    scene = Scene()
    transport = scene.play(ws.frame(MESSAGES[1]) + data + ws.frame(MESSAGES[2]))
    assert scene.update_ids() == [1001]  # nothing is taken from a stream that went wrong
    assert scene.count(counter) == 1
    ((opcode, payload),) = transport.frames()
    assert (opcode, int.from_bytes(payload[:2], "big")) == (ws.CLOSE, code)
    assert transport.closed
    assert scene.closed == [scene.listener.refusal] == [payload[2:].decode()]
    assert scene.rare == []


def test_a_frame_picows_itself_refuses_is_counted() -> None:
    scene = Scene(max_message=MOST)

    async def scenario() -> None:
        protocol, transport = ws.open_client(lambda: scene.listener, max_frame=MOST)
        ws.push(protocol, ws.frame(b" " * (MOST + 1)))
        await asyncio.sleep(0.03)
        assert transport.closed
        await ws.end(protocol)

    asyncio.run(scenario())
    assert scene.count(Counter.OVERSIZED) == 1
    assert scene.closed[0].startswith("closed from here: 1009")


def test_an_error_on_the_rare_path_does_not_end_the_connection() -> None:
    scene = Scene(failing=True)
    transport = scene.play(ws.frame(RARE_MESSAGE) + ws.frame(MESSAGES[0]))
    assert [(str(error), message) for error, message in scene.failed] == [("no idea", RARE_MESSAGE)]
    assert scene.count(Counter.RARE_ERRORS) == 1
    assert scene.update_ids() == [1000]
    assert transport.sent == b""


def test_a_message_of_the_largest_size_is_taken() -> None:
    scene = Scene()
    scene.play(ws.frame(b" " * MOST), ws.frame(b" " * (MOST - 1), fin=False) + ws.frame(b" ", 0))
    assert [len(message) for message, _, _ in scene.rare] == [MOST, MOST]


@pytest.mark.parametrize("line", [-1, 1 << 16])
def test_a_line_is_a_small_number(line: int) -> None:
    codec = Decoder(instrument("BTCUSDT")).codec
    with pytest.raises(ValueError, match="line"):
        codec.decode(MESSAGES[0], 1, line)
    nothing: Callable[..., None] = lambda *_: None  # noqa: E731
    with pytest.raises(ValueError, match="line"):
        Listener(codec, line, None, nothing, nothing, nothing, MOST)
