"""A text as one frame of a WebSocket client."""

import asyncio

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server
from picows import WSListener as Client

from connector._speedups.lane import masked
from connector._speedups.states import ConnectionState
from connector.transport.websocket import connect

LENGTHS = [0, 1, 7, 8, 9, 124, 125, 126, 127, 128, 500, 4096, 65_535]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_frame_is_that_of_the_reference(length: int) -> None:
    message = bytes(i * 37 & 0xFF for i in range(length))
    key = b"\x12\x34\x56\xf8"
    size = (
        bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + length.to_bytes(2, "big")
    )  # RFC 6455, section 5.2
    body = bytes(one ^ key[at % 4] for at, one in enumerate(message))
    assert masked(message, int.from_bytes(key, "little")) == b"\x81" + size + key + body


def test_longer_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="65536"):
        masked(bytes(65_536), 1)


def test_a_server_reads_them_between_others() -> None:
    asyncio.run(_talk())


async def _talk() -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()

    class Server(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type is WSMsgType.TEXT:
                got.put_nowait(frame.get_payload_as_bytes())

    server = await ws_create_server(lambda request: Server(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line = await connect(
        f"ws://127.0.0.1:{port}/", Client, context=None, timeout_s=30, max_message=1 << 20
    )
    state = ConnectionState()
    assert not state.is_open
    state.transport, state.talk = line.carrier, line.talk
    for number in range(20):
        assert state.is_open
        text = b'{"n": %d}' % number + b" " * (100 * number)
        if number % 2:
            assert line.send(text)
        else:
            state.puts(b"")  # of which nothing comes
            state.puts(masked(text, 0x9E3779B9 * number & 0xFFFFFFFF))
        assert await asyncio.wait_for(got.get(), 30) == text
    for number in range(400):  # more than the socket takes: the rest waits in its transport
        state.puts(masked(b"%06d" % number + bytes(60_000), number))
    assert line.carrier.get_write_buffer_size() > 0
    for number in range(400):
        assert (await asyncio.wait_for(got.get(), 60))[:6] == b"%06d" % number
    line.talk.send_close()
    assert not state.is_open  # nothing may follow a close frame, though the socket is there
    assert not line.carrier.is_closing()
    state.talk = None
    assert state.is_open
    line.abort()
    await line.ended()
    assert not line.is_open
    assert not state.is_open
    assert not line.send(b"too late")
    server.close()
