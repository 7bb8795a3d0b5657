"""The voice: the words of one utterance, as they are written, to its sound, a tick at a time. It decides nothing.

A small causal decoder stands over the utterance alone: one position for each written token and, after those of its
tick, one for the block of sound that is to be made. That one is told the block before, the token that sounds and those
that wait, and the backbone's last hidden state; from what it gives, the flow head makes the mel and the vocoder the
samples. An utterance begins in a sounding tick after a silent one.

`Voice.forward` reads whole utterances (training), `Voice.step` one tick (serving, state in and out); they agree.
Rotary positions: Su et al. 2021, arXiv 2104.09864.

Shapes: B utterances, N ticks, X tokens, T positions, U width, H heads, D head width, K near tokens, P positions before,
F frames of a tick, C mel channels, A layers, Z blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from microturn.core.errors import ConfigError
from microturn.media.mel import quantize
from microturn.media.text import Control
from microturn.model.backbone import RMSNorm
from microturn.model.config import InteractionConfig
from microturn.model.flow import LAST_FRAMES, FlowHead, unscaled
from microturn.model.sampling import uniforms
from microturn.model.vocoder import Vocoder, VocoderConfig, VocoderState

NEAR = 3
"""How many tokens a block is told of: the one that sounds and the next two."""
OLDEST = 15
"""Ages of the sounding token beyond this one are not told apart."""
BEGINS = 6
"""At most so many tokens begin to sound in one tick."""
STREAM_VOICE = 1
SILENCE = -1.0


class Utterances(NamedTuple):
    """What the decoder reads of B utterances.

    tokens_BX: ids in the order of writing; before_BNFC: the block before each tick's, `scaled`, silence at first;
    near_BNK: id of the token that sounded at the end of the tick before, then the next ones written by now, <pad> where
    there is none; age_BN: ticks for which that token has sounded, the one it began in not counted;
    order_BT: indices of tokens (0..X-1) and blocks (X..X+N-1) in sequence; place_BN: where each block is in it.
    """

    tokens_BX: Tensor
    before_BNFC: Tensor
    near_BNK: Tensor
    age_BN: Tensor
    order_BT: Tensor
    place_BN: Tensor


@dataclass(frozen=True)
class VoiceState:
    """Where an utterance stands: positions and ticks so far, keys and values of the last positions, the last block.

    waiting: tokens written that do not sound yet; current: the one that sounds (<pad>: none); begun: how many of all
    tokens have begun to sound.
    """

    length: int
    ticks: int
    k_AHPD: Tensor
    v_AHPD: Tensor
    block_FC: Tensor
    waiting: tuple[int, ...]
    current: int
    age: int
    begun: int
    vocoder: VocoderState


class VoiceBlock(NamedTuple):
    """A tick of sound: levels uint8 [F, C], mel_db fp32 [F, C], pcm fp32 [3200].

    begun: how many of the utterance's tokens have begun to sound by its end.
    """

    levels: Tensor
    mel_db: Tensor
    pcm: Tensor
    begun: int
    state: VoiceState


class Voice(nn.Module):
    """Decoder, flow head and vocoder of a model that sounds."""

    def __init__(self, config: InteractionConfig) -> None:
        super().__init__()
        voice = config.voice
        if voice is None:
            raise ConfigError("a voice without its shapes", "InteractionConfig.voice", None, "a VoiceConfig")
        self.mel, self.shapes = config.mel, voice
        self.frame_shape = (config.frames_per_tick, config.mel.n_mels)
        width, eps = voice.decoder_width, config.backbone.norm_eps
        self.tokens = nn.Embedding(config.vocab_size, width)
        self.fold = nn.Linear(config.frames_per_tick * config.mel.n_mels, 2 * width)
        self.unfold = nn.Linear(2 * width, width, bias=False)
        self.near = nn.Linear(NEAR * width, width, bias=False)
        self.age = nn.Embedding(OLDEST + 1, width)
        self.hidden = nn.Linear(config.backbone.width, width, bias=False)
        self.layers = nn.ModuleList(
            _Layer(width, voice.decoder_heads, voice.decoder_window, eps) for _ in range(voice.decoder_layers)
        )
        self.norm = RMSNorm(width, eps)
        self.begins = nn.Linear(width, BEGINS)
        self.flow = FlowHead(width, *self.frame_shape, voice.flow_width, voice.flow_blocks)
        self.vocoder = Vocoder(VocoderConfig(voice.vocoder_width, voice.vocoder_layers, mel=config.mel))

    def forward(self, utterances: Utterances, hidden_BNU: Tensor | None = None) -> Tensor:
        """The condition of every block, [B, N, U]; `hidden_BNU`: the backbone's state in each tick, if there is one."""
        tokens_BXU = self.tokens(utterances.tokens_BX)
        blocks_BNU = self._block_input(utterances.before_BNFC, utterances.near_BNK, utterances.age_BN, hidden_BNU)
        parts_BIU = torch.cat([tokens_BXU, blocks_BNU.to(tokens_BXU.dtype)], dim=1)
        x_BTU = parts_BIU.gather(1, utterances.order_BT[:, :, None].expand(-1, -1, parts_BIU.shape[2]))
        positions_T = torch.arange(x_BTU.shape[1], device=x_BTU.device)
        for layer in self.layers:
            x_BTU, _, _ = layer(x_BTU, positions_T)
        x_BNU = x_BTU.gather(1, utterances.place_BN[:, :, None].expand(-1, -1, x_BTU.shape[2]))
        return self.norm(x_BNU)

    def begun_logits(self, cond_BNU: Tensor) -> Tensor:
        """Logits that the first, second ... waiting token begins to sound in the block, [..., BEGINS]."""
        return self.begins(cond_BNU)

    def begin(self) -> VoiceState:
        """The state before the first tick of an utterance."""
        weight = self.norm.weight
        heads = self.shapes.decoder_heads
        empty = weight.new_zeros(self.shapes.decoder_layers, heads, 0, self.shapes.decoder_width // heads)
        silence_FC = weight.new_full(self.frame_shape, SILENCE)
        return VoiceState(0, 0, empty, empty, silence_FC, (), int(Control.PAD), 0, 0, self.vocoder.begin())

    @torch.no_grad()
    def step(
        self, state: VoiceState, tokens: Sequence[int], hidden_U: Tensor | None = None, noise_seed: int = 0
    ) -> VoiceBlock:
        """One sounding tick: the ids written in it, the backbone's last hidden state, a seed of the session's."""
        waiting = (*state.waiting, *tokens)
        near = [state.current, *waiting, *[int(Control.PAD)] * NEAR][:NEAR]
        cond_U, k_AHPD, v_AHPD = self._decode(state, tokens, near, hidden_U)
        begin = self.begun_logits(cond_U)[: len(waiting)] > 0
        new = int(begin.long().cumprod(0).sum())
        block_FC = self._block(state, cond_U, noise_seed)
        mel_db = unscaled(block_FC, self.mel)
        levels = torch.from_numpy(quantize(mel_db.cpu().numpy(), self.mel)).to(mel_db.device)
        pcm, vocoder = self.vocoder.step(mel_db, state.vocoder)
        after = VoiceState(
            length=state.length + len(tokens) + 1,
            ticks=state.ticks + 1,
            k_AHPD=k_AHPD,
            v_AHPD=v_AHPD,
            block_FC=block_FC.clamp(-1.0, 1.0),
            waiting=waiting[new:],
            current=waiting[new - 1] if new else state.current,
            age=0 if new else state.age + 1,
            begun=state.begun + new,
            vocoder=vocoder,
        )
        return VoiceBlock(levels, mel_db, pcm, after.begun, after)

    def _block_input(self, before: Tensor, near: Tensor, age: Tensor, hidden: Tensor | None) -> Tensor:
        """Input of block positions, [..., U]."""
        heard = self.unfold(F.gelu(self.fold(before.flatten(-2).to(self.fold.weight.dtype))))
        told = self.near(self.tokens(near).flatten(-2)) + self.age(age.clamp(max=OLDEST))
        x = F.rms_norm(heard, heard.shape[-1:]) + told
        return x if hidden is None else x + self.hidden(hidden.to(self.hidden.weight.dtype))

    def _decode(
        self, state: VoiceState, tokens: Sequence[int], near: Sequence[int], hidden_U: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Condition of the new block [U], and keys and values of the last positions."""
        device = state.block_FC.device
        age = torch.tensor(state.age, device=device)
        own_U = self._block_input(state.block_FC, torch.tensor(near, device=device), age, hidden_U)
        written = torch.tensor(tuple(tokens), dtype=torch.int64, device=device)
        x_BTU = torch.cat([self.tokens(written), own_U[None]])[None]
        positions_T = torch.arange(state.length, state.length + x_BTU.shape[1], device=device)
        kept = self.shapes.decoder_window - 1
        keys, values = [], []
        for index, layer in enumerate(self.layers):
            before = state.k_AHPD[index, None], state.v_AHPD[index, None]
            x_BTU, k_BHPD, v_BHPD = layer(x_BTU, positions_T, before)
            keys.append(k_BHPD[0, :, -kept:])
            values.append(v_BHPD[0, :, -kept:])
        return self.norm(x_BTU[0, -1]), torch.stack(keys), torch.stack(values)

    def _block(self, state: VoiceState, cond_U: Tensor, noise_seed: int) -> Tensor:
        """The block in `scaled` units, [F, C]; its noise depends on the seed and the tick of the utterance alone."""
        cond_ZU, last_ZLC = cond_U[None], state.block_FC[None, -LAST_FRAMES:]
        noise_ZFC = torch.zeros(1, *self.frame_shape, device=cond_U.device)
        if self.shapes.flow_evals and self.shapes.flow_noise:
            seed_B, tick_B = (torch.tensor([n], device=cond_U.device) for n in (noise_seed, state.ticks))
            uniform_BV = uniforms(seed_B, tick_B, 0, STREAM_VOICE, noise_ZFC.numel())
            normal = torch.special.ndtri(uniform_BV).view_as(noise_ZFC)
            noise_ZFC = (self.shapes.flow_noise * normal).to(noise_ZFC.dtype)
        return self.flow.sample(noise_ZFC, cond_ZU, last_ZLC, self.shapes.flow_evals)[0].float()


class _Layer(nn.Module):
    """Pre-norm attention over the last `window` positions, with normed and turned queries and keys; then an MLP."""

    def __init__(self, width: int, heads: int, window: int, eps: float) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.attention_norm, self.mlp_norm = RMSNorm(width, eps), RMSNorm(width, eps)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(
        self, x_BTU: Tensor, positions_T: Tensor, before: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New positions after those with keys and values `before` [B, H, P, D]: outputs, and keys and values of all."""
        qkv = self.qkv(self.attention_norm(x_BTU)).unflatten(-1, (3, self.heads, -1))
        q_BHTD, k_new, v_new = qkv.permute(2, 0, 3, 1, 4)
        q_BHTD = turned(F.rms_norm(q_BHTD, q_BHTD.shape[-1:]), positions_T)
        k_BHPD, v_BHPD = turned(F.rms_norm(k_new, k_new.shape[-1:]), positions_T), v_new
        if before is not None:
            k_BHPD, v_BHPD = torch.cat([before[0], k_BHPD], dim=2), torch.cat([before[1], v_BHPD], dim=2)
        key_positions_P = positions_T[-1] + 1 - torch.arange(k_BHPD.shape[2], 0, -1, device=x_BTU.device)
        behind_TP = positions_T[:, None] - key_positions_P[None]
        seen_TP = (behind_TP >= 0) & (behind_TP < self.window)
        mixed = F.scaled_dot_product_attention(q_BHTD, k_BHPD, v_BHPD, attn_mask=seen_TP)
        x_BTU = x_BTU + self.o(mixed.transpose(1, 2).flatten(-2))
        return x_BTU + self.down(F.gelu(self.up(self.mlp_norm(x_BTU)))), k_BHPD, v_BHPD


def turned(x_BHTD: Tensor, positions_T: Tensor) -> Tensor:
    """Rotary position embedding: pairs of numbers turned by angles that grow with the position."""
    half = x_BHTD.shape[-1] // 2
    rates = 1000.0 ** (-torch.arange(half, device=x_BHTD.device, dtype=torch.float32) / half)
    angle_TD = positions_T[:, None].float() * rates
    cos, sin = angle_TD.cos().to(x_BHTD.dtype), angle_TD.sin().to(x_BHTD.dtype)
    left, right = x_BHTD[..., :half], x_BHTD[..., half:]
    return torch.cat([left * cos - right * sin, left * sin + right * cos], dim=-1)


@torch.no_grad()
def init_voice(voice: Voice, seed: int) -> None:
    """Fresh weights from `seed`: scaled normal; layers begin as identity, and what the backbone says counts nothing.

    The vocoder is left as it is.
    """
    generator = torch.Generator().manual_seed(seed)
    zero = (".o.weight", ".down.weight", "modulate.weight", "hidden.weight", "begins.weight", "out.weight")
    for name, parameter in voice.named_parameters():
        if name.startswith("vocoder."):
            continue
        if name.endswith("norm.weight"):
            parameter.fill_(1.0)
        elif parameter.ndim < 2 or name.endswith(zero):
            parameter.zero_()
        elif name in ("tokens.weight", "age.weight"):
            parameter.normal_(0.0, 0.5, generator=generator)
        else:
            parameter.normal_(0.0, parameter.shape[-1] ** -0.5, generator=generator)
