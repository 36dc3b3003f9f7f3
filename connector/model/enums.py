"""Bases of the enums that tables on the order path are keyed by.

``Enum`` hashes by a member's name, in Python: a tenth of a microsecond at every look into a
table."""

from enum import Enum, IntEnum


class Number(IntEnum):
    """Members are numbers of the layout, and hash as such."""

    __hash__ = int.__hash__


class Word(Enum):
    """Members are nothing but themselves."""

    __hash__ = object.__hash__
