"""A trading session whose commands outlast a machine that is busy with something else."""

from collections.abc import Iterable
from typing import Any

VALID_MS = 30_000
"""Long enough for a daemon that hardly gets a core; the default of 100 ms is refused as stale then,
as it should be."""


class Patient:
    """The session, but a command that does not say how long it is valid is so for ``VALID_MS``."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def __enter__(self) -> "Patient":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def place(self, *arguments: Any, **keys: Any) -> Any:
        return self._session.place(*arguments, **_patient(keys))

    def amend(self, *arguments: Any, **keys: Any) -> Any:
        return self._session.amend(*arguments, **_patient(keys))

    def cancel(self, *arguments: Any, **keys: Any) -> Any:
        return self._session.cancel(*arguments, **_patient(keys))

    def query(self, *arguments: Any, **keys: Any) -> Any:
        return self._session.query(*arguments, **_patient(keys))

    def cancel_all(self, *arguments: Any, **keys: Any) -> Any:
        return self._session.cancel_all(*arguments, **_patient(keys))

    def place_batch(self, orders: Iterable[Any]) -> Any:
        return self._session.place_batch(map(_patient, orders))

    def amend_batch(self, orders: Iterable[Any]) -> Any:
        return self._session.amend_batch(map(_patient, orders))

    def cancel_batch(self, orders: Iterable[Any], **common: Any) -> Any:
        rows = [_patient(one) if isinstance(one, dict) else one for one in orders]
        return self._session.cancel_batch(rows, **_patient(common))


def _patient(keys: Any) -> Any:
    return {"valid_for_ms": VALID_MS, **keys} if isinstance(keys, dict) else keys
