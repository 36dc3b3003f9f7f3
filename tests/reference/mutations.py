"""Ways in which a JSON message may come out wrong, or merely otherwise."""

import re

from hypothesis import strategies as st

MEMBER = rb'"[A-Za-z]+":(?:"[^"]*"|[0-9.eE+-]+|true|false|null|\[(?:\[[^\]]*\],?)*\])'
PAIR = re.compile(rb"(" + MEMBER + rb"),(" + MEMBER + rb")")
QUOTED = re.compile(rb'"(-?[0-9]+(?:\.[0-9]+)?)"')
BARE = re.compile(rb"(?<=:)([0-9]+)(?=[,}])")
BETWEEN = re.compile(rb"(?<=[\[\]{},:])|(?=[\[\]{},:])")
TELLING = [
    b'"',
    b"\\",
    b",",
    b":",
    b"[",
    b"]",
    b"{",
    b"}",
    b"0",
    b"9",
    b".",
    b"-",
    b"e",
    b" ",
    b"\n",
]
STRANGE = [b"\0", b"\x1f", b"\x7f", b"\x80", b"\xc3", b"\xff", b"\xe5\xb8\x81", b"\\u0042"]
SPELLINGS = [
    b"%s",
    b"0%s",
    b"-%s",
    b"+%s",
    b"%s0",
    b"%s000000000000000000000000",
    b"%se0",
    b"%sE-8",
    b"%se+3",
    b"%se400",
    b" %s",
    b"%s ",
    b"%s.",
    b"%s.0",
    b"123456789%s",
    b"%s000000001",
]
WHOLE = [b"0", b"0.0", b"-0", b"0E-8", b"", b"nan", b"1e3", b"9223372036854775807", b"null"]


def flips(frame: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda at, new: frame[:at] + new + frame[at + 1 :],
        st.integers(0, len(frame) - 1),
        st.one_of(st.sampled_from(TELLING + STRANGE), st.binary(min_size=1, max_size=1)),
    )


def cuts(frame: bytes) -> st.SearchStrategy[bytes]:
    """Without a stretch, or with one twice."""
    return st.builds(
        lambda a, b: frame[: max(a, b)] + frame[min(a, b) :] if a < b else frame[:b] + frame[a:],
        st.integers(0, len(frame)),
        st.integers(0, len(frame)),
    )


def insertions(frame: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda at, new: frame[:at] + new + frame[at:],
        st.integers(0, len(frame)),
        st.sampled_from(TELLING + STRANGE),
    )


def _replace(frame: bytes, found: re.Match[bytes], new: bytes) -> bytes:
    return frame[: found.start()] + new + frame[found.end() :]


def swaps(frame: bytes) -> st.SearchStrategy[bytes]:
    """Two neighbouring keys the other way round."""
    pairs = list(PAIR.finditer(frame)) + list(PAIR.finditer(frame, 20))
    if not pairs:
        return st.just(frame)
    return st.sampled_from(pairs).map(
        lambda found: _replace(frame, found, found[2] + b"," + found[1])
    )


def respellings(frame: bytes) -> st.SearchStrategy[bytes]:
    """A number written otherwise, with quotes or without."""
    numbers = list(QUOTED.finditer(frame)) + list(BARE.finditer(frame))
    if not numbers:
        return st.just(frame)
    spelled = st.one_of(
        st.sampled_from(SPELLINGS).map(lambda form: lambda text: form % text),
        st.sampled_from(WHOLE).map(lambda whole: lambda text: whole),
        st.integers(0, 10**20).map(lambda number: lambda text: b"%d" % number),
        st.decimals(0, 10**9, places=9).map(lambda number: lambda text: b"%f" % number),
    )
    return st.builds(
        lambda found, spell, quote: _replace(frame, found, quote + spell(found[1]) + quote),
        st.sampled_from(numbers),
        spelled,
        st.sampled_from([b'"', b'"', b""]),
    )


def blanks(frame: bytes) -> st.SearchStrategy[bytes]:
    places = [found.start() for found in BETWEEN.finditer(frame)]
    return st.builds(
        lambda at, blank: frame[:at] + blank + frame[at:],
        st.sampled_from(places or [0]),
        st.sampled_from([b" ", b"\t", b"\n", b"\r\n"]),
    )


WAYS = [flips, cuts, insertions, swaps, respellings, blanks]


@st.composite
def mutated(draw: st.DrawFn, frames: list[bytes], most: int = 3) -> bytes:
    """One of ``frames`` with one to ``most`` mutations."""
    frame = draw(st.sampled_from(frames))
    for way in draw(st.lists(st.sampled_from(WAYS), min_size=1, max_size=most)):
        if frame:
            frame = draw(way(frame))
    return frame
