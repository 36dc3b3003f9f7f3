from collections.abc import Callable
from typing import Any

from picows import WSListener, WSTransport

from connector._speedups.bell import Bell
from connector._speedups.codec import Codec

class Listener(WSListener):
    def __init__(
        self,
        codec: Codec,
        line: int,
        bell: Bell | None,
        rare: Callable[[bytes, int, int], Any],
        opened: Callable[[Listener, WSTransport], Any],
        closed: Callable[[Listener, str], Any],
        max_message: int,
        failed: Callable[[Listener, Exception, bytes], Any] | None = None,
    ) -> None: ...
    @property
    def line(self) -> int: ...
    @property
    def max_message(self) -> int: ...
    @property
    def transport(self) -> WSTransport | None: ...
    @property
    def frames(self) -> int: ...
    @property
    def last_frame_ns(self) -> int: ...
    @property
    def refusal(self) -> str: ...
    @property
    def close_code(self) -> int:
        """Of the peer's close frame; 0: none came."""
