"""How accounts shall be set up at their venues; `connector.config` reads it with the rest."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from connector._speedups.decimal import parse
from connector.model.instrument import MARK_EXPONENT
from connector.venues.setup_contract import (
    LEVERAGE,
    MARGIN_TYPE,
    MARGINS,
    MULTI_ASSETS,
    ORDER,
    POSITION_MODE,
    Setting,
)


class InstrumentSetup(Struct, frozen=True, forbid_unknown_fields=True):
    """What is wanted of one instrument; what is left out is left as it is."""

    position_mode: Literal["one-way", "hedge"] | None = None
    """Where the venue has it by instrument."""
    margin_type: Literal["cross", "isolated"] | None = None
    leverage: Annotated[int, Meta(ge=1, le=1000)] | None = None
    position_margin: str | None = None
    """Of an isolated position while there is one, in the margin asset."""
    long_margin: str | None = None
    """The same in hedge mode, by side."""
    short_margin: str | None = None


class SetupSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[accounts.<name>.setup]``: compared by `connector check --online`, brought about by
    `connector apply` alone."""

    position_mode: Literal["one-way", "hedge"] | None = None
    multi_assets: bool | None = None
    instruments: dict[str, InstrumentSetup] = {}

    def wanted(self) -> list[Setting]:
        """In the order in which they can be brought about."""
        found = []
        if self.position_mode is not None:
            found.append(Setting(POSITION_MODE, self.position_mode))
        if self.multi_assets is not None:
            found.append(Setting(MULTI_ASSETS, str(self.multi_assets).lower()))
        for symbol, one in self.instruments.items():
            for name in (POSITION_MODE, MARGIN_TYPE, LEVERAGE, *MARGINS):
                if (value := getattr(one, name)) is not None:
                    found.append(Setting(name, str(value), symbol))
        return sorted(found, key=lambda one: ORDER.index(one.name))


def judge_setup(
    setup: SetupSettings,
    has: frozenset[str],
    named: frozenset[str] | None,
    path: str,
    faults: list[str],
) -> None:
    """Add what types cannot say; ``has``: the settings of the venue, ``named``: the symbols that
    its feeds name, None: any."""
    for one in setup.wanted():
        where = (
            f"{path}.instruments.{one.symbol}.{one.name}" if one.symbol else f"{path}.{one.name}"
        )
        if one.name not in has:
            known = ", ".join(name for name in ORDER if name in has) or "none"
            faults.append(f"{where}: the venue has no such setting; it has: {known}")
        if one.symbol and named is not None and one.symbol.upper() not in named:
            faults.append(f"{path}.instruments.{one.symbol}: no feeds name it")
        if one.name in MARGINS:
            try:
                if parse(one.value, MARK_EXPONENT) <= 0:
                    raise ValueError
            except (ValueError, OverflowError):
                faults.append(f'{where}: {one.value!r} is no decimal above 0, as "250.5"')
