"""Calls that come over the control socket: answered when the venue has, while the session's other
requests go on."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

from connector.ipc.control import send
from connector.ipc.trading import Refused

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Calls of one session that wait for their answers."""
INLINE = 16384
"""Bytes of a venue's answer that travel in the message; what is longer comes in a memfd."""
PIECE = 65536
"""Bytes of it written in one turn of the loop."""
LONGEST_PARAMETERS = 100


class BadCall(Refused):
    """A parameter the venue would refuse; ``field`` is its name."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class Call(Struct, frozen=True):
    """What a strategy asks for."""

    strategy: str
    trades: bool
    """By its trading session: others may only read."""
    venue: str
    endpoint: str
    account: str
    params: Mapping[str, Any]


Answer = Awaitable[tuple[dict[str, Any], bytes]]
"""What is told, and what came from the venue. Raises Refused, BadCall."""
Made = Callable[[Call], Answer]
"""Makes a call: what is told of it, and the venue's answer. Raises Refused, BadCall."""


class CallDoor:
    """Takes what sessions ask for and is answered later, and sends the answers."""

    def __init__(self) -> None:
        self._waiting: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(
        self, session: int, peer: socket.socket, number: int, made: Callable[[], Answer]
    ) -> None:
        """Begin it; its answer carries ``number``. Refused: not one more."""
        if self._waiting.get(session, 0) >= AT_ONCE:
            raise Refused(f"{AT_ONCE} calls wait for their answers already")
        work = self._serve(made(), session, peer, number)
        self._waiting[session] = self._waiting.get(session, 0) + 1
        task = asyncio.get_running_loop().create_task(work, name="ipc/call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """What waits is given up: its outcome is in the journal as far as it is known."""
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(
        self,
        made: Answer,
        session: int,
        peer: socket.socket,
        number: int,
    ) -> None:
        fd = -1
        try:
            answer, body = await made
            if len(body) > INLINE:
                fd = await _in_memory(body)
            else:
                answer["body"] = body.decode("utf-8", "replace")
            answer["ok"] = True
        except BadCall as error:
            answer = {"ok": False, "error": str(error), "field": error.field}
        except Refused as error:
            answer = {"ok": False, "error": str(error)}
        except Exception:
            log.exception("a call failed")
            answer = {"ok": False, "error": "a fault of the connector: its log has it"}
        finally:
            self._waiting[session] -= 1
            if not self._waiting[session]:
                del self._waiting[session]
        try:
            # A session that has gone does not wait any more.
            with contextlib.suppress(OSError):
                send(peer, {**answer, "id": number}, (fd,) if fd >= 0 else ())
        finally:
            if fd >= 0:
                os.close(fd)


async def _in_memory(body: bytes) -> int:
    """A memfd with the answer, a piece a turn."""
    fd = os.memfd_create("connector-call", os.MFD_CLOEXEC)
    try:
        view = memoryview(body)
        while view:
            view = view[os.write(fd, view[:PIECE]) :]
            await asyncio.sleep(0)
    except BaseException:
        os.close(fd)
        raise
    return fd
