"""Cadenza's account connection: the account's channels of one Centrifugo client, and the venue told
over REST to stream into them.

It is live when every channel is subscribed and the venue says that it streams the account (section
11.1 of the reference): only then a reconcile finds what went before. Positions are kept over
connections, so what was published meanwhile comes with the next subscription; whatever cannot be
brought again, a new epoch, an end of the server's side, is told as lost and ends in a reconcile.

The channels have three names (section 11.2). The page's is asked for first, the next one when the
server does not know or grant it, or when the venue took orders and the channel never spoke."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from connector.model.intents import PositionSide
from connector.protocol import centrifugo_events as said
from connector.protocol.centrifugo_frames import Class, Publication
from connector.venues.account_dialogue import (
    Action,
    Ended,
    Events,
    Live,
    Lost,
    Unclear,
    Whose,
)
from connector.venues.cadenza import order_rows, portfolios, user
from connector.venues.cadenza.client_talk import FINAL_NS, ClientTalk
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.streams import ACTIVE, AGAIN_NS, CHECK_NS
from connector.venues.contract import Scales
from connector.venues.dialogue import Ask, Drop, Note, Verdict
from connector.venues.trading_contract import BalanceEvent, PositionEvent, Signer, UserEvent

MS_NS = 1_000_000
HEADS = (
    ("tradingAccount:",),
    ("trading:userData:",),
    ("trading:executionReport:", "trading:portfolio:"),
)
"""How the channels of an account begin, by their sources; the first one is in both states of the
published page."""
WHOLE = frozenset({"USER_DATA", "TRADING_ACCOUNT"})
HALVES = frozenset({"EXECUTION_REPORT", "PORTFOLIO"})
"""Kinds of streams that bring everything, and those that do so together."""
WAIT_NS = 300 * MS_NS
"""An order nobody knows is asked for after this: the answer that names it may be on its way."""
ASKS = 5
"""Questions about one such order."""
KEPT = 100
"""Orders that wait to be named."""
PORTFOLIO_NS = 10_000 * MS_NS
"""Between two questions for a portfolio whose messages do not say enough: few are allowed."""
WORDS_NS = CHECK_NS
"""Between two words about the same thing."""
LIST, MAKE, ORDER, PORTFOLIO = "list of streams", "stream", "order ", "portfolio"


class _Row(Struct, rename="camel"):
    trading_account_id: str | None = None
    subscription_type: str | None = None
    status: str | None = None


class _Rows(Struct):
    data: list[_Row] | None = None


class _Unnamed(Struct):
    """An order whose instrument is not known."""

    due_ns: int
    asks: int = 0
    told: list[Publication] = []


_ROWS = msgspec.json.Decoder(_Rows)


class AccountTalk(ClientTalk):
    """One account's dialogue; see `account_dialogue.AccountDialogue`. ``probe``: other names of the
    channels are tried, too. The account is the signer's key. In `PrivateStream`:
    ``dialogue=partial(AccountTalk, config.probe)`` beside ``decode=user.decode``."""

    def __init__(
        self,
        probe: bool,
        signer: Signer,
        scales: Scales,
        whose: Whose,
        uniform: Callable[[], float],
    ) -> None:
        super().__init__(uniform)
        self.account_id = signer.key
        self._probe, self._scales, self._whose = probe, scales, whose
        self._place = self._refusals = 0
        self._channels: tuple[str, ...] = ()
        self._granted: set[str] = set()
        self._open = self._live = self._streamed = self._spoke = False
        self._why = "not connected yet"
        self._check_ns = self._retry_ns = self._portfolio_ns = self._portfolio_last_ns = 0
        self._asked = ""
        self._unnamed: dict[str, _Unnamed] = {}
        self._assets: set[str] = set()
        self._held: set[tuple[str, PositionSide]] = set()
        self._worded: dict[str, int] = {}

    @property
    def fault(self) -> str:
        return "" if self._live else self._why

    @property
    def due_ns(self) -> int:
        if not self._open:
            return 0
        due = [self.client.due_ns, self._retry_ns]
        if not self._asked:
            due += [self._check_ns, self._portfolio_ns]
            due += [one.due_ns for one in self._unnamed.values()]
        return min((at_ns for at_ns in due if at_ns), default=0)

    # The connection's life

    def opened(self, token: str, now_ns: int) -> list[Action]:
        self.client.token = token
        self._open, self._asked, self._retry_ns = True, "", 0
        self._streamed, self._check_ns = False, now_ns
        self._why = "subscribing"
        self._subscribe(now_ns)
        self.client.opened(now_ns)
        return [*self._out(), *self._work(now_ns)]

    def closed(self, code: int) -> Verdict:
        self._open = self._live = False
        self._granted.clear()
        self._asked = ""
        found = self._judge(code)
        self._why = found.alert or f"disconnected ({code})"
        return found

    def doubted(self) -> None:
        self._live = False
        self._why = "it kept something back"
        if self._probe and not self._spoke:
            self._turn(0)

    # What comes

    def received(self, frame: bytes, now_ns: int) -> list[Action]:
        actions = self._perform(self.client.received(frame, now_ns), now_ns)
        return [*actions, *self._out(), *self._work(now_ns)]

    def on_timer(self, now_ns: int) -> list[Action]:
        actions = self._timer(now_ns)
        if 0 < self._retry_ns <= now_ns:
            self._retry_ns = 0
            self._subscribe(now_ns)
        return [*actions, *self._out(), *self._work(now_ns)]

    # Channels

    def _subscribe(self, now_ns: int) -> None:
        self._channels = tuple(head + self.account_id for head in HEADS[self._place])
        self._granted.clear()
        for channel in self._channels:
            self.client.subscribe(channel, now_ns)

    def _turn(self, now_ns: int) -> None:
        """To the next names of the channels."""
        for channel in self._channels:
            self.client.unsubscribe(channel, now_ns)
        self._channels = ()
        self._place = (self._place + 1) % len(HEADS)

    def _subscribed(self, event: said.Subscribed, actions: list[Action], now_ns: int) -> None:
        if event.channel not in self._channels:
            return
        self._granted.add(event.channel)
        self._refusals = 0
        if event.continuity is said.Continuity.LOST:
            actions.append(Lost(f"{event.channel}: what it said meanwhile is not kept any more"))
            self._live = False
        self._stand(actions)

    def _stand(self, actions: list[Action]) -> None:
        """Whether everything is told from here on."""
        granted = bool(self._channels) and self._granted == set(self._channels)
        if self._live or not self._streamed or not granted:
            return
        self._live = True
        actions.append(Live())

    def _lose(self, channel: str, why: str, actions: list[Action]) -> None:
        self._granted.discard(channel)
        self._live, self._why = False, why
        actions.append(Lost(why))

    def _missed(self, event: said.Gap, actions: list[Action]) -> None:
        why = f"{event.channel}: {event.wanted} is missing before {event.got}"
        self._lose(event.channel, why, actions)

    def _garbled(self, event: said.Garbled, actions: list[Action]) -> None:
        actions.append(Unclear(event.why, ""))

    def _unsubscribed(self, event: said.Unsubscribed, actions: list[Action], now_ns: int) -> None:
        if event.channel not in self._channels:
            return
        why = f"{event.channel}: the venue ended it: {event.code} {event.reason}"
        self._lose(event.channel, why, actions)
        if event.meaning is Class.FINAL:
            self._end(why, actions, now_ns)
        elif event.meaning is Class.TOKEN:
            self.client.subscribe(event.channel, now_ns)

    def _refused(self, event: said.Refused, actions: list[Action], now_ns: int) -> None:
        if event.channel not in self._channels:
            return
        why = f"{event.channel}: {event.code} {event.message}"
        self._why = why
        if event.meaning in (Class.RETRY, Class.RESYNC):
            return  # asked for again by the client
        if event.meaning in (Class.TOKEN, Class.OTHER_LINE):
            actions.append(Drop(why))
        elif self._probe and self._refusals + 1 < len(HEADS):
            self._refusals += 1
            self._turn(now_ns)
            actions.append(Note(f"{why}: trying {HEADS[self._place][0]}", True))
            self._subscribe(now_ns)
        else:
            self._end(why, actions, now_ns)

    def _end(self, why: str, actions: list[Action], now_ns: int) -> None:
        """Not to be had by any name: tried again from the first one in a minute."""
        for channel in self._channels:
            self.client.unsubscribe(channel, now_ns)
        self._channels, self._place, self._refusals = (), 0, 0
        self._granted.clear()
        self._live, self._why, self._retry_ns = False, why, now_ns + FINAL_NS
        actions.append(Ended(why))

    # Events

    def _published(self, event: said.Published, actions: list[Action], now_ns: int) -> None:
        self._spoke = True
        self._read(event.publication, actions, now_ns)

    def _read(self, one: Publication, actions: list[Action], now_ns: int) -> None:
        try:
            heard = user.read(one, self._scales, self._whose, self.account_id)
        except ValueError as error:
            actions.append(Unclear(str(error), user.redacted(bytes(one.data))))
            return
        events: list[UserEvent] = list(heard.events)
        for portfolio in heard.portfolios:
            events += self._of(portfolio)
        if events:
            actions.append(Events(events))
        for name in heard.orders:
            waiting = self._unnamed.setdefault(name, _Unnamed(now_ns + WAIT_NS))
            waiting.told.append(one)
            if len(self._unnamed) > KEPT:
                del self._unnamed[next(iter(self._unnamed))]
                actions.append(Unclear("too many orders that nobody knows", name))
        if heard.untold and not self._portfolio_ns:
            self._portfolio_ns = max(now_ns, self._portfolio_last_ns + PORTFOLIO_NS)
        if heard.streams:
            self._check_ns = min(self._check_ns, now_ns) if self._check_ns else now_ns
        actions += [Note(text, True) for text in heard.notes]
        if heard.unknown and self._may_word(heard.unknown, now_ns):
            why = f"an event of no known kind: {heard.unknown}"
            actions.append(Unclear(why, user.redacted(bytes(one.data)), known=False))

    def _may_word(self, kind: str, now_ns: int) -> bool:
        """Once a minute of each kind, and of so many kinds: a reconcile is dear."""
        self._worded = {one: at for one, at in self._worded.items() if now_ns - at < WORDS_NS}
        if kind in self._worded or len(self._worded) > ASKS:
            return False
        self._worded[kind] = now_ns
        return True

    def _of(self, found: portfolios.Portfolio) -> list[UserEvent]:
        """A portfolio's events; of a whole one also the end of what is not in it any more."""
        assets = {one.asset for one in found.balances}
        held = {(one.symbol, one.position_side) for one in found.positions}
        events: list[UserEvent] = [*found.balances, *found.positions]
        told_ns = found.venue_ns
        if found.whole and found.lists_balances:
            events += [
                BalanceEvent(asset=asset, wallet_e=0, available_e=0, venue_ns=told_ns)
                for asset in sorted(self._assets - assets)
            ]
            self._assets = assets
        if found.whole and found.lists_positions:
            events += [
                PositionEvent(symbol=symbol, position_side=side, qty_e=0, venue_ns=told_ns)
                for symbol, side in sorted(self._held - held)
            ]
            self._held = held
        self._assets |= assets
        self._held |= held
        return events

    # What is asked over REST, one thing at a time

    def _work(self, now_ns: int) -> list[Action]:
        if self._asked or not self._open:
            return []
        if 0 < self._check_ns <= now_ns:
            self._check_ns = 0
            request = ENDPOINTS["tradingAccountSubscriptionList"].request(
                tradingAccountId=self.account_id, limit=1000
            )
            return self._ask(Ask(request, LIST))
        for name, waiting in self._unnamed.items():
            if waiting.due_ns <= now_ns:
                return self._name(name, waiting, now_ns)
        if 0 < self._portfolio_ns <= now_ns:
            self._portfolio_ns, self._portfolio_last_ns = 0, now_ns
            (request,) = portfolios.requests(())
            request = ENDPOINTS[request.name].request(tradingAccountId=self.account_id)
            return self._ask(Ask(request, PORTFOLIO))
        return []

    def _ask(self, question: Ask) -> list[Action]:
        self._asked = question.tag
        return [question]

    def _name(self, name: str, waiting: _Unnamed, now_ns: int) -> list[Action]:
        """What was said of an order nobody knew: it is known by now, or asked for."""
        if self._whose(name) is not None:
            del self._unnamed[name]
            actions: list[Action] = []
            for one in waiting.told:
                self._read(one, actions, now_ns)
            return [*actions, *self._work(now_ns)]
        if waiting.asks >= ASKS:
            del self._unnamed[name]
            return [Unclear("an order that the venue tells of and does not list", name)]
        waiting.asks += 1
        waiting.due_ns = now_ns + AGAIN_NS
        try:
            request = ENDPOINTS["tradeOrderList"].request(
                tradeOrderId=name, tradingAccountId=self.account_id, limit=1
            )
        except ValueError as error:
            del self._unnamed[name]
            return [Unclear(f"an order by no id of the venue: {error}", name)]
        return self._ask(Ask(request, ORDER + name))

    def on_answer(self, tag: str, body: bytes | None, why: str, now_ns: int) -> list[Action]:
        self._asked = ""
        actions: list[Action] = []
        try:
            if body is None:
                raise ValueError(why)
            if tag == LIST:
                self._listed(body, actions, now_ns)
            elif tag == MAKE:
                self._stream(actions, now_ns)
            elif tag == PORTFOLIO:
                actions.append(Events(self._asked_for(body), asked=True))
            else:
                self._named(tag.removeprefix(ORDER), body, actions)
        except (ValueError, RecursionError) as error:
            if tag in (LIST, MAKE):
                self._check_ns = now_ns + AGAIN_NS
                self._why = f"{tag}: {error}"
            elif tag == PORTFOLIO:
                self._portfolio_ns = now_ns + PORTFOLIO_NS
            actions.append(Note(f"{tag}: {error}", True))
        return [*actions, *self._work(now_ns)]

    def _asked_for(self, body: bytes) -> Sequence[UserEvent]:
        positions = portfolios.position_events(body, self._scales)
        return [*portfolios.balance_events(body), *positions]

    def _named(self, name: str, body: bytes, actions: list[Action]) -> None:
        events = order_rows.listed(body, self._scales)
        if events:
            actions.append(Events(events, asked=True))
            self._unnamed.pop(name, None)

    def _listed(self, body: bytes, actions: list[Action], now_ns: int) -> None:
        rows = _ROWS.decode(body).data or []
        kinds = {
            (row.subscription_type or "USER_DATA").rpartition(".")[2]
            for row in rows
            if row.status == ACTIVE and row.trading_account_id in (None, "", self.account_id)
        }
        if kinds & WHOLE or kinds >= HALVES:
            self._stream(actions, now_ns)
            return
        if self._streamed:
            self._streamed = self._live = False
            self._why = "the venue does not stream the account any more"
            actions.append(Lost(self._why))
        request = ENDPOINTS["tradingAccountSubscribe"].request(tradingAccountId=self.account_id)
        actions += self._ask(Ask(request, MAKE))

    def _stream(self, actions: list[Action], now_ns: int) -> None:
        self._streamed, self._check_ns = True, now_ns + CHECK_NS
        self._stand(actions)
