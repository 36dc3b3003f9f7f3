"""The benches' compiled half still goes with the kernels it uses: no other test compiles it."""

from pathlib import Path

import pytest
from Cython.Compiler.Main import CompilationOptions, default_options
from Cython.Compiler.Main import compile as translate

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "bench" / "native").glob("*.pyx"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_it_translates(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    target = tmp_path / f"{source.stem}.c"
    options = CompilationOptions(
        default_options,
        include_path=["."],
        output_file=str(target),
        language_level=3,
        show_version=False,
    )
    found = translate([str(source.relative_to(ROOT))], options)
    assert found.num_errors == 0
    assert target.stat().st_size
