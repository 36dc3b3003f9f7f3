"""What may still be sent: the order pools of an account beside the weight of its address.

New orders leave a reserve of both to cancels, which are never stopped by a budget of ours; when the
venue itself asked for silence nothing goes out, since going on turns a limit into a ban."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from connector._speedups.states import BudgetState
from connector.model.intents import Action
from connector.protocol.ratelimit import Budget
from connector.venues.contract import Pool
from connector.venues.trading_contract import Charge, Encoded, Message

REDUCING = frozenset({Action.CANCEL, Action.CANCEL_ALL})
RESERVING = frozenset({Action.PLACE, Action.QUERY})


class Shortage(Struct, frozen=True):
    """Why a request may not go out now."""

    pool: str
    used: int
    limit: int
    retry_ns: int
    """CLOCK_MONOTONIC."""


class Spent(Struct, frozen=True):
    """What one request took, to be corrected by the headers of its answer."""

    parts: tuple[tuple[Budget, int, str], ...]
    """Budget, number in it, header that carries the venue's own count."""


class OrderBudget(BudgetState):
    """The budgets one account's requests count against.

    ``own`` are its order pools, one for each window; ``address`` gives the pools of its source
    address, shared with market data and other accounts."""

    def __init__(
        self, own: Iterable[Pool], address: Callable[[], Sequence[tuple[Pool, Budget]]]
    ) -> None:
        self._own: list[tuple[Pool, Budget]] = [
            (pool, Budget(pool.limit, pool.window_ns)) for pool in own
        ]
        self._address = address
        self.known: dict[str, tuple[tuple[Pool, Budget, int], ...]] = {}
        """What counts against which budget, by the name of a charge."""
        self.needs: dict[str, Sequence[tuple[Budget, int, int]]] = {}
        """By the name of a charge: which budget a new order asks how many units of, and how many it
        must leave there; of those that `prepare` was told, while ``known_address`` stands."""
        self.known_address: Sequence[tuple[Pool, Budget]] = ()
        """The pools ``known`` speaks of; others take their place as a whole."""

    @property
    def pools(self) -> list[tuple[Pool, Budget]]:
        """The account's own, for people."""
        return self._own

    def resize(self, pools: Iterable[Pool]) -> None:
        """Take over the limits the venue states for this account."""
        for pool in pools:
            for index, (mine, budget) in enumerate(self._own):
                if (mine.name, mine.window_ns) == (pool.name, pool.window_ns):
                    budget.resize(pool.limit)
                    self._own[index] = (pool, budget)
        self._forget()

    def _forget(self) -> None:
        self.known.clear()
        self.needs.clear()
        self.version += 1

    def prepare(self, charge: Charge) -> None:
        """Have ready what requests of this charge need."""
        self._parts_of(Encoded(b"", charge))

    def shortage(
        self, request: Message, action: Action, now_ns: int, venue_ns: int
    ) -> Shortage | None:
        """Why ``request`` may not go out now; None: it may."""
        for pool, budget, units in self._parts_of(request):
            if budget.quiet_until_ns > now_ns:
                used = budget.used(now_ns, venue_ns)
                return Shortage(pool.name, used, pool.limit, budget.quiet_until_ns)
            if action in REDUCING or not units:
                continue
            reserve = _reserve(pool) if action in RESERVING else 0
            due_ns = budget.admit_ns(now_ns, venue_ns, units, reserve)
            if due_ns > now_ns:
                used = budget.used(now_ns, venue_ns)
                return Shortage(pool.name, used, pool.limit - reserve, due_ns)
        return None

    def take(self, request: Message, now_ns: int, venue_ns: int) -> Spent:
        """Count a request that goes out now."""
        return Spent(
            tuple([  # every order: no generator
                (budget, budget.take(now_ns, venue_ns, units), pool.header)
                for pool, budget, units in self._parts_of(request)
            ])
        )  # fmt: skip

    def give_back(self, spent: Spent) -> None:
        """The request did not leave: the venue counts nothing."""
        for budget, number, _ in spent.parts:
            budget.give_back(number)

    def learn(self, spent: Spent, used: Mapping[str, int], venue_ns: int) -> None:
        """The answer's headers say what the venue has counted."""
        for budget, number, header in spent.parts:
            if header in used:
                budget.correct(number, venue_ns, used[header])

    def stop(self, until_ns: int, orders_only: bool = False, alone: str = "") -> None:
        """The venue asked for silence (429, 418) until then; or for no more orders, which leaves
        cancels and questions; or for no more of the pool ``alone``."""
        address = () if orders_only else self._address()
        for pool, budget in (*self._own, *address):
            if alone in ("", pool.name):
                budget.stop(until_ns)

    def _parts_of(self, request: Message) -> Iterable[tuple[Pool, Budget, int]]:
        """What counts against which budget; the same for every request with one charge."""
        if not isinstance(request, Encoded):
            return self._parts(request)
        address = self._address()
        if address is not self.known_address:
            self.known_address = address
            self._forget()
        parts = self.known.get(request.charge.name)
        if parts is None:
            parts = self.known[request.charge.name] = tuple(self._parts(request))
            self.needs[request.charge.name] = [
                (budget, units, _reserve(pool)) for pool, budget, units in parts
            ]
        return parts

    def _parts(self, request: Message) -> Iterable[tuple[Pool, Budget, int]]:
        for pool, budget in self._address():
            if pool.name == request.pool:
                yield pool, budget, request.weight
        for pool, budget in self._own:
            for cost in request.orders:
                if (cost.pool, cost.window_ns) == (pool.name, pool.window_ns):
                    yield pool, budget, cost.units


def _reserve(pool: Pool) -> int:
    return int(pool.limit * pool.reserve)
