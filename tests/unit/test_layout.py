"""The drawings in the layout sheets, the C header, the Python description and compiled code
agree."""

import re
import shutil
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from connector.model import intents, records, reports
from connector.model.instrument import ABSENT
from connector.model.states import FeedKind, State

ROOT = Path(__file__).resolve().parents[2]
SPEEDUPS = ROOT / "_speedups"
HEADER = (SPEEDUPS / "connector_abi.h").read_text()
C_NAMES = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t"}
C_NAMES |= {"i32": "int32_t", "i64": "int64_t"}


class Drawn(NamedTuple):
    offset: int
    type: str
    count: int
    name: str
    meaning: str


def drawing() -> tuple[dict[str, list[Drawn]], dict[str, int], dict[str, dict[str, int]]]:
    """Fields and size by struct, and values by enum."""
    names = ("layout.pxd", "layout_streams.pxd", "layout_orders.pxd")
    sheets = [(SPEEDUPS / name).read_text() for name in names]
    text = "".join(re.split(r"# -+ (?:drawing|end)\n", sheet)[1] for sheet in sheets)
    structs: dict[str, list[Drawn]] = {}
    sizes: dict[str, int] = {}
    enums: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        if found := re.fullmatch(r"# (\w+), (\d+) bytes: .+", line):
            current = structs.setdefault(found[1], [])
            sizes[found[1]] = int(found[2])
        elif found := re.fullmatch(r"# {3,}(\d+)  (\w+)(?:\[(\d+)\])? +(\w+) +(.+)", line):
            current.append(Drawn(int(found[1]), found[2], int(found[3] or 0), found[4], found[5]))
        elif found := re.fullmatch(r"# (\w+): (.+)", line):
            values = enums.setdefault(found[1], {})
            values.update(_values(found[2]))
        elif found := re.fullmatch(r"#   (\w+ \d+.*)", line):
            values.update(_values(found[1]))
        else:
            assert line == "#", f"not a line of the drawing: {line!r}"
    return structs, sizes, enums


def _values(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", text)}


STRUCTS, SIZES, ENUMS = drawing()


def test_python_describes_every_drawn_field() -> None:
    described = {name: [tuple(field) for field in records.fields(name)] for name in records.STRUCTS}
    drawn = {name: [(f.name, f.type, f.count) for f in fields] for name, fields in STRUCTS.items()}
    assert described == drawn


@pytest.mark.parametrize("struct", STRUCTS)
def test_numpy_has_the_drawn_offsets(struct: str) -> None:
    dtype = records.dtype(struct)
    assert dtype.itemsize == SIZES[struct]
    assert dtype.fields is not None
    assert [dtype.fields[field.name][1] for field in STRUCTS[struct]] == [
        field.offset for field in STRUCTS[struct]
    ]


def test_header_has_the_drawn_fields_offsets_and_types(tmp_path: Path) -> None:
    lines = ['#include "connector_abi.h"', "#define SAME __builtin_types_compatible_p"]
    for struct, fields in STRUCTS.items():
        total = 0
        for field in fields:
            member = f"(({struct}*)0)->{field.name}"
            kind = C_NAMES.get(field.type, field.type)
            kind += f"[{field.count}]" if field.count else ""
            where = f'"{struct}.{field.name}"'
            lines += [
                f"_Static_assert(offsetof({struct}, {field.name}) == {field.offset}, {where});",
                f"_Static_assert(SAME(__typeof__({member}), {kind}), {where});",
            ]
            total += (records.dtype(struct).fields or {})[field.name][0].itemsize
        assert total == SIZES[struct], f"{struct}: bytes between the fields"
        lines.append(f'_Static_assert(sizeof({struct}) == {SIZES[struct]}, "{struct}");')
    for enum, values in ENUMS.items():
        lines += [f'_Static_assert({name} == {value}, "{enum}");' for name, value in values.items()]
    lines.append(f'_Static_assert(CONNECTOR_ABSENT == {ABSENT + 1} - 1, "absent");')
    source = tmp_path / "layout.c"
    source.write_text("\n".join(lines) + "\n")
    compiler = shutil.which("cc") or "gcc"
    command = [compiler, "-std=gnu11", "-Wall", "-Werror", "-fsyntax-only", f"-I{SPEEDUPS}", source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_header_has_no_struct_or_enum_that_is_not_drawn() -> None:
    structs = set(re.findall(r"^(?:typedef struct \{.*)?\} (\w+);", HEADER, re.MULTILINE))
    assert structs == set(STRUCTS)
    assert set(re.findall(r"^enum (\w+)", HEADER, re.MULTILINE)) == set(ENUMS)


@pytest.mark.parametrize(
    ("drawn", "python"),
    [
        ("ConnectorRecordType", records.RecordType),
        ("ConnectorRecordFlag", records.Flag),
        ("ConnectorInstrumentFlag", records.InstrumentFlag),
        ("ConnectorSide", records.Side),
        ("ConnectorState", State),
        ("ConnectorFeedKind", FeedKind),
        ("ConnectorKlineSource", records.KlineSource),
        ("ConnectorIndexKind", records.IndexKind),
        ("ConnectorDepthView", records.DepthViewKind),
        ("ConnectorAction", intents.Action),
        ("ConnectorCommandFlag", intents.CommandFlag),
        ("ConnectorOrderType", intents.OrderType),
        ("ConnectorTimeInForce", intents.TimeInForce),
        ("ConnectorPositionSide", intents.PositionSide),
        ("ConnectorWorkingType", intents.WorkingType),
        ("ConnectorSelfTrade", intents.SelfTrade),
        ("ConnectorPriceMatch", intents.PriceMatch),
        ("ConnectorResult", reports.Result),
        ("ConnectorText", reports.Text),
        ("ConnectorUpdate", reports.Update),
        ("ConnectorOrderStatus", reports.OrderStatus),
        ("ConnectorReportFlag", reports.ReportFlag),
    ],
)
def test_python_enums_have_the_drawn_values(drawn: str, python: type[IntEnum]) -> None:
    bare = {name.partition("_")[2]: value for name, value in ENUMS[drawn].items()}
    assert bare == {member.name: member.value for member in python}


def test_the_hash_is_of_this_drawing() -> None:
    command = [sys.executable, ROOT / "tools" / "abi-hash", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_compiled_code_has_the_headers_hash() -> None:
    from connector._speedups.segment import ABI_HASH, Segment

    found = re.search(r"#define CONNECTOR_ABI_HASH 0x(\w+)ull", HEADER)
    assert found
    assert int(found[1], 16) == ABI_HASH
    segment = Segment.create(1 << 18, "9.9")
    header = np.frombuffer(segment.memory, records.dtype("SegmentHeader"), 1)[0]
    assert int(header["abi_hash"]) == ABI_HASH
    assert header["magic"].tobytes() == b"CNNTMRKT"
    assert header["version"] == b"9.9"
    assert int(header["size"]) == segment.size
