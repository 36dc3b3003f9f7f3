"""The simulated Cadenza's answers: the envelope in both published states, and its errors.

Written from the venue's reference alone (sections 4.1 to 4.3)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import orjson
from msgspec import Struct

SEED, CURRENT = "seed", "current"
PROFILES = (SEED, CURRENT)
"""The state of January 2026 and that of June: `OrderSetup.profile`; the usual one first."""
SPACE = UUID("7f3f2b52-4f0e-4d0e-9d57-1f6a5b6f3c11")

UNAUTHORIZED, NO_ROUTE, BAD_FORM, BAD_JSON = 19002, 19003, 19004, 19005
WEB, NOT_FOUND, INVALID, CONFLICT = 19000, 22016, 22015, 22017
STATUS = {
    18001: 400, 18002: 400, 18003: 400, 18005: 401, 18006: 400, 18007: 400, 18008: 400, 18012: 503,
    18016: 501, 18017: 404, 18018: 404, 18019: 404, 18022: 401, 18025: 400, UNAUTHORIZED: 401,
    NO_ROUTE: 404, BAD_FORM: 400, BAD_JSON: 400, WEB: 500, INVALID: 400, NOT_FOUND: 404,
    CONFLICT: 409,
}  # fmt: skip
"""HTTP status by error code."""


class Fault(Exception):
    """A request that is refused."""

    def __init__(
        self, code: int, words: str, status: int = 0, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(words)
        self.code, self.words = code, words
        self.status = status or STATUS[code]
        self.details = details or {}


class Paged(Struct, frozen=True):
    """Rows of a list and where they stand in it."""

    rows: Sequence[Any]
    offset: int
    limit: int
    total: int
    cursor: str = ""
    """Of what follows; empty: the end, or a list without cursors."""


class Nothing:
    """Data that is left out: the "ok" of two calls today."""


NOTHING = Nothing()


def made(*words: object) -> str:
    """An id that is the same for the same words."""
    return str(uuid5(SPACE, "/".join(map(str, words))))


def good(profile: str, data: Any) -> bytes:
    """The answer to a request that was executed."""
    page: dict[str, Any] = {}
    if isinstance(data, Paged):
        has_next = data.offset + len(data.rows) < data.total
        page = {
            "pagination": {
                "offset": data.offset, "limit": data.limit, "total": data.total,
                "cursor": data.cursor if has_next else "", "hasNext": has_next,
            }
        }  # fmt: skip
        data = data.rows
    if profile == SEED:
        return orjson.dumps({"success": True, "errno": 0, "error": None, "data": data} | page)
    found: dict[str, Any] = {"errno": 0}
    if data is not NOTHING:
        found["data"] = data
    return orjson.dumps(found | page)


def failure(profile: str, fault: Fault, path: str, number: int) -> bytes:
    """The answer to one that is refused; earlier codes have a sign."""
    details = {"resource": path, "request_id": made("request", number)} | fault.details
    if profile == SEED:
        return orjson.dumps(
            {"data": None, "success": False, "errno": -fault.code, "error": fault.words,
             "details": details}
        )  # fmt: skip
    return orjson.dumps({"errno": fault.code, "error": fault.words, "details": details})


def iso(now_ms: int) -> str:
    """RFC 3339, in milliseconds."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now_ms % 1000:03d}Z"
