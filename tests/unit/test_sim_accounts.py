"""The simulator's accounts, from words and files: what is read, and what is refused by name."""

from pathlib import Path

import pytest

from connector.sim.accounts import UNIT, from_file, from_words, throw_away

START = {"USDT": 100_000 * UNIT}


def test_words_name_accounts_and_their_keys() -> None:
    found = from_words(["a=K1:s1", "b=K2:s:2", "a=K3:s3"], START)
    assert [(account.name, [key.key for key in account.keys]) for account in found] == [
        ("a", ["K1", "K3"]),
        ("b", ["K2"]),
    ]
    assert found[1].keys[0].secret == "s:2"
    assert all(account.balances == START for account in found)


@pytest.mark.parametrize("word", ["", "a", "a=", "a=K", "a=K:", "=K:s", "a=:hidden", "hidden"])
def test_a_wrong_word_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(ValueError, match="NAME=KEY:SECRET") as caught:
        from_words([word], START)
    assert "hidden" not in str(caught.value)


def test_a_throw_away_account_is_new_each_time() -> None:
    one, two = throw_away(START), throw_away(START)
    assert one.keys[0].key != two.keys[0].key
    assert one.keys[0].secret not in repr(one)


def test_a_file_names_balances_and_public_keys(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("PEM")
    (tmp_path / "accounts.toml").write_text(
        """
        [accounts.a]
        keys = [{ key = "K1", secret = "s" }, { key = "K2", public_key_file = "key.pem" }]
        balances = { USDT = "12.5", USDC = 3 }
        [accounts.b]
        keys = [{ key = "K3", public_key = "PEM" }]
        """
    )
    one, two = from_file(tmp_path / "accounts.toml", START)
    assert one.balances == {"USDT": 125 * UNIT // 10, "USDC": 3 * UNIT}
    assert [key.public_key for key in one.keys] == ["", "PEM"]
    assert (two.name, two.balances) == ("b", START)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("accounts", "Expected .=."),
        ("", "no accounts"),
        ("[account.a]", "account: unknown key"),
        ("[accounts]\na = 1", "accounts.a is not a table"),
        ("[accounts.a]", "accounts.a.keys: at least one"),
        ("[accounts.a]\nkey = 'K'", "accounts.a.key: unknown key"),
        ("[accounts.a]\nkeys = ['K']", "accounts.a.keys.0. is not a table"),
        ("[accounts.a]\nkeys = [{key = 'K'}]", "either secret or a public key"),
        ("[accounts.a]\nkeys = [{key = 'K', secret = 5}]", "secret is not a text"),
        ("[accounts.a]\nkeys = [{key = 'K', secrets = 's'}]", "secrets: unknown key"),
        (
            "[accounts.a]\nkeys = [{key = 'K', secret = 's'}]\nbalances = {USDT = 'much'}",
            "balances.USDT: not an amount",
        ),
        (
            "[accounts.a]\nkeys = [{key = 'K', secret = 's'}]\nbalances = {USDT = '-1'}",
            "balances.USDT: not an amount",
        ),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        from_file(path, START)
