from pathlib import Path

import pytest

from microturn.core.errors import InputError
from microturn.gateway.journal import Journal, ResumeTokens
from microturn.gateway.live.spool import FILES, Spool, journal_of, read_spool, tokens_of
from tests.gateway.live_client import until


def written(folder: Path, count: int, most_bytes: int = 10_000) -> tuple[Spool, Journal, str]:
    """A spool that was left as a killed process leaves it, its journal and a token."""
    spool, journal, tokens = Spool(folder, most_bytes), Journal(), ResumeTokens()
    token = tokens.issue()
    spool.put(tokens.hashes)
    for index in range(count):
        spool.put(journal.append({"type": "said", "index": index}, 20.0 * index))
    until(lambda: spool.idle)
    return spool, journal, token


def test_what_was_told_is_told_again_by_another_process_and_the_token_is_good(tmp_path: Path) -> None:
    _, journal, token = written(tmp_path, 50)
    spooled = read_spool(tmp_path)
    assert spooled is not None
    again = journal_of(spooled, 60_000.0)
    assert [entry.event for entry in again.since(7)] == [entry.event for entry in journal.since(7)]
    assert again.append({"type": "next"}, 0.0).seq == 51
    assert tokens_of(spooled).redeem(token) and not tokens_of(spooled).redeem("rt_guess")


def test_it_stays_bounded_and_keeps_the_newest_without_a_gap(tmp_path: Path) -> None:
    _, _, token = written(tmp_path, 500, most_bytes=2_000)
    assert sum((tmp_path / name).stat().st_size for name in FILES) < 5_000
    spooled = read_spool(tmp_path)
    assert spooled is not None
    numbers = [seq for seq, _ in spooled.events]
    assert numbers == list(range(numbers[0], 501)) and len(numbers) > 10
    assert tokens_of(spooled).redeem(token)


def test_no_token_is_written(tmp_path: Path) -> None:
    _, _, token = written(tmp_path, 1)
    assert token not in "".join((tmp_path / name).read_text() for name in FILES if (tmp_path / name).exists())


def test_a_line_that_a_killed_writer_left_half_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, 3)
    with (tmp_path / FILES[0]).open("ab") as file:
        file.write(b'{"seq": 4, "eve')
    spooled = read_spool(tmp_path)
    assert spooled is not None and [seq for seq, _ in spooled.events] == [1, 2, 3]


def test_what_is_no_spool_is_an_input_error_and_nothing_is_none(tmp_path: Path) -> None:
    assert read_spool(tmp_path) is None
    (tmp_path / FILES[0]).write_text('{"seq": "x"}\n')
    with pytest.raises(InputError, match="spool"):
        read_spool(tmp_path)


def test_it_is_gone_when_the_session_has_ended(tmp_path: Path) -> None:
    spool, _, _ = written(tmp_path, 3)
    spool.close()
    assert read_spool(tmp_path) is None
