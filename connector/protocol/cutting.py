"""Cut the objects of long lists out of a JSON answer, with pauses: a megabyte decoded at once would
hold everything else up for milliseconds."""

import re
from collections.abc import Generator, Mapping

from msgspec import Raw

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]"]', re.S)
_COLON = re.compile(rb"\s*:")
TOKENS = 64
"""Looked at between two pauses."""


def cut(
    body: bytes, lists: Mapping[str, list[Raw]], inside: int = 1
) -> Generator[None, None, bytes]:
    """``body`` with ``{}`` in place of each object of the lists named, which are filled with them.

    The lists stand ``inside`` so many objects: 1 is the answer's own, 2 those of an envelope.
    Raises ValueError for a string without an end; other faults are left for whoever decodes."""
    named = {f'"{name}"'.encode(): found for name, found in lists.items()}
    rest: list[bytes] = []
    found: list[Raw] | None = None
    depth = done = start = 0
    key = b""
    for count, token in enumerate(_TOKEN.finditer(body)):
        if not count % TOKENS:
            yield
        text = token[0]
        if text in (b"{", b"["):
            depth += 1
            if depth == inside + 1 and text == b"[" and key in named:
                found = named[key]
                found.clear()  # of a key that is there twice, the last counts
            elif depth == inside + 2 and text == b"{" and found is not None:
                start = token.start()
        elif text in (b"}", b"]"):
            depth -= 1
            if depth == inside + 1 and text == b"}" and found is not None:
                rest += (body[done:start], b"{}")
                done = token.end()
                found.append(Raw(body[start:done]))
            elif depth == inside:
                found = None
        elif text == b'"':
            raise ValueError("a string without an end")
        elif depth == inside and _COLON.match(body, token.end()):
            key = text
    rest.append(body[done:])
    return b"".join(rest)
