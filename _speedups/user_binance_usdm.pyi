from collections.abc import Callable
from typing import Any

from connector.model.instrument import Instrument

def use_model(**values: Any) -> None: ...
def traded(frame: bytes, scales: Callable[[str], Instrument | None]) -> Any | None: ...
