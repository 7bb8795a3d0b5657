"""The engine inside this process: a handful of sessions of one model in static slots. No clock, no queue, no rules.

The tick path, top to bottom: `turns` checks, computes, commits. `_extend` is one forward over everything new; `_say`
samples, and feeds a sampled token only while another may follow it.

Shapes: B rows from the first to the last session of a call, S sound positions a tick, P frames a position, C channels,
T new positions, X tokens, U model width, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from microturn.core.clock import TICK_MS
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
from microturn.engine.log import ReplayedTurn, TurnRecord, replayed
from microturn.engine.session import Positions, SessionState, TickTokens, begin, collapse, finish, lay_out
from microturn.media.text import N_CONTROL, Control
from microturn.model.backbone import BackboneState
from microturn.model.checkpoint import weights_hash
from microturn.model.interaction import InteractionModel
from microturn.model.sampling import Choices, Draw, sample_tokens

SAYABLE_CONTROLS = (Control.LISTEN, Control.SPEAK, Control.YIELD, Control.DELEGATE)
RETRY_AFTER_S = 5.0


@dataclass(frozen=True)
class _Open:
    """An open session."""

    slot: int
    epoch: int
    spec: SessionSpec
    state: SessionState
    last: TurnResult | None = None


class _Row(NamedTuple):
    """A session that takes a turn: what it feeds, and its state once that is fed."""

    session: _Open
    chunk: InputChunk
    tokens: TickTokens
    state: SessionState


class _Extended(NamedTuple):
    """After a forward over everything new: each row's last hidden state [B, U], CTC labels, keys and values."""

    hidden_BU: Tensor
    labels_BS: list[list[int]]
    state: BackboneState


class _Said(NamedTuple):
    """By row: tokens, and the logits each was drawn from; keys and values after those that were fed."""

    tokens: list[list[int]]
    logits: list[list[Tensor]]
    state: BackboneState


class EmbeddedEngine:
    """Implements `Engine`. The model is used as it is: its dtype and device are the engine's."""

    def __init__(self, model: InteractionModel, vocab_size: int, slots: int = 4, keep_logits: bool = False) -> None:
        """`vocab_size`: ids the tokenizer knows, at most the model's; the others can never be said."""
        config = model.config
        if any(config.backbone.reach(i) is None for i in range(config.backbone.layers)):
            right = "a global_window in positions"
            raise ConfigError("unlimited layers", "EmbeddedEngine", "global_window = None", right)
        longest = config.sound_tokens + 2 * config.typed_per_tick + config.text_per_tick + 1
        if longest > kv.SLACK:
            raise ConfigError("a tick too long", "EmbeddedEngine", f"{longest} positions", f"at most {kv.SLACK}")
        self._model, self._vocab_size, self._keep_logits = model, vocab_size, keep_logits
        self._device = model.decision.weight.device
        self._choices = Choices(_allowed(config.vocab_size, vocab_size).to(self._device), int(Control.LISTEN))
        self._sessions: dict[str, _Open] = {}
        self._free = list(range(slots))
        self._slots = slots
        self._kv = kv.fresh_slots(model.backbone, slots)

    def open(self, spec: SessionSpec) -> SessionRef:
        """Begin a session at tick 0; AdmissionRefused where there is no room."""
        named = SessionSpec(spec.seed, spec.sampling, spec.id or uuid4().hex)
        self._place(named, epoch=1, state=SessionState(), last=None)
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
            after = [self._after(row, first, extended, said) for row in rows]
            kv.commit(self._kv, first, said.state)
            self._sessions |= {session.spec.id: session for session in after}
        return [_stored(self._sessions[ref.id]) for ref, _ in requests]

    def suspend(self, ref: SessionRef) -> Snapshot:
        """Take a session out of the engine; its place is free."""
        session = self._known(ref)
        length = int(self._kv.length_B[session.slot])
        packed = kv.pack(self._kv, session.slot)
        self.close(ref)
        return Snapshot(session.spec, session.epoch, session.state, session.last, length, self._weights, packed)

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
        epoch = snapshot.epoch + 1
        session = self._place(snapshot.spec, epoch, snapshot.state, snapshot.last)
        kv.unpack(self._kv, session.slot, snapshot.committed, snapshot.kv)
        return SessionRef(snapshot.spec.id, epoch)

    @torch.inference_mode()
    def replay(self, spec: SessionSpec, records: Sequence[TurnRecord]) -> SessionRef:
        """Open a session and bring it to where its log ends, many ticks a forward; nothing is sampled."""
        ref = self.open(spec)
        try:
            for part in replayed(records, self._model.config, kv.SLACK):
                self._replay_part(self._sessions[ref.id], part)
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

    def _place(self, spec: SessionSpec, epoch: int, state: SessionState, last: TurnResult | None) -> _Open:
        if spec.id in self._sessions:
            right = "an id not in use, or none"
            raise InputError("a session of this id is open here", "SessionSpec.id", repr(spec.id), right)
        if not self._free:
            raise AdmissionRefused(f"all {self._slots} slots are taken", RETRY_AFTER_S)
        kv.scrub(self._kv, self._free[0])
        session = _Open(self._free.pop(0), epoch, spec, state, last)
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
            self._check_chunk(ref, chunk)
            tokens, state = begin(session.state, chunk.text, self._model.config.typed_per_tick)
            rows.append(_Row(session, chunk, tokens, state))
        return rows

    def _check_chunk(self, ref: SessionRef, chunk: InputChunk) -> None:
        config, dmel, where = self._model.config, chunk.dmel, f"session {ref.id!r}, seq {chunk.seq}"
        shape = (config.frames_per_tick, config.mel.n_mels)
        if dmel is not None and (dmel.shape != shape or dmel.dtype != np.uint8):
            raise InputError("dmel", where, f"{dmel.dtype} {list(dmel.shape)}", f"uint8 {list(shape)} or None")
        if dmel is not None and int(dmel.max()) >= config.mel.n_levels:
            raise InputError("dmel", where, f"level {dmel.max()}", f"levels 0 to {config.mel.n_levels - 1}")
        if any(not run or not all(0 <= token < self._vocab_size for token in run) for run in chunk.text):
            raise InputError("text", where, chunk.text, f"runs of a marker and tokens, ids 0 to {self._vocab_size - 1}")

    def _extend(self, rows: Sequence[_Row], first: int) -> _Extended:
        """One forward over all that is new; rows between the sessions of this call append nothing."""
        sounds = self._model.config.sound_tokens
        batch = max(row.session.slot for row in rows) + 1 - first
        levels_BFC = self._silence(batch)
        ticks = np.zeros((batch, 1), np.int64)
        laid = [Positions([], [], [])] * batch
        for row in rows:
            index = row.session.slot - first
            laid[index] = lay_out([row.tokens], sounds)
            ticks[index] = row.chunk.seq
            if row.chunk.dmel is not None:
                levels_BFC[index] = row.chunk.dmel
        return self._append(laid, levels_BFC, ticks, kv.rows(self._kv, first, batch))

    def _append(
        self,
        laid: Sequence[Positions],
        levels_BFC: npt.NDArray[np.uint8],
        ticks_BN: npt.NDArray[np.int64],
        before: BackboneState,
    ) -> _Extended:
        """Embed and append ticks that are laid out, as many for each row."""
        config, device = self._model.config, self._device
        new_B = torch.tensor([len(row.order) for row in laid], device=device)
        shape = (len(laid), -1, config.frames_per_token, config.mel.n_mels)
        levels_BSPC = torch.as_tensor(levels_BFC.reshape(shape), device=device)
        seconds_BN = torch.as_tensor(TICK_MS / 1000 * ticks_BN, device=device)
        tokens_BX = _padded([row.tokens for row in laid], device)
        order_BT = _padded([row.order for row in laid], device)
        x_BTU = self._model.fusion(levels_BSPC, seconds_BN, tokens_BX, order_BT)
        hidden_BTU, tapped_BTU, after = self._model.backbone.step(x_BTU, new_B, before, config.heard_layer)
        assert tapped_BTU is not None
        places_BS = _padded([row.sound_places for row in laid], device)
        tapped_BSU = tapped_BTU.gather(1, places_BS[:, :, None].expand(-1, -1, tapped_BTU.shape[2]))
        heard_BSV = self._model.transcribe(tapped_BSU)[..., : self._vocab_size]
        labels_BS: list[list[int]] = heard_BSV.argmax(-1).numpy(force=True).tolist()
        last_B = (new_B - 1).clamp(min=0)
        return _Extended(hidden_BTU[torch.arange(len(laid), device=device), last_B], labels_BS, after)

    def _say(self, rows: Sequence[_Row], first: int, extended: _Extended) -> _Said:
        """Sample until `<listen>` or the tick's budget; a token that another may follow is fed at once."""
        hidden_BU, state = extended.hidden_BU, extended.state
        said = _Said([[] for _ in hidden_BU], [[] for _ in hidden_BU], state)
        going = {row.session.slot - first for row in rows}
        budget = self._model.config.text_per_tick
        for step in range(budget):
            logits_BV = self._model.decide(hidden_BU)
            tokens: list[int] = self._sample(rows, first, logits_BV, step).numpy(force=True).tolist()
            for index in going:
                said.logits[index].append(logits_BV[index])
            going = {index for index in going if tokens[index] != Control.LISTEN}
            for index in going:
                said.tokens[index].append(tokens[index])
            if not going or step + 1 == budget:
                break
            hidden_BU, state = self._feed(tokens, going, state)
        return _Said(said.tokens, said.logits, state)

    def _feed(self, tokens: list[int], going: set[int], state: BackboneState) -> tuple[Tensor, BackboneState]:
        """Append one token to the rows that go on; hidden states [B, U]."""
        tokens_B1 = torch.tensor(tokens, device=self._device)[:, None]
        new_B = torch.tensor([int(index in going) for index in range(len(tokens))], device=self._device)
        hidden_B1U, _, after = self._model.backbone.step(self._model.fusion.embed_text(tokens_B1), new_B, state)
        return hidden_B1U[:, 0], after

    def _sample(self, rows: Sequence[_Row], first: int, logits_BV: Tensor, step: int) -> Tensor:
        by_row = {row.session.slot - first: row for row in rows}
        settings = [by_row.get(index, rows[0]).session.spec for index in range(len(logits_BV))]
        ticks = [by_row.get(index, rows[0]).chunk.seq for index in range(len(logits_BV))]
        device = self._device
        temperature_B = torch.tensor([spec.sampling.temperature for spec in settings], device=device)
        listen_bias_B = torch.tensor([spec.sampling.listen_bias for spec in settings], device=device)
        seed_B = torch.tensor([spec.seed for spec in settings], device=device)
        draw = Draw(seed_B, torch.tensor(ticks, device=device), step)
        return sample_tokens(logits_BV, self._choices, temperature_B, listen_bias_B, draw)

    def _after(self, row: _Row, first: int, extended: _Extended, said: _Said) -> _Open:
        """The session once this turn is committed."""
        index, session = row.session.slot - first, row.session
        tokens, per_tick = said.tokens[index], self._model.config.text_per_tick
        state, heard = finish(row.state, tokens, extended.labels_BS[index], per_tick)
        committed = int(said.state.length_B[index])
        kept = torch.stack(said.logits[index]).float().cpu().numpy() if self._keep_logits else None
        result = TurnResult(row.chunk.seq, tuple(tokens), heard, committed, 1 + len(tokens[: per_tick - 1]), kept)
        return _Open(session.slot, session.epoch, session.spec, state, result)

    def _replay_part(self, session: _Open, part: Sequence[ReplayedTurn]) -> None:
        """Append a few logged ticks in one forward."""
        laid = lay_out([turn.tokens for turn in part], self._model.config.sound_tokens)
        levels_TFC = self._silence(len(part))
        for index, turn in enumerate(part):
            if turn.record.dmel is not None:
                levels_TFC[index] = turn.record.dmel
        ticks_1N = np.array([[turn.record.seq for turn in part]])
        before = kv.rows(self._kv, session.slot, 1)
        extended = self._append([laid], levels_TFC.reshape(1, -1, levels_TFC.shape[2]), ticks_1N, before)
        kv.commit(self._kv, session.slot, extended.state)
        labels = extended.labels_BS[0]
        sounds, heard_id = self._model.config.sound_tokens, session.state.heard_id
        _, heard_id = collapse(labels[:-sounds], heard_id)
        heard, heard_id = collapse(labels[-sounds:], heard_id)
        last = part[-1]
        said, committed = last.record.said, int(extended.state.length_B[0])
        forwards = 1 + len(last.tokens.fed)
        result = TurnResult(last.record.seq, said, heard, committed, forwards)
        state = replace(last.state, heard_id=heard_id)
        self._sessions[session.spec.id] = _Open(session.slot, session.epoch, session.spec, state, result)

    def _silence(self, ticks: int) -> npt.NDArray[np.uint8]:
        config = self._model.config
        return np.zeros((ticks, config.frames_per_tick, config.mel.n_mels), np.uint8)


def _stored(session: _Open) -> TurnResult:
    assert session.last is not None
    return session.last


def _allowed(model_vocab: int, tokenizer_vocab: int) -> Tensor:
    """0 for words and the controls a model may say, -inf for markers, padding and ids without a token; fp32 [V]."""
    allowed_V = torch.full((model_vocab,), -torch.inf)
    allowed_V[N_CONTROL:tokenizer_vocab] = 0.0
    allowed_V[list(SAYABLE_CONTROLS)] = 0.0
    return allowed_V


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Rows of different lengths as one int64 tensor, zeros on the right."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], dtype=torch.long, device=device)
