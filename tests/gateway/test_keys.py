from pathlib import Path

import pytest

from microturn.core.errors import InputError
from microturn.gateway import keys
from microturn.gateway.keys import ClientSecrets, Keys, add_key, read_keys, remove_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.txt"


def test_a_key_is_known_by_its_hash_alone_and_names_its_owner(file: Path) -> None:
    anna, ben = add_key(file, "anna"), add_key(file, "ben")
    assert anna not in file.read_text() and file.stat().st_mode & 0o077 == 0
    known = Keys(file=file)
    assert known.needed and known.owner(anna) not in (None, known.owner(ben))
    assert known.owner(anna + "x") is None and known.owner("") is None


def test_keys_of_settings_and_of_a_file_count_together(file: Path) -> None:
    key = add_key(file, "anna")
    assert Keys([read_keys(file)[0].line()]).owner(key) is not None
    assert not Keys().needed


def test_a_key_taken_out_of_the_file_is_unknown_at_once_and_a_new_one_known(file: Path) -> None:
    anna = add_key(file, "anna")
    known = Keys(file=file)
    ben = add_key(file, "ben")
    assert known.owner(ben) is not None
    remove_key(file, "anna")
    assert known.owner(anna) is None and known.owner(ben) is not None


def test_a_file_that_breaks_leaves_the_keys_as_they_were_and_one_without_keys_shuts_everyone_out(file: Path) -> None:
    key = add_key(file, "anna")
    known = Keys(file=file)
    file.write_text("not a key\n")
    assert known.owner(key) is not None
    file.unlink()
    assert known.owner(key) is not None
    file.write_text("# nobody\n")
    assert known.needed and known.owner(key) is None


def test_what_is_not_a_hash_is_refused_and_never_repeated() -> None:
    with pytest.raises(InputError) as error:
        Keys(["mt_a-key-in-the-clear"])
    assert "in-the-clear" not in str(error.value)


@pytest.mark.parametrize("name", ["", "a b", "a=b", "x" * 65, "anna"])
def test_a_name_that_is_none_or_is_taken_is_refused_and_leaves_the_file(file: Path, name: str) -> None:
    add_key(file, "anna")
    before = file.read_text()
    with pytest.raises(InputError):
        add_key(file, name)
    assert file.read_text() == before


def test_removing_a_key_leaves_the_others_and_the_comments(file: Path) -> None:
    file.write_text("# of the office\n")
    add_key(file, "anna"), add_key(file, "ann")
    remove_key(file, "ann")
    assert file.read_text().startswith("# of the office\n") and [key.name for key in read_keys(file)] == ["anna"]
    with pytest.raises(InputError, match="anna"):
        remove_key(file, "ann")


def test_a_client_secret_opens_what_it_is_bound_to_until_it_expires() -> None:
    now = [100.0]
    secrets = ClientSecrets(lambda: now[0])
    made = secrets.make("anna", {"instructions": "be brief"}, 10)
    assert made is not None and made.value.startswith("ek_") and made.expires_at == 110
    for _ in range(2):
        grant = secrets.grant(made.value)
        assert grant is not None and (grant.owner, grant.session) == ("anna", {"instructions": "be brief"})
    assert secrets.grant("ek_other") is None
    now[0] = 110.0
    assert secrets.grant(made.value) is None


def test_an_owner_gets_so_many_secrets_and_no_more_until_some_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "SECRETS_OF_OWNER", 2)
    now = [0.0]
    secrets = ClientSecrets(lambda: now[0])
    assert [secrets.make("anna", {}, 10) is None for _ in range(3)] == [False, False, True]
    assert secrets.make("ben", {}, 10) is not None
    now[0] = 10.0
    assert secrets.make("anna", {}, 10) is not None
