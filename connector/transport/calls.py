"""Calls of a venue's endpoints: sent under the budget, judged by what the answer proves.

Nothing is ever sent twice here. Whoever asks again after UNKNOWN has found out first what became of
a call that may have changed something.
"""

from typing import Any

import msgspec
from msgspec import Struct

from connector.errors import NotSent, Throttled, Unknown
from connector.transport.rest import Rest
from connector.venues.contract import Answer, Endpoint, Outcome, Request, Retry, Venue


class Called(Struct, frozen=True, kw_only=True):
    """What became of a call."""

    endpoint: str
    outcome: Outcome
    status: int = 0
    """HTTP status; 0: there was no answer."""
    code: int = 0
    """The venue's own code; 0: none."""
    message: str = ""
    """Its words, or ours where it has none."""
    retry_ns: int = 0
    """THROTTLED, BANNED: nothing is sent before, CLOCK_MONOTONIC."""
    body: bytes = b""
    """The answer as it came."""


async def perform(
    rest: Rest, venue: Venue, row: Endpoint, request: Request, share: float = 1.0
) -> Called:
    """Send a request of this endpoint, signed where it has to be, and say what became of it.

    ``share``: of the budget that may be used up. Never raises what the venue or the network does.
    """
    once = row.changes or row.retry is not Retry.SAFE
    try:
        answer, verdict = await rest.exchange(request, share, fresh=once)
    except Throttled as error:
        return Called(
            endpoint=row.name,
            outcome=Outcome.THROTTLED,
            message=str(error),
            retry_ns=error.retry_ns,
        )
    except NotSent as error:
        return Called(endpoint=row.name, outcome=Outcome.NOT_EXECUTED, message=str(error))
    except Unknown as error:
        return Called(endpoint=row.name, outcome=Outcome.UNKNOWN, message=str(error))
    if row.changes:
        verdict = _changed(venue, verdict, answer.status, answer.headers, answer.body)
    quiet = verdict.outcome in (Outcome.THROTTLED, Outcome.BANNED)
    return Called(
        endpoint=row.name,
        outcome=verdict.outcome,
        status=answer.status,
        code=verdict.code,
        message=verdict.message,
        retry_ns=rest.quiet_ns(request.pool) if quiet else 0,
        body=answer.body,
    )


def _changed(venue: Venue, verdict: Answer, status: int, headers: Any, body: bytes) -> Answer:
    """What the answer proves of a change."""
    if venue.judge_change is not None:
        return venue.judge_change(status, headers, body)
    if verdict.outcome is Outcome.REJECTED and not verdict.code:
        return msgspec.structs.replace(verdict, outcome=Outcome.UNKNOWN)
    return verdict


def decoded(row: Endpoint, body: bytes) -> Any:
    """A good answer as the struct of its endpoint; raises ValueError."""
    return msgspec.json.decode(body, type=row.result)


def unknown_fields(row: Endpoint, body: bytes) -> dict[str, Any]:
    """What an answer holds beside the fields of its endpoint's struct, by path: ``[0].fresh``.

    With `decoded` it is the whole answer: no field is lost."""
    found: dict[str, Any] = {}
    _compare(msgspec.inspect.type_info(row.result), msgspec.json.decode(body), "", found)
    return found


def _compare(kind: Any, value: Any, path: str, found: dict[str, Any]) -> None:
    inspect = msgspec.inspect
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        wanted = inspect.ListType if isinstance(value, list) else inspect.StructType
        kind = next((one for one in kind.types if isinstance(one, wanted)), kind)
    if isinstance(kind, inspect.ListType) and isinstance(value, list):
        for index, one in enumerate(value):
            _compare(kind.item_type, one, f"{path}[{index}]", found)
    elif isinstance(kind, inspect.DictType) and isinstance(value, dict):
        for key, one in value.items():
            _compare(kind.value_type, one, f"{path}.{key}".lstrip("."), found)
    elif isinstance(kind, inspect.StructType) and isinstance(value, list):
        for index, one in enumerate(value[len(kind.fields) :], len(kind.fields)):
            found[f"{path}[{index}]"] = one
    elif isinstance(kind, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in kind.fields}
        for key, one in value.items():
            place = f"{path}.{key}".lstrip(".")
            if key in fields:
                _compare(fields[key], one, place, found)
            else:
                found[place] = one
