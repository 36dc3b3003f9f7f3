"""ccxt works against the simulated venue as against the real one: only its URLs are changed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reference.sim_process import ROOT, simulator

# Other people's clients have an environment of their own; tools/setup-venv makes it.
CLIENTS = Path(sys.prefix) / "clients" / "bin" / "python"
pytestmark = pytest.mark.skipif(not CLIENTS.exists(), reason=f"no clients' environment, {CLIENTS}")

SYMBOL, MESSAGES, SNAPSHOT = "ABCUSDT", 200, 60


def recording(path: Path) -> Path:
    """Depth messages a millisecond apart with a snapshot and a trade among them: ids 10n-9..10n,
    message n sets one level of each side."""
    lines = []
    for n in range(1, MESSAGES + 1):
        stamp = 1_700_000_000_000_000 + n * 1000
        ids = f'"U":{10 * n - 9},"u":{10 * n},"pu":{10 * n - 10}'
        sides = f'"b":[["{99 - n % 7}.0","{n}.5"]],"a":[["{101 + n % 5}.0","{n % 3}.0"]]'
        lines.append(
            f'{stamp} {{"stream":"abcusdt@depth","data":{{"e":"depthUpdate","E":{n},"T":{n},'
            f'"s":"{SYMBOL}",{ids},{sides}}}}}'
        )
        if n == SNAPSHOT:
            lines.append(
                f'{stamp} {{"lastUpdateId":{10 * n},"E":{n},"T":{n},'
                '"bids":[["99.0","1.0"],["50.0","2.0"]],"asks":[["101.0","1.0"],["150.0","2.0"]]}'
            )
            lines.append(
                f'{stamp} {{"stream":"abcusdt@trade","data":{{"e":"trade","E":{n},"T":{n},'
                f'"s":"{SYMBOL}","t":7,"p":"100.0","q":"0.5","X":"MARKET","m":true}}}}'
            )
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("speed", ["1", "max"])
def test_ccxt_lists_fetches_and_follows_a_book(tmp_path: Path, speed: str) -> None:
    tape = recording(tmp_path / "made")
    with simulator("--replay", tape, "--speed", speed) as venue:
        client = subprocess.run(
            [str(CLIENTS), str(ROOT / "tests" / "reference" / "ccxt_client.py"),
             venue.rest, venue.ws, SYMBOL, str(10 * MESSAGES)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert client.returncode == 0, client.stderr
        status = venue.status()
    seen = json.loads(client.stdout)
    assert list(seen["markets"]) == [SYMBOL]
    assert seen["markets"][SYMBOL]["price"] == 1.0, "the grid of the snapshot's prices"
    assert seen["time"] > 1_700_000_000_000
    assert seen["watched"]["nonce"] == seen["fetched"]["nonce"] == 10 * MESSAGES
    for side in ("bids", "asks"):
        assert seen["watched"][side] == seen["fetched"][side]
        assert len(seen["watched"][side]) > 2
    (trade,) = seen["trades"]
    assert (trade["id"], trade["side"], trade["price"], trade["amount"]) == ("7", "sell", 100, 0.5)
    assert status["market"]["recorded_gaps"] == {SYMBOL: 0}
    assert status["throttled"] == 0
