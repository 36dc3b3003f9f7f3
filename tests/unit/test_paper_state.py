"""The file a paper account survives in."""

from pathlib import Path

import pytest
from msgspec import structs

from connector.errors import ConfigError
from connector.paper.state import StateFile
from connector.sim.matching.keeping import Kept
from tests.reference.paper_rig import BUY, ME, Rig, intent


def filled() -> Rig:
    rig = Rig()
    rig.book([(999, 50)], [(1001, 40)])
    rig.do(intent(side=BUY, price_e=1001, qty_e=40))
    rig.do(intent(side=BUY, price_e=998, qty_e=5))
    return rig


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    rig, path = filled(), tmp_path / "state"
    file = StateFile(path, "here")
    assert file.kept is None
    file.begin(Kept())
    for turn in rig.turns:
        file.append(turn.changes)
    file.close()
    assert StateFile(path, "here").kept == rig.kept()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_begun_anew_says_the_same(tmp_path: Path) -> None:
    rig, path = filled(), tmp_path / "state"
    file = StateFile(path, "here")
    file.begin(rig.exchange.engine.whole(ME))
    file.close()
    again = Rig(StateFile(path, "here").kept)
    assert (again.position, again.wallet) == (rig.position, rig.wallet)
    (order,), (before,) = (one.exchange.engine.open_orders(ME) for one in (again, rig))
    assert order.ahead > before.ahead, "nobody knows how many"
    assert structs.replace(order, ahead=0) == structs.replace(before, ahead=0)


def test_a_change_that_was_written_in_part_never_was(tmp_path: Path) -> None:
    """Killed in the middle of a write, at every byte of it."""
    rig, path = filled(), tmp_path / "state"
    file = StateFile(path, "here")
    file.begin(Kept(wallets={"USDT": 5}))
    whole = path.stat().st_size
    file.append(rig.turns[-1].changes)
    data = path.read_bytes()
    for size in range(whole, len(data)):
        path.write_bytes(data[:size])
        found = StateFile(path, "here")
        assert found.kept == Kept(wallets={"USDT": 5})
        assert found.cut == size - whole
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert StateFile(path, "here").kept == Kept(wallets={"USDT": 5})


def test_the_state_of_another_venue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    StateFile(path, "here").begin(Kept())
    with pytest.raises(ConfigError, match="here, not there"):
        StateFile(path, "there")
    path.write_text("something else")
    with pytest.raises(ConfigError, match="not the state of a paper account"):
        StateFile(path, "here")


def test_a_kill_between_the_two_files_leaves_the_first(tmp_path: Path) -> None:
    path = tmp_path / "state"
    StateFile(path, "here").begin(Kept(wallets={"USDT": 5}))
    path.with_name("state.new").write_bytes(b"half")
    assert StateFile(path, "here").kept == Kept(wallets={"USDT": 5})
