"""What a dialogue of the venue's own wants done beside its messages: tokens, questions over REST,
the pause that a close asks for."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from connector.errors import NotSent, VenueError
from connector.transport.rest import Rest
from connector.venues.dialogue import Ask, Note, TokenWanted, Verdict

log = logging.getLogger("connector.connections")


class Speaker(Protocol):
    """As much of a dialogue as its chores need."""

    def on_token(self, token: str, now_ns: int) -> list[Any]: ...
    def on_answer(self, tag: str, body: bytes | None, why: str, now_ns: int) -> list[Any]: ...


Talks = TypeVar("Talks", bound=Speaker)


class Talking(Generic[Talks]):
    """A dialogue and its chores. ``give(epoch, actions)`` performs what the dialogue answers to
    what came of them, if that connection is still open."""

    def __init__(
        self,
        dialogue: Talks,
        rest: Callable[[], Rest],
        give: Callable[[int, Callable[[int], list[Any]]], None],
    ) -> None:
        self.dialogue = dialogue
        self.token = ""
        self._held_ns = 0
        self._entered, self._denied = 0, -1
        """Renewals up to the token in use, and up to the last denial; -1: none that counts."""
        self._rest, self._give = rest, give
        self._tasks: set[asyncio.Task[None]] = set()

    def held(self, now_ns: int) -> int:
        """No connection is opened sooner."""
        return max(now_ns, self._held_ns)

    async def enter(self) -> None:
        """Get a token that is good now; NotSent when there is none."""
        access = self._rest().access
        if access is None:
            return
        try:
            self.token = await access.token()
        except VenueError as error:
            raise NotSent(f"no token: {error}") from None
        self._entered = access.renewals

    def ended(self, verdict: Verdict, now_ns: int, link: str) -> None:
        """The connection is gone: what follows."""
        access = self._rest().access
        if verdict.new_token and access is not None:
            # What was got before the last denial may have ended with it: no new token is refused.
            older = verdict.wait_ns > 0 and self._entered == self._denied
            self._denied = -1 if older else access.renewals
            access.deny(self.token)
            if older:
                return
        if verdict.wait_ns:
            self._held_ns = now_ns + verdict.wait_ns
        if verdict.alert:
            log.error("%s", verdict.alert, extra={"link": link})

    def perform(self, epoch: int, action: object, link: str) -> None:
        """What is no message and nothing of the market."""
        if isinstance(action, Ask):
            self._start(self._ask(epoch, action), link)
        elif isinstance(action, TokenWanted):
            self._start(self._renew(epoch, link), link)
        elif isinstance(action, Note):
            level = logging.WARNING if action.alert else logging.INFO
            log.log(level, "%s", action.text, extra={"link": link})

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _renew(self, epoch: int, link: str) -> None:
        try:
            await self.enter()
        except NotSent as error:
            # The session ends with its token; the next one begins with another.
            log.error("%s", error, extra={"link": link})
            return
        self._give(epoch, lambda now_ns: self.dialogue.on_token(self.token, now_ns))

    async def _ask(self, epoch: int, question: Ask) -> None:
        body, why = None, ""
        try:
            body = await self._rest().ask(question.request)
        except VenueError as error:
            why = str(error)
        tag = question.tag
        self._give(epoch, lambda now_ns: self.dialogue.on_answer(tag, body, why, now_ns))

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task %s failed", task.get_name(), exc_info=task.exception())
