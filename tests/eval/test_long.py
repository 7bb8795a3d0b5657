"""A long conversation: the same block again and again in one session."""

from dataclasses import replace

import pytest

from microturn.core.clock import CHUNK_SAMPLES, TICK_MS
from microturn.data.agent import agent_voice
from microturn.data.voices import voices
from microturn.engine.embedded import EmbeddedEngine
from microturn.eval.long import Block, Conversation, block_figures, block_of, expected
from microturn.eval.scorers import Said
from tests.engine.toy import SPEAKING, SPOKEN, VOCAB, NumberTokenizer, toy_model


@pytest.fixture(scope="module")
def block() -> Block:
    voice = next(v for v in voices("test", "synthetic") if v.id.startswith("espeak"))
    return block_of(voice, 12.0, seed=0)


def a_talk(block: Block, times: int) -> Conversation:
    model = toy_model(config=SPOKEN)
    engine = EmbeddedEngine(model, VOCAB, slots=1)
    resident = iter(range(1, 10**6))
    talk = Conversation(engine, NumberTokenizer(), SPOKEN.mel, SPEAKING, -15.0, lambda: next(resident) * 2**20)
    for _ in range(times):
        talk.hear(block.pcm)
    talk.close()
    return talk


def test_a_block_said_twice_expects_its_answers_twice(block: Block) -> None:
    length = agent_voice().ticks
    once, twice = expected(block, 1, length), expected(block, 2, length)
    later = [replace(e, tick=e.tick + block.ticks, cut=e.cut and e.cut + block.ticks) for e in once]
    assert once and twice == [*once, *later]


def test_one_session_hears_all_of_it_and_its_own_sound_is_measured(block: Block) -> None:
    talk = a_talk(block, 2)
    assert len(talk.ticks) == 2 * block.ticks == 2 * len(block.pcm) // CHUNK_SAMPLES
    assert talk.said and any(heard.level for heard in talk.ticks)
    first, last = block_figures(talk, block, 2, agent_voice().ticks)
    assert first.level_db is not None and last.level_db is not None
    assert last.resident_mb - first.resident_mb == block.ticks


def test_right_words_in_the_second_block_count_there(block: Block) -> None:
    talk = a_talk(block, 2)
    due = expected(block, 2, agent_voice().ticks)
    talk._log.said[:] = [Said(e.tick, e.text) for e in due if e.tick >= block.ticks]
    first, last = block_figures(talk, block, 2, agent_voice().ticks)
    assert (first.event_f1, last.event_f1) == (0.0, 1.0)
    sounding_s = sum(h.level is not None for h in talk.ticks[block.ticks :]) * TICK_MS / 1000
    words = sum(len(e.text.split()) for e in due if e.tick >= block.ticks)
    assert last.words_per_s == pytest.approx(words / sounding_s)
