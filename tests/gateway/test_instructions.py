"""Which part of an application's prose reaches a model of few words."""

from microturn.core.fakes import Scripted
from microturn.core.participant import Participant
from microturn.engine.embedded import EmbeddedEngine
from microturn.gateway.host import EchoHost, ModelHost
from microturn.gateway.instructions import SENTENCES, readable
from microturn.media.mel import MelConfig
from microturn.media.text import TextTokenizer
from microturn.model.sampling import SamplingConfig
from tests.engine.toy import toy_model
from tests.gateway.live_client import serving


class Listener(EchoHost):
    """Its partners keep what they were told; it reads only one sentence."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self.partners: list[Scripted] = []

    def join(self, session_id: str, seed: int) -> Participant:
        self.partners.append(Scripted({}))
        return self.partners[-1]

    def leave(self, partner: Participant) -> None:
        assert partner in self.partners

    def reads(self, text: str) -> bool:
        return text == "be quiet"


def test_a_live_session_is_told_its_instructions_in_its_first_tick() -> None:
    host = Listener(1)
    with serving(host) as running, running.client() as client:
        started = client.start(instructions="You are kind. be quiet.")
        client.send("session.close")
        client.until("session.closed")
    assert started["session"]["instructions"] == "You are kind. be quiet."
    assert [chunk.text for chunk in host.partners[0].heard][:1] == [("be quiet",)]


def test_a_sentence_too_long_for_a_session_does_not_keep_it_from_beginning() -> None:
    class ReadsAll(Listener):
        def reads(self, text: str) -> bool:
            return True

    with serving(ReadsAll(1)) as running, running.client() as client:
        assert client.start(instructions="be quiet " * 1_000)["type"] == "session.started"


def test_a_model_reads_the_words_it_has_as_a_whole() -> None:
    tokenizer = TextTokenizer.train(["count to three", "be quiet"] * 4)
    engine = EmbeddedEngine(toy_model(), tokenizer.vocab_size, slots=1)
    host = ModelHost("toy", engine, tokenizer, MelConfig(), SamplingConfig())
    assert host.reads("Count, to three!")
    assert not host.reads("count to threehundred")
    assert not host.reads("be ~quiet")
    host.close()


WORDS = {"be", "quiet", "count", "to", "three"}


def reads(text: str) -> bool:
    return set(text.split()) <= WORDS


def test_sentences_of_known_words_are_kept_in_their_order() -> None:
    prompt = "You are a helpful assistant.\n- Be nice\nbe quiet! count to three\n\n"
    assert readable(prompt, reads) == ["be quiet", "count to three"]


def test_nothing_is_left_of_nothing() -> None:
    assert readable(" .\n! ", reads) == []


def test_a_long_prompt_is_cut() -> None:
    assert len(readable("be quiet. " * 100, reads)) == SENTENCES
