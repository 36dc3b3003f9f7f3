"""Who sends requests for orders, over whichever transport."""

import asyncio
from collections.abc import Mapping


class Heard:
    """What was said of each request."""

    def __init__(self) -> None:
        self.said: list[tuple[str, int]] = []
        self.halted: dict[int, str] = {}
        self.answers: dict[int, tuple[int, Mapping[str, str], bytes]] = {}
        self.changed = asyncio.Event()

    def answered(self, request: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.answers[request] = status, headers, body
        self._say("answered", request)

    def lost(self, request: int, why: str) -> None:
        assert why
        self._say("lost", request)

    def left(self, request: int, now_ns: int) -> None: ...

    def unsent(self, request: int, why: str) -> None:
        assert why
        self._say("unsent", request)

    def stopped(self, request: int) -> str:
        return self.halted.get(request, "")

    def _say(self, what: str, request: int) -> None:
        self.said.append((what, request))
        self.changed.set()

    async def until(self, how_many: int) -> None:
        async with asyncio.timeout(60):
            while len(self.said) < how_many:
                self.changed.clear()
                await self.changed.wait()
