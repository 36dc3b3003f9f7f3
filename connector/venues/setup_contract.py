"""How an account is set up at a venue: its settings, how they are looked up and changed.

Pure: names of endpoints and their parameters out, answers in; who makes the calls shows the
difference first. Nothing is changed that nobody wants."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from connector.model.instrument import Instrument

POSITION_MODE, MULTI_ASSETS = "position_mode", "multi_assets"
MARGIN_TYPE, LEVERAGE = "margin_type", "leverage"
POSITION_MARGIN, LONG_MARGIN, SHORT_MARGIN = "position_margin", "long_margin", "short_margin"
MARGINS = (POSITION_MARGIN, LONG_MARGIN, SHORT_MARGIN)
ORDER = (POSITION_MODE, MULTI_ASSETS, MARGIN_TYPE, LEVERAGE, *MARGINS)
"""Later ones may be possible only when the ones before are as wanted."""


class Setting(Struct, frozen=True):
    """What a setting is, or shall be."""

    name: str
    value: str
    """``one-way`` or ``hedge``; ``true`` or ``false``; ``cross`` or ``isolated``; a whole number; a
    decimal of the margin asset."""
    symbol: str = ""
    """Of which instrument; "": of the account."""


class Change(Struct, frozen=True):
    """A call that changes a setting."""

    endpoint: str
    params: Mapping[str, Any]


State = Mapping[tuple[str, str], str]
"""What settings are, by name and symbol; what the venue does not say is absent."""


class Setup(Struct, frozen=True, kw_only=True):
    """What of it a venue has."""

    settings: frozenset[str]
    looks: Callable[[Sequence[Instrument]], Sequence[Change]]
    """The calls whose answers say how things are; of the instruments alone that are named."""
    state: Callable[[Sequence[bytes], Sequence[Instrument]], dict[tuple[str, str], str]]
    """What their answers say, in that order. Raises ValueError."""
    change: Callable[[Setting, State, State, Instrument | None], Change]
    """The call that brings a setting where it is wanted, from how things are; all that is wanted is
    given, too, as one call may be about several. ValueError: there is
    none, with the reason."""
