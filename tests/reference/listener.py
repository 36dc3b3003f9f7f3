"""A subscriber of the simulator's hub without a socket."""

from typing import Any

import orjson


class Listener:
    """A subscriber that keeps what it is sent."""

    number = 1
    combined = True
    paused = False

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def flush(self) -> None:
        pass

    def messages(self) -> list[dict[str, Any]]:
        """What came since the last call, from WebSocket frames of the combined form."""
        data, self.data = self.data, b""
        found = []
        while data:
            size, head = data[1], 2
            if size == 126:
                size, head = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, head = int.from_bytes(data[2:10], "big"), 10
            found.append(orjson.loads(data[head : head + size]))
            data = data[head + size :]
        return found
