"""A quiet market, a daemon that trades there and a strategy that writes everything down."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import connector
from connector.model.reports import Result, Update
from connector.model.states import State
from tests.reference.ground import Client, Ground
from tests.reference.notebook import Notebook, Story
from tests.reference.patient import Patient
from tests.reference.quiet_market import Market, quiet_market
from tests.reference.stack import Daemon, eventually

MAIN = {"main": ("MAINKEY", "main-secret")}
HTTP = "http"


class OrderStage:
    """The venue, a daemon, and the strategy that uses its accounts."""

    def __init__(
        self, market: Market, folder: Path, accounts: dict[str, tuple[str, str]],
        settings: dict[str, Any], account: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.market, self.ground = market, market.ground
        self.symbol = symbol = self.ground.symbol
        self.names = sorted(accounts)
        proofs = {
            name: market.clients[name].proof(name, key, secret)
            for name, (key, secret) in accounts.items()
        }
        self._start = lambda: Daemon(
            folder,
            market.sim,
            feeds=[
                {
                    "instruments": [symbol],
                    "channels": [*self.ground.channels],
                    "quiet_ms": 600_000,
                }
            ],
            venue={
                "request_s": 5.0,
                **self.ground.settings(market.sim.where),
                **dict(itertools.chain.from_iterable(p.venue.items() for p in proofs.values())),
                **settings,
            },
            accounts={
                name: {
                    "venue": self.ground.venue,
                    **proof.account,
                    "strategies": ["maker"],
                    "transport": self.ground.transport,
                    **account,
                }
                for name, proof in proofs.items()
            },
            strategies={"maker": {"grace_s": 600}},
            environ=dict(itertools.chain.from_iterable(p.environ.items() for p in proofs.values())),
        )
        self.daemon = self._start()
        self.notes: Notebook
        self.begun = 0
        self.ended: list[tuple[str, str, Story]] = []
        """Account, name and story of every order there was, for who wants to remember."""

    @property
    def main(self) -> Client:
        """The same account as the daemon's, in other hands."""
        return self.market.clients["main"]

    def attach(self) -> Any:
        session = Patient(connector.attach("maker", self.daemon.ready().runtime_dir, trading=True))
        self.notes = Notebook(session)
        self.ready()
        return session

    def kill(self) -> None:
        """End the daemon as nobody should."""
        self.notes.session.close()
        self.daemon.process.kill()
        self.daemon.process.wait()

    def start(self) -> None:
        """Start it again, and attach."""
        with self.daemon:
            pass
        self.daemon = self._start()
        self.attach()

    def close(self) -> None:
        with self.daemon:
            if hasattr(self, "notes"):
                self.notes.session.close()

    def place(
        self, name: str, prices: dict[str, float], side: str = "buy", quantity: Any = "0.02",
        account: str = "main", **keys: Any,
    ) -> Any:  # fmt: skip
        """A command; ``prices`` are away from the middle."""
        at = {word: self.market.price(away) for word, away in prices.items()}
        if keys.get("order_type", "limit") not in ("limit", "market"):
            keys = {**self.ground.conditional, **keys}
        return self.notes.session.place(
            self.symbol, side, self.ground.quantity(quantity), account=account,
            client_order_id=name or None, **at, **keys,
        )  # fmt: skip

    def cancel(self, name: str, account: str = "main") -> Any:
        return self.notes.session.cancel(name, instrument=self.symbol, account=account)

    def refused(self, ticket: Any) -> Any:
        answer = self.notes.answer(ticket)
        assert answer.result is Result.REFUSED, answer
        return answer

    def accepted(self, ticket: Any) -> Any:
        answer = self.notes.answer(ticket)
        assert answer.result is Result.ACCEPTED, answer
        return answer

    def account(self, name: str = "main") -> dict[str, Any]:
        """How the account is, as the daemon says."""
        state = self.daemon.ask("state")["state"]
        found: dict[str, Any] = state["accounts"][name]
        return found

    def ready(self) -> None:
        """Wait until orders may go out: nothing may without live best prices, and those of a market
        that stands still are told only once they move."""
        eventually(lambda: self.account()["ready"] and self.quoted(), 30)

    def quoted(self) -> bool:
        """Whether the best prices are live; if not, they will be soon."""
        if self.notes.session.top(self.symbol).bbo().state is State.LIVE:
            return True
        self.market.nudge()
        return False

    def fault(self, kind: str, action: str = "place", **keys: Any) -> None:
        """A fault on the answer to that kind of order request, however it travels."""
        self.market.sim.fault(kind, **self.ground.orders[action], **keys)

    def on_private(self, kind: str, **keys: Any) -> None:
        """A fault on every stream that tells of orders and positions."""
        for stream in dict.fromkeys(self.ground.streams.values()):
            self.market.sim.fault(kind, stream=stream, **keys)

    def positions(self, account: str = "main") -> dict[str, float]:
        """What the strategy has heard of its account, by side."""
        index = self.notes.session.accounts[account]
        return {
            one.position_side.name: float(one.qty)
            for one in self.notes.session.positions()
            if one.account == index and one.qty
        }

    def equals_venue(self) -> None:
        """Wait until the strategy's picture is the venue's: open orders, positions, every fill of
        every order once."""
        for name in self.names:
            client = self.market.clients[name]
            index = self.notes.session.accounts[name]

            def mine(index: int = index) -> set[str]:
                orders = self.notes.session.orders()
                return {one.client_order_id for one in orders if one.account == index}

            self.notes.until(
                lambda client=client, mine=mine: mine() == client.opened(),
                lambda client=client, mine=mine: (mine(), client.opened()), 30,
            )  # fmt: skip
            self.notes.until(
                lambda client=client, name=name: self.positions(name) == client.held(),
                lambda client=client, name=name: (self.positions(name), client.held()), 30,
            )  # fmt: skip
            written = client.ledger()
            for order, rows in list(self.notes.reports.items()):
                if rows[-1].account != index:
                    continue
                wanted = sum(row.quantity for row in written(rows[-1]).values())
                self.notes.until(
                    lambda order=order, wanted=wanted: round(
                        self.notes.filled(order) - wanted, 8
                    ) == 0,
                    lambda order=order, wanted=wanted: (order, self.notes.story(order), wanted), 30,
                )  # fmt: skip
                self.notes.equals_venue(
                    order, written, every_fee=False, named=self.ground.names_fills
                )
                self.consistent(order)

    def every_fee(self) -> None:
        """Wait until the fee of every fill was told, as the venue has it."""
        for name in self.names:
            index, written = self.notes.session.accounts[name], self.market.clients[name].ledger()
            for order, rows in list(self.notes.reports.items()):
                if rows[-1].account == index:
                    self.notes.equals_venue(order, written, named=self.ground.names_fills)

    def consistent(self, order: str) -> None:
        """Submitted once and first, ended at most once, what is filled never less than before."""
        rows = self.notes.reports[order]
        updates = [one.update for one in rows]
        if updates != [Update.REJECTED]:
            assert updates[0] is Update.SUBMITTED, (order, updates)
        for once in (Update.SUBMITTED, Update.CANCELLED, Update.REJECTED, Update.TRIGGERED):
            assert updates.count(once) <= 1, (order, updates)
        filled = [one.filled_qty_e for one in rows]
        assert filled == sorted(filled), (order, filled)


@contextmanager
def order_stage(
    ground: Ground,
    folder: Path,
    *arguments: str,
    accounts: dict[str, tuple[str, str]] | None = None,
    hedge: tuple[str, ...] = (),
    began: Any = None,
    account: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Iterator[OrderStage]:
    """Everything, running. ``arguments`` go to the simulator, ``settings`` to the venue's section,
    ``account`` to that of each account; ``began`` is called with the market before the daemon
    starts."""
    accounts = accounts or MAIN
    with (
        quiet_market(ground, folder / "venue", *arguments, **accounts) as market,
        ExitStack() as stack,
    ):
        for name in hedge:
            market.clients[name].hedge()
        if began is not None:
            began(market)
        stage = OrderStage(market, folder, accounts, settings, account or {})
        stack.callback(stage.close)
        stage.attach()
        yield stage
