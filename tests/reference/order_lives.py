"""Orders and their lives: what is done to one, and what a strategy hears of it in between."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connector.model.reports import Code, EndReason, Field, OrderStatus, Result, Update
from tests.reference.notebook import Story
from tests.reference.order_stage import OrderStage

QTY = 0.02
HALF = QTY / 2

WORDS: dict[str, tuple[Update, OrderStatus]] = {
    "submitted": (Update.SUBMITTED, OrderStatus.NEW),
    "triggered": (Update.TRIGGERED, OrderStatus.TRIGGERED),
    "partly": (Update.EXECUTED, OrderStatus.PARTIALLY_FILLED),
    "filled": (Update.EXECUTED, OrderStatus.FILLED),
    "amended": (Update.AMENDED, OrderStatus.NEW),
    "amended partly": (Update.AMENDED, OrderStatus.PARTIALLY_FILLED),
    "amended triggered": (Update.AMENDED, OrderStatus.TRIGGERED),
    "cancelled": (Update.CANCELLED, OrderStatus.CANCELLED),
    "expired": (Update.CANCELLED, OrderStatus.EXPIRED),
    "rejected": (Update.REJECTED, OrderStatus.REJECTED),
}


class Life:
    """One order while it is told of."""

    def __init__(self, stage: OrderStage, name: str, account: str) -> None:
        self.stage, self.market, self.name, self.account = stage, stage.market, name, account
        self.wanted: Story = []

    def cancel(self) -> None:
        ticket = self._session.cancel(self.name, instrument=self.stage.symbol, account=self.account)
        assert self.stage.notes.answer(ticket).result is Result.ACCEPTED

    def amend(self, price: float | None = None, quantity: float | None = None) -> Any:
        ticket = self._session.amend(
            self.name,
            instrument=self.stage.symbol,
            account=self.account,
            price=None if price is None else self.market.price(price),
            quantity=self.stage.ground.quantity(quantity),
        )
        return self.stage.notes.answer(ticket)

    def hears(self, word: str) -> None:
        self.wanted.append(WORDS[word])
        self.stage.notes.tells(self.name, self.wanted)

    @property
    def last(self) -> Any:
        return self.stage.notes.reports[self.name][-1]

    @property
    def _session(self) -> Any:
        return self.stage.notes.session


Act = Callable[[Life], Any]


@dataclass(frozen=True)
class Case:
    """An order and its life: what happens to it, and in between what the strategy hears."""

    name: str
    order: dict[str, Any]
    life: tuple[str | Act, ...]
    prices: dict[str, float] = field(default_factory=dict)
    before: tuple[Act, ...] = ()
    refused: str = ""
    """What is wrong, when the venue refuses the order: no life then."""
    local: Field | None = None
    """What is wrong, when the venue has no such order: the connector refuses it."""
    reason: EndReason | None = None


def rest(side: str, away: float, quantity: float = QTY) -> Act:
    """Somebody offers."""
    return lambda life: life.market.rest(side, away, quantity)


def hit(side: str, away: float, quantity: float = QTY) -> Act:
    """Somebody takes."""
    return lambda life: life.market.hit(side, away, quantity)


def trade(away: float) -> Act:
    """A price is made, and nothing is left there."""
    return lambda life: life.market.trade(away)


def hold(quantity: float, side: str = "BOTH") -> Act:
    return lambda life: life.market.hold(life.account, quantity, side)


def cancel(life: Life) -> None:
    life.cancel()


def accepted(price: float | None = None, quantity: float | None = None) -> Act:
    """An amend that the venue takes."""

    def act(life: Life) -> None:
        answer = life.amend(price, quantity)
        while answer.code == Code.NOT_YET.value:  # what it became is told a moment after
            answer = life.amend(price, quantity)
        assert answer.result is Result.ACCEPTED, answer

    return act


def refused(what: str, price: float | None = None, quantity: float | None = None) -> Act:
    """An amend that the venue refuses."""

    def act(life: Life) -> None:
        answer = life.amend(price, quantity)
        code = life.stage.ground.refusals[what]
        assert (answer.result, answer.venue_code) == (Result.REFUSED, code), answer

    return act


def not_yet(life: Life) -> None:
    """An untriggered conditional order cannot be amended, and the refusal says so."""
    answer = life.amend(price=-90)
    assert (answer.result, answer.code) == (Result.REFUSED, Code.NOT_SUPPORTED.value)
    assert "before it is triggered" in answer.text
    assert answer.field is Field.ACTION


def unamendable(life: Life) -> None:
    """The venue amends nothing, and the refusal says so."""
    answer = life.amend(price=-90)
    assert_local(answer, Field.ACTION)
    assert "cancel, and place anew" in answer.text


def assert_local(answer: Any, wrong: Field, code: Code = Code.NOT_SUPPORTED) -> None:
    """The order never left: what is wrong with it was known here."""
    assert (answer.result, answer.code) == (Result.REFUSED, code.value), answer
    assert answer.field is wrong, answer
    assert answer.venue_code == answer.http_status == 0


def run(stage: OrderStage, case: Case, account: str, group: str) -> None:
    stage.begun += 1
    life = Life(stage, f"{group}-{stage.begun}", account)
    for act in case.before:
        act(life)
    if case.order.get("order_type", "limit") not in ("limit", "market"):
        life.market.trade(0)  # what triggered the last one shall not trigger this one
    ticket = stage.place(life.name, case.prices, account=account, **case.order)
    if case.refused or case.local is not None:
        answer = stage.notes.answer(ticket)
        if case.local is not None:
            assert_local(answer, case.local)
        else:
            code = stage.ground.refusals[case.refused]
            assert (answer.result, answer.venue_code) == (Result.REFUSED, code), answer
        stage.ended.append((account, life.name, stage.notes.story(life.name)))
        assert {update for update, _ in stage.notes.story(life.name)} <= {Update.REJECTED}
        return
    for step in case.life:
        if isinstance(step, str):
            life.hears(step)
        else:
            step(life)
    assert stage.notes.answer(ticket).result is Result.ACCEPTED
    assert stage.notes.results(ticket) == [Result.ACCEPTED]
    story = stage.notes.story(life.name)
    assert story == life.wanted, (life.name, story)
    assert life.last.ended
    if case.reason is not None:
        assert life.last.reason is case.reason
    named = stage.ground.names_fills  # what has no name yet waits for its fee till the end
    fills = stage.market.clients[account].fills
    stage.notes.equals_venue(life.name, fills, every_fee=named, named=named)
    stage.ended.append((account, life.name, life.wanted))
