from collections.abc import Collection, Mapping
from typing import Any

def use_rows(
    *,
    balance: Any,
    position: Any,
    sides: Mapping[str, int],
    both: int,
    order: int,
    other: int,
    hedged: Collection[str],
    value_exponents: Mapping[str, int],
) -> None: ...
