"""What came of asking a venue what a connection carries: counted, logged, shown."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from connector.config import VenueSettings
from connector.market.stream_audit import StreamAudit
from connector.model.counters import Counter
from connector.venues.contract import Venue
from connector.venues.dialogue import Audited

log = logging.getLogger("connector.connections")

SECOND_NS = 1_000_000_000
NAMED = 20
"""Streams in one line of the log."""


def audit_of(venue: Venue, settings: VenueSettings) -> StreamAudit | None:
    """For a connection that was just opened; None where the venue cannot be asked."""
    if venue.inquiry is None:
        return None
    return StreamAudit(venue.inquiry, int(settings.audit_s * SECOND_NS))


def tell(found: Audited, count: Callable[[Counter, int], None], link: str) -> None:
    """Count and log a finding."""
    if found.answered:
        count(Counter.AUDITS, 1)
    if found.why:
        count(Counter.AUDIT_ERRORS, 1)
        log.warning("no audit of its streams: %s", found.why, extra={"link": link})
    if found.form:
        count(Counter.FORMS_SET, 1)
        log.warning("messages came in another form, changed", extra={"link": link})
    if found.missing:
        count(Counter.STREAMS_MISSING, len(found.missing))
        told = {"link": link, "streams": _some(found.missing)}
        log.warning("granted streams are unknown to the venue, asking again", extra=told)
    if found.stray:
        count(Counter.STREAMS_STRAY, len(found.stray))
        told = {"link": link, "streams": _some(found.stray)}
        log.warning("the venue sends streams nobody wants", extra=told)


def shown(audit: StreamAudit | None, now_ns: int) -> dict[str, Any] | None:
    """The last audit of a connection, for people; None: its venue cannot be asked."""
    if audit is None:
        return None
    age_s = round((now_ns - audit.answered_ns) / SECOND_NS, 1) if audit.answered_ns else None
    return {
        "age_s": age_s,
        "missing": list(audit.last.missing),
        "stray": list(audit.last.stray),
        "error": audit.last.why,
    }


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return " ".join(names[:NAMED]) + more
