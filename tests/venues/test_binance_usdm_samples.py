"""The sample answers of the venue's document of 2021: each decodes into the struct of its endpoint,
comes out of it equal, and no field is dropped."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw, Struct

from connector.transport.calls import decoded, unknown_fields
from connector.venues.binance_usdm import VENUE

SAMPLES: dict[str, list[Any]] = json.loads(
    (Path(__file__).parents[1] / "golden" / "binance_usdm" / "answers_2021.json").read_text()
)
CALLS = {f"{row.method} {row.path}": row for row in VENUE.endpoints.values()}
EACH = [(call, sample) for call, samples in SAMPLES.items() for sample in samples]


def again(value: Any) -> Any:
    """What a decoded answer says, as JSON says it."""
    if isinstance(value, Raw):
        return json.loads(bytes(value))
    if isinstance(value, list):
        return [again(one) for one in value]
    if isinstance(value, dict):
        return {name: again(one) for name, one in value.items()}
    if not isinstance(value, Struct):
        return value
    found = {
        field.encode_name: again(one)
        for field in msgspec.structs.fields(value)
        if (one := getattr(value, field.name)) is not None and one not in (Raw(b""), "", [])
    }
    return [*found.values()] if value.__struct_config__.array_like else found


def test_there_is_a_sample_for_each_endpoint_of_then() -> None:
    assert len(SAMPLES) == 44
    assert all(SAMPLES.values())
    assert set(SAMPLES) <= set(CALLS)


@pytest.mark.parametrize(("call", "sample"), EACH, ids=[call for call, _ in EACH])
def test_a_sample_goes_in_and_comes_out_whole(call: str, sample: Any) -> None:
    row, body = CALLS[call], json.dumps(sample).encode()
    assert unknown_fields(row, body) == {}
    found = decoded(row, body)
    if call.endswith("exchangeInfo"):  # limits are read as far as they are known
        found.symbols, sample["symbols"] = [], []
        sample.pop("symbols")
    assert again(found) == sample
