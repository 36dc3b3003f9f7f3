"""Records packed from names are the bytes the drawn layout means."""

import numpy as np
import pytest

from connector.model import records
from connector.model.instrument import ABSENT
from connector.model.packing import given, layout
from connector.trading.ids import Ids, next_boot

BODIES = [name for name in records.STRUCTS if name.endswith("Body") and name != "CommandBody"]


@pytest.mark.parametrize("name", ["Command", "CommandBody", *BODIES])
def test_size_and_offsets_are_the_layouts(name: str) -> None:
    dtype = records.dtype(name)
    made = layout(name)
    assert made.size == dtype.itemsize
    for field in records.fields(name):
        if field.name in ("pad", "spare", "reserve") or field.type == "Command":
            continue
        value = "é!" if field.type == "char" else 77
        seen = np.frombuffer(made.pack(**{field.name: value}), dtype)[0]
        if field.type == "char":
            assert seen[field.name].decode() == value
        else:
            assert int(seen[field.name]) == value
        others = [one for one in records.fields(name) if one.name != field.name]
        assert all(
            not np.any(seen[one.name]) for one in others if one.type not in ("char", "Command")
        )
        assert getattr(made.unpack(made.pack(**{field.name: value})), field.name) == value


def test_absent_and_what_does_not_fit() -> None:
    made = layout("OrderReportBody")
    back = made.unpack(made.pack(price_e=None, qty_e=-5))
    assert back.price_e == ABSENT
    assert given(back.price_e) is None
    assert given(back.qty_e) == -5
    with pytest.raises(ValueError, match=r"OrderReportBody.ref_id: 41 bytes, 40 fit"):
        made.pack(ref_id="x" * 41)
    with pytest.raises(ValueError, match="OrderReportBody"):
        made.pack(qty_e=1 << 63)
    with pytest.raises(TypeError, match="OrderReportBody has no qty"):
        made.pack(qty=1)


def test_ids_of_two_boots_never_meet(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "boot"
    first, second = Ids(next_boot(path)), Ids(next_boot(path))
    seen = [ids.client_order_id() for ids in (first, second) for _ in range(1000)]
    keys = [ids.key() for ids in (first, second) for _ in range(1000)]
    assert len(set(seen)) == len(set(keys)) == 2000
    assert all(len(one) <= 20 for one in seen)
    assert max(keys) < 1 << 63
    path.write_text("garbled")
    with pytest.raises(ValueError, match="not a number"):
        next_boot(path)
