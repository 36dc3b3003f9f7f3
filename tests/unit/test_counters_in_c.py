"""The counter numbers of C code are those of ``connector.model.counters``."""

import re
from pathlib import Path

from connector.model.counters import Counter

PXD = Path(__file__).resolve().parents[2] / "_speedups" / "counters.pxd"


def test_both_lists_agree() -> None:
    found = re.findall(r"^    COUNT_(\w+) = (\d+)$", PXD.read_text(), re.M)
    assert [(name, int(value)) for name, value in found] == [
        (counter.name, counter.value) for counter in Counter
    ]
