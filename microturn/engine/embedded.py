"""The engine inside this process: a handful of sessions of one model in static slots. No clock, no queue, no rules.

The tick path, top to bottom: `turns` checks, computes, commits. `_extend` is one forward over everything new; `_say`
samples, and feeds a sampled token only while another may follow it; `_sound` gives what was said its sound.

Shapes: B rows from the first to the last session of a call, S sound positions, F frames, C channels, T new positions,
N ticks, U model width, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import torch
from torch import Tensor

from microturn.core.errors import ConfigError, InputError
from microturn.engine import kv
from microturn.engine.api import (
    AdmissionRefused,
    Capacity,
    InputChunk,
    SessionRef,
    SessionSpec,
    Snapshot,
    StaleEpoch,
    TurnResult,
    UnknownSession,
    WrongSeq,
)
from microturn.engine.chunks import check_chunk
from microturn.engine.forward import Extended, append, silence
from microturn.engine.log import ReplayedTurn, TurnRecord, replayed
from microturn.engine.session import Fed, SessionState, Spoken, begin, collapse, finish, lay_out, nothing
from microturn.engine.voicing import from_named_tensors, named_tensors
from microturn.media.picture import Frame, pair_of
from microturn.media.text import N_CONTROL, Control
from microturn.model.backbone import BackboneState
from microturn.model.checkpoint import weights_hash
from microturn.model.config import InteractionConfig
from microturn.model.interaction import InteractionModel
from microturn.model.sampling import Choices, Draw, sample_tokens
from microturn.model.voice import VoiceBlock, VoiceState

SAYABLE_CONTROLS = (Control.LISTEN, Control.SPEAK, Control.YIELD, Control.DELEGATE)
RETRY_AFTER_S = 5.0
HUSHED = 1e6  # added to <listen>, more than logits differ by


@dataclass(frozen=True)
class _Open:
    """An open session. `voice`: where its utterance stands, None while it is silent; `seen`: the last frame."""

    slot: int
    epoch: int
    spec: SessionSpec
    state: SessionState
    last: TurnResult | None = None
    voice: VoiceState | None = None
    seen: Frame | None = None


class _Row(NamedTuple):
    """A session that takes a turn: what it feeds, and its state once that is fed."""

    session: _Open
    chunk: InputChunk
    fed: Fed
    state: SessionState


class _Said(NamedTuple):
    """By row: tokens drawn, with the one that ended them, and the logits each was drawn from; the hidden state of its
    last position [B, U]; keys and values after the tokens that were fed."""

    drawn: list[list[int]]
    logits: list[list[Tensor]]
    hidden_BU: Tensor
    state: BackboneState


class _Turned(NamedTuple):
    """A session once its turn is committed, and the positions that are erased then."""

    session: _Open
    erased: tuple[int, ...]


class EmbeddedEngine:
    """Implements `Engine`. The model is used as it is: its dtype and device are the engine's."""

    def __init__(self, model: InteractionModel, vocab_size: int, slots: int = 4, keep_logits: bool = False) -> None:
        """`vocab_size`: ids the tokenizer knows, at most the model's; the others can never be said."""
        config = model.config
        if any(config.backbone.reach(i) is None for i in range(config.backbone.layers)):
            right = "a global_window in positions"
            raise ConfigError("unlimited layers", "EmbeddedEngine", "global_window = None", right)
        text = 2 * config.typed_per_tick + config.text_per_tick
        longest = config.sound_tokens + config.sight_tokens + text + 2
        if longest > kv.SLACK:
            raise ConfigError("a tick too long", "EmbeddedEngine", f"{longest} positions", f"at most {kv.SLACK}")
        self._model, self._vocab_size, self._keep_logits = model, vocab_size, keep_logits
        self._device = model.decision.weight.device
        self._ends = (Control.LISTEN,) if model.voice is None else (Control.LISTEN, Control.SPEAK)
        self._choices = Choices(_allowed(config.vocab_size, vocab_size).to(self._device), int(Control.LISTEN))
        self._sessions: dict[str, _Open] = {}
        self._free = list(range(slots))
        self._slots = slots
        self._kv = kv.fresh_slots(model.backbone, slots)

    @property
    def config(self) -> InteractionConfig:
        """Its model's."""
        return self._model.config

    def open(self, spec: SessionSpec) -> SessionRef:
        """Begin a session at tick 0; AdmissionRefused where there is no room."""
        named = SessionSpec(spec.seed, spec.sampling, spec.id or uuid4().hex)
        self._place(_Open(0, 1, named, SessionState()))
        return SessionRef(named.id, 1)

    def turn(self, ref: SessionRef, chunk: InputChunk) -> TurnResult:
        """One micro-turn of one session."""
        return self.turns([(ref, chunk)])[0]

    @torch.inference_mode()
    def turns(self, requests: Sequence[tuple[SessionRef, InputChunk]]) -> list[TurnResult]:
        """One micro-turn of several sessions, all or none."""
        rows = self._checked(requests)
        if rows:
            first = min(row.session.slot for row in rows)
            extended = self._extend(rows, first)
            said = self._say(rows, first, extended)
            blocks = self._sound(rows, first, said)
            turned = [self._turned(row, first, extended, said, blocks) for row in rows]
            kv.commit(self._kv, first, said.state)
            for session, erased in turned:
                kv.erase(self._kv, session.slot, erased)
                self._sessions[session.spec.id] = session
        return [_stored(self._sessions[ref.id]) for ref, _ in requests]

    def suspend(self, ref: SessionRef) -> Snapshot:
        """Take a session out of the engine; its place is free."""
        session = self._known(ref)
        length = int(self._kv.length_B[session.slot])
        packed = kv.pack(self._kv, session.slot)
        self.close(ref)
        spec, epoch, state, last = session.spec, session.epoch, session.state, session.last
        voice = named_tensors(session.voice)
        return Snapshot(spec, epoch, state, last, length, self._weights, packed, voice, session.seen)

    @torch.inference_mode()
    def resume(self, snapshot: Snapshot) -> SessionRef:
        """Put a session back, one epoch later. InputError for a snapshot of other weights."""
        if snapshot.weights != self._weights:
            raise InputError("a snapshot of another model", "resume", snapshot.weights, f"weights {self._weights}")
        wanted = kv.shapes(self._kv, snapshot.committed)
        came = {name: (tuple(t.shape), t.dtype) for name, t in snapshot.kv.items()}
        if wanted != came:
            wrong = sorted(name for name in wanted.keys() | came.keys() if wanted.get(name) != came.get(name))[0]
            came_with, right = f"{wrong} {came.get(wrong)}", f"{wanted.get(wrong)}"
            raise InputError("a snapshot that does not fit", "resume", came_with, right)
        voice = from_named_tensors(self._model.voice, snapshot.voice)
        epoch, spec, state, last = snapshot.epoch + 1, snapshot.spec, snapshot.state, snapshot.last
        session = self._place(_Open(0, epoch, spec, state, last, voice, snapshot.seen))
        kv.unpack(self._kv, session.slot, snapshot.committed, snapshot.kv)
        return SessionRef(spec.id, epoch)

    @torch.inference_mode()
    def replay(self, spec: SessionSpec, records: Sequence[TurnRecord]) -> SessionRef:
        """Open a session and bring it to where its log ends, many ticks a forward; nothing is sampled.

        Of what it sounded only the utterance it is in is made once more, for the voice has to go on from there.
        """
        sounding = [record.seq for record in records if record.own is not None]
        if sounding and self._model.voice is None:
            raise InputError("a log with sound", "replay", f"sound in tick {sounding[0]}", "a model with a voice")
        silent = max((record.seq for record in records if record.own is None), default=-1)
        ref = self.open(spec)
        try:
            for part in replayed(records, self._model.config, kv.SLACK):
                self._replay_part(self._sessions[ref.id], part, silent)
        except BaseException:
            self.close(ref)
            raise
        return ref

    def close(self, ref: SessionRef) -> None:
        """End a session; a second close does nothing."""
        session = self._sessions.get(ref.id)
        if session is None:
            return
        if session.epoch != ref.epoch:
            raise StaleEpoch(ref, session.epoch)
        del self._sessions[ref.id]
        self._free.append(session.slot)
        self._free.sort()

    def capacity(self) -> Capacity:
        """Room there is now."""
        return Capacity(self._slots, len(self._free))

    def _place(self, new: _Open) -> _Open:
        """Give a session the first free slot."""
        spec = new.spec
        if spec.id in self._sessions:
            right = "an id not in use, or none"
            raise InputError("a session of this id is open here", "SessionSpec.id", repr(spec.id), right)
        if not self._free:
            raise AdmissionRefused(f"all {self._slots} slots are taken", RETRY_AFTER_S)
        kv.scrub(self._kv, self._free[0])
        session = replace(new, slot=self._free.pop(0))
        self._sessions[spec.id] = session
        return session

    def _known(self, ref: SessionRef) -> _Open:
        session = self._sessions.get(ref.id)
        if session is None:
            raise UnknownSession(ref)
        if session.epoch != ref.epoch:
            raise StaleEpoch(ref, session.epoch)
        return session

    @cached_property
    def _weights(self) -> str:
        return weights_hash(self._model)

    def _checked(self, requests: Sequence[tuple[SessionRef, InputChunk]]) -> list[_Row]:
        """A row for each session that has to compute; a repeated tick has its result already."""
        named = [ref.id for ref, _ in requests]
        if len(set(named)) < len(named):
            raise InputError("one session twice", "turns", ", ".join(named), "one chunk a session")
        rows: list[_Row] = []
        for ref, chunk in requests:
            session = self._known(ref)
            right = session.state.tick
            if session.last is not None and chunk.seq == session.last.seq:
                continue
            if chunk.seq != right:
                raise WrongSeq(ref, chunk.seq, right)
            check_chunk(ref, chunk, self._model.config, self._vocab_size)
            own = None if session.last is None else session.last.own
            pair = pair_of(session.seen, chunk.frame)
            fed, state = begin(session.state, chunk.text, self._model.config.typed_per_tick, own, pair)
            rows.append(_Row(session, chunk, fed, state))
        return rows

    def _extend(self, rows: Sequence[_Row], first: int) -> Extended:
        """One forward over all that is new; rows between the sessions of this call append nothing."""
        config = self._model.config
        batch = max(row.session.slot for row in rows) + 1 - first
        levels_BFC = silence(config, batch)
        ticks = np.zeros((batch, 1), np.int64)
        laid = [nothing()] * batch
        for row in rows:
            index = row.session.slot - first
            laid[index] = lay_out([row.fed], config.sound_tokens, config.sight_tokens)
            ticks[index] = row.chunk.seq
            if row.chunk.dmel is not None:
                levels_BFC[index] = row.chunk.dmel
        return append(self._model, laid, levels_BFC, ticks, kv.rows(self._kv, first, batch), self._vocab_size)

    def _say(self, rows: Sequence[_Row], first: int, extended: Extended) -> _Said:
        """Sample until a token ends the text or the tick's budget does; one that another may follow is fed at once."""
        hidden_BU, state = self._last_hidden(rows, first, extended), extended.state
        said = _Said([[] for _ in hidden_BU], [[] for _ in hidden_BU], hidden_BU, state)
        going = {row.session.slot - first for row in rows}
        budget = self._model.config.text_per_tick
        for step in range(budget):
            logits_BV = self._model.decide(hidden_BU)
            tokens: list[int] = self._sample(rows, first, logits_BV, step).numpy(force=True).tolist()
            for index in going:
                said.logits[index].append(logits_BV[index])
                said.drawn[index].append(tokens[index])
            going = {index for index in going if tokens[index] not in self._ends}
            if not going or step + 1 == budget:
                break
            hidden_BU, state = self._feed(tokens, going, hidden_BU, state)
        return said._replace(hidden_BU=hidden_BU, state=state)

    def _last_hidden(self, rows: Sequence[_Row], first: int, extended: Extended) -> Tensor:
        """Hidden states [B, U] at the last position of each row that takes a turn."""
        last_B, config = (
            torch.zeros(len(extended.hidden_BTU), dtype=torch.long, device=self._device),
            self._model.config,
        )
        for row in rows:
            last_B[row.session.slot - first] = row.fed.positions(config.sound_tokens, config.sight_tokens) - 1
        return extended.hidden_BTU[torch.arange(len(last_B), device=self._device), last_B]

    def _feed(
        self, tokens: list[int], going: set[int], hidden_BU: Tensor, state: BackboneState
    ) -> tuple[Tensor, BackboneState]:
        """Append one token to the rows that go on; hidden states [B, U], those of the other rows as they were."""
        tokens_B1 = torch.tensor(tokens, device=self._device)[:, None]
        new_B = torch.tensor([int(index in going) for index in range(len(tokens))], device=self._device)
        hidden_B1U, _, after = self._model.step(self._model.fusion.embed_text(tokens_B1), new_B, state)
        return torch.where(new_B[:, None] > 0, hidden_B1U[:, 0], hidden_BU), after

    def _sample(self, rows: Sequence[_Row], first: int, logits_BV: Tensor, step: int) -> Tensor:
        by_row = {row.session.slot - first: row for row in rows}
        drawing = [by_row.get(index, rows[0]) for index in range(len(logits_BV))]
        settings = [row.session.spec for row in drawing]
        biases = [HUSHED if row.chunk.hush else _listen_bias(row) for row in drawing]
        ticks = [row.chunk.seq for row in drawing]
        device = self._device
        temperature_B = torch.tensor([spec.sampling.temperature for spec in settings], device=device)
        listen_bias_B = torch.tensor(biases, device=device)
        seed_B = torch.tensor([spec.seed for spec in settings], device=device)
        draw = Draw(seed_B, torch.tensor(ticks, device=device), step)
        return sample_tokens(logits_BV, self._choices, temperature_B, listen_bias_B, draw)

    def _sound(self, rows: Sequence[_Row], first: int, said: _Said) -> dict[int, VoiceBlock]:
        """What the rows that speak sound in this tick, by row; the others cost nothing."""
        voice, blocks = self._model.voice, dict[int, VoiceBlock]()
        if voice is None:
            return blocks
        for row in rows:
            index, session = row.session.slot - first, row.session
            drawn = said.drawn[index]
            words = [token for token in drawn if token >= N_CONTROL]
            if words or Control.SPEAK in drawn:
                before = session.voice or voice.begin()
                blocks[index] = voice.step(before, words, said.hidden_BU[index], session.spec.seed)
        return blocks

    def _turned(self, row: _Row, first: int, extended: Extended, said: _Said, blocks: dict[int, VoiceBlock]) -> _Turned:
        index, session, per_tick = row.session.slot - first, row.session, self._model.config.text_per_tick
        block, committed = blocks.get(index), int(said.state.length_B[index])
        tokens = tuple(token for token in said.drawn[index] if token not in self._ends)
        fed = len(tokens[: per_tick - 1])
        spoken = Spoken(tokens, committed - fed, block and block.begun)
        done = finish(row.state, spoken, extended.labels_BS[index], per_tick)
        kept = torch.stack(said.logits[index]).float().cpu().numpy() if self._keep_logits else None
        held = row.chunk.hush and self._would_speak(row, said.logits[index][0])
        result = TurnResult(row.chunk.seq, tokens, done.heard, committed, 1 + fed, kept, unsaid=done.unsaid, held=held)
        voice = None
        if block is not None:
            result, voice = _with_sound(result, block), block.state
        seen = session.seen if row.chunk.frame is None else row.chunk.frame
        again = _Open(session.slot, session.epoch, session.spec, done.state, result, voice, seen)
        return _Turned(again, done.unsaid_places)

    def _would_speak(self, row: _Row, logits_V: Tensor) -> bool:
        """Whether a session that is hushed would not have listened, by its likeliest token."""
        scores_V = logits_V.float() + self._choices.allowed_V
        scores_V[Control.LISTEN] += _listen_bias(row)
        return int(scores_V.argmax()) != Control.LISTEN

    def _replay_part(self, session: _Open, part: Sequence[ReplayedTurn], silent: int) -> None:
        """Append a few logged ticks in one forward; its voice sounds in those after tick `silent`."""
        config = self._model.config
        laid = lay_out([turn.fed for turn in part], config.sound_tokens, config.sight_tokens)
        levels_TFC = silence(config, len(part))
        for index, turn in enumerate(part):
            if turn.record.dmel is not None:
                levels_TFC[index] = turn.record.dmel
        ticks_1N = np.array([[turn.record.seq for turn in part]])
        before = kv.rows(self._kv, session.slot, 1)
        levels_1FC = levels_TFC.reshape(1, -1, levels_TFC.shape[2])
        extended = append(self._model, [laid], levels_1FC, ticks_1N, before, self._vocab_size)
        kv.commit(self._kv, session.slot, extended.state)
        labels = extended.labels_BS[0]
        sounds, heard_id = config.sound_tokens, session.state.heard_id
        _, heard_id = collapse(labels[:-sounds], heard_id)
        heard, heard_id = collapse(labels[-sounds:], heard_id)
        last, done = part[-1].record, part[-1].finished
        kv.erase(self._kv, session.slot, done.unsaid_places)
        forwards, committed = 1 + len(part[-1].fed.said), int(extended.state.length_B[0])
        result = TurnResult(last.seq, last.said, heard, committed, forwards, unsaid=done.unsaid)
        block = self._sounded_again(session, part, extended.hidden_BTU[0, laid.ends], silent)
        if block is not None:
            result = replace(_with_sound(result, block), own=last.own, begun=last.begun)
        state, voice = replace(done.state, heard_id=heard_id), block and block.state
        seen = next((turn.record.frame for turn in reversed(part) if turn.record.frame is not None), session.seen)
        self._sessions[session.spec.id] = _Open(session.slot, session.epoch, session.spec, state, result, voice, seen)

    def _sounded_again(
        self, session: _Open, part: Sequence[ReplayedTurn], hidden_NU: Tensor, silent: int
    ) -> VoiceBlock | None:
        """The last block of the utterance that goes on at the end of the log, if `part` holds some of it."""
        voice, state, block = self._model.voice, session.voice, None
        for turn, hidden_U in zip(part, hidden_NU, strict=True):
            if voice is not None and turn.record.seq > silent:
                words = [token for token in turn.record.said if token >= N_CONTROL]
                block = voice.step(state or voice.begin(), words, hidden_U, session.spec.seed)
                state = block.state
        return block


def _stored(session: _Open) -> TurnResult:
    assert session.last is not None
    return session.last


def _with_sound(result: TurnResult, block: VoiceBlock) -> TurnResult:
    pcm = block.pcm.float().numpy(force=True)
    return replace(result, pcm=pcm, own=block.levels.numpy(force=True), begun=block.begun)


def _listen_bias(row: _Row) -> float:
    sampling = row.session.spec.sampling
    return sampling.listen_bias if row.state.utterance is None else sampling.stop_bias


def _allowed(model_vocab: int, tokenizer_vocab: int) -> Tensor:
    """0 for words and the controls a model may say, -inf for markers, padding and ids without a token; fp32 [V]."""
    allowed_V = torch.full((model_vocab,), -torch.inf)
    allowed_V[N_CONTROL:tokenizer_vocab] = 0.0
    allowed_V[list(SAYABLE_CONTROLS)] = 0.0
    return allowed_V
