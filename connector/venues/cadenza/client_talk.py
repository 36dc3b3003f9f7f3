"""What the market's and the account's connection share: each is one Centrifugo client, whose frames
are sent, whose token is renewed and whose end is judged alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from connector.protocol import centrifugo_events as said
from connector.protocol.centrifugo import Client
from connector.protocol.centrifugo_frames import Class
from connector.venues.dialogue import Drop, Send, TokenWanted, Verdict

SECOND_NS = 1_000_000_000
FINAL_NS = 60 * SECOND_NS
"""After a close that says that trying again cannot help."""
BUG_NS = 3600 * SECOND_NS
"""After one that says that we broke the protocol: it would be broken again."""
BROKEN = 3501
TOO_LONG = 1009
Actions = list[Any]
"""Of `dialogue.Action` or `account_dialogue.Action`, as the connection is."""


class ClientTalk(ABC):
    """A dialogue around a client; what its channels say is the connection's own matter."""

    def __init__(self, uniform: Callable[[], float]) -> None:
        self.client = Client(uniform, eager=True)

    def on_token(self, token: str, now_ns: int) -> Actions:
        self.client.refresh(token, now_ns)
        return self._out()

    def _out(self) -> Actions:
        return [Send(frame) for frame in self.client.take()]

    def _timer(self, now_ns: int) -> Actions:
        """What the client's own timers bring."""
        due_ns = self.client.due_ns
        return self._perform(self.client.on_timer(now_ns), now_ns) if 0 < due_ns <= now_ns else []

    def _perform(self, events: Iterable[said.Event], now_ns: int) -> Actions:
        actions: Actions = []
        for event in events:
            if isinstance(event, said.Published):
                self._published(event, actions, now_ns)
            elif isinstance(event, said.Subscribed):
                self._subscribed(event, actions, now_ns)
            elif isinstance(event, said.Gap):
                self._missed(event, actions)
            elif isinstance(event, said.Unsubscribed):
                self._unsubscribed(event, actions, now_ns)
            elif isinstance(event, said.Refused):
                self._refused(event, actions, now_ns)
            elif isinstance(event, said.TokenWanted):
                if not event.channel:
                    actions.append(TokenWanted())
            elif isinstance(event, said.Garbled):
                self._garbled(event, actions)
            elif isinstance(event, said.Close):
                actions.append(Drop(event.why))
        return actions

    def _judge(self, code: int) -> Verdict:
        """What follows the end of the client's connection."""
        meaning = self.client.closed(code, 0)
        if meaning is Class.TOKEN:
            return Verdict(new_token=True)
        if code == TOO_LONG:
            return Verdict(alert="a message was longer than one side takes (1009)")
        if meaning is Class.FINAL:
            if self.client.token_refused:  # the one that is tried next is not to be the same
                return Verdict(FINAL_NS, True, f"the venue takes no new token either ({code})")
            why = f"the venue closed for good ({code})"
            return Verdict(BUG_NS if code == BROKEN else FINAL_NS, False, why)
        return Verdict(new_token=meaning is Class.RESYNC)

    @abstractmethod
    def _published(self, event: said.Published, actions: Actions, now_ns: int) -> None: ...
    @abstractmethod
    def _subscribed(self, event: said.Subscribed, actions: Actions, now_ns: int) -> None: ...
    @abstractmethod
    def _garbled(self, event: said.Garbled, actions: Actions) -> None: ...
    @abstractmethod
    def _missed(self, event: said.Gap, actions: Actions) -> None: ...
    @abstractmethod
    def _unsubscribed(self, event: said.Unsubscribed, actions: Actions, now_ns: int) -> None: ...
    @abstractmethod
    def _refused(self, event: said.Refused, actions: Actions, now_ns: int) -> None: ...
