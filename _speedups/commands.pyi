from collections.abc import Callable, Iterable
from collections.abc import Mapping as Arguments
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar, final

from connector._speedups.events import Instrument
from connector._speedups.reader import MarketReader
from connector._speedups.segment import Mapping

Number: TypeAlias = str | Decimal | int | float
Found = TypeVar("Found")
Name: TypeAlias = Instrument | str | int | tuple[str, str]

def use_model(*, full: type[Exception], names: dict[str, dict[str, int]]) -> None: ...

@final
class Ticket:
    answer: Any
    @property
    def instrument(self) -> Instrument: ...
    @property
    def number(self) -> int: ...
    @property
    def ref_id(self) -> str: ...
    @property
    def client_order_id(self) -> str: ...
    @property
    def order_key(self) -> int: ...
    @property
    def account(self) -> int: ...
    @property
    def action(self) -> int: ...
    @property
    def created_ns(self) -> int: ...
    @property
    def slot(self) -> bytes: ...

class CommandWriter(MarketReader):
    def open_commands(
        self, up: Mapping, down: Mapping, doorbell: int, taken: int, unique: int
    ) -> None: ...
    def use_accounts(self, accounts: Iterable[tuple[int, str, str]]) -> None: ...
    def find_instrument(self, what: Any) -> Instrument: ...
    def no_commands(self) -> None: ...
    @property
    def end_reason(self) -> int: ...
    @property
    def commands_written(self) -> int: ...
    @property
    def rehearsing(self) -> bool: ...
    def rehearse(self, function: Callable[..., Found], *arguments: Any) -> Found: ...
    def place(
        self,
        instrument: Name,
        side: int | str,
        quantity: Number | None,
        price: Number | None = None,
        *,
        order_type: int | str | None = None,
        time_in_force: int | str | None = None,
        reduce_only: bool = False,
        post_only: bool = False,
        position_side: int | str | None = None,
        stop_price: Number | None = None,
        activation_price: Number | None = None,
        callback_rate: Number | None = None,
        working_type: int | str | None = None,
        close_position: bool = False,
        price_match: int | str | None = None,
        price_protect: bool = False,
        self_trade: int | str | None = None,
        good_till_ms: int | None = None,
        client_order_id: str | None = None,
        ref_id: str | None = None,
        label: str | None = None,
        target: str | None = None,
        account: str | int | None = None,
        valid_for_ms: float = 100,
    ) -> Ticket: ...
    def amend(
        self,
        order: Any = None,
        price: Number | None = None,
        quantity: Number | None = None,
        *,
        instrument: Name | None = None,
        order_key: int = 0,
        client_order_id: str | None = None,
        order_id: int | str | None = None,
        ref_id: str | None = None,
        label: str | None = None,
        target: str | None = None,
        account: str | int | None = None,
        valid_for_ms: float = 100,
    ) -> Ticket: ...
    def cancel(
        self,
        order: Any = None,
        *,
        instrument: Name | None = None,
        order_key: int = 0,
        client_order_id: str | None = None,
        order_id: int | str | None = None,
        ref_id: str | None = None,
        label: str | None = None,
        target: str | None = None,
        account: str | int | None = None,
        valid_for_ms: float = 100,
    ) -> Ticket: ...
    def query(
        self,
        order: Any = None,
        *,
        instrument: Name | None = None,
        order_key: int = 0,
        client_order_id: str | None = None,
        order_id: int | str | None = None,
        ref_id: str | None = None,
        account: str | int | None = None,
        valid_for_ms: float = 100,
    ) -> Ticket: ...
    def cancel_all(
        self,
        instrument: Name,
        *,
        account: str | int | None = None,
        ref_id: str | None = None,
        label: str | None = None,
        target: str | None = None,
        valid_for_ms: float = 100,
    ) -> Ticket: ...
    def place_batch(self, orders: Iterable[Arguments[str, Any]]) -> list[Ticket]: ...
    def amend_batch(self, orders: Iterable[Arguments[str, Any]]) -> list[Ticket]: ...
    def cancel_batch(self, orders: Iterable[Any], **common: Any) -> list[Ticket]: ...
