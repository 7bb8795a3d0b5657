"""The voice alone learns to say texts: from what is written, tick by tick, to mel. No backbone, no vocoder.

What it is told of the block before is the true one in a part of the utterances and its own in the others (scheduled
sampling in two parallel passes: Mihaylova and Martins 2019, arXiv 1906.07651), with noise, for it will only hear
itself.
Shapes: B utterances, N ticks, F frames of a tick, C mel channels, U width, Z blocks that count.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import AdamW, Optimizer

from microturn.core.errors import ConfigError
from microturn.data.agent import AgentVoice
from microturn.data.sayings import Sayings, SayingsConfig, sayings
from microturn.media.text import Control, TextTokenizer
from microturn.model.config import InteractionConfig, VoiceConfig
from microturn.model.flow import LAST_FRAMES
from microturn.model.voice import SILENCE, Utterances, Voice, init_voice
from microturn.model.voice_file import save_voice
from microturn.train.optim import Muon, OptimConfig, lr_share, set_lr
from microturn.train.part import PartTrainer, Show
from microturn.train.utterances import (
    Take,
    UtteranceConfig,
    VoiceBatch,
    draw_utterance,
    make_voice_batch,
    take_of,
)

WEIGHTS = "voice.safetensors"
EARLY = 0.8
"""Times of the path are logistic-normal about -0.8: mostly near the noise, where the few steps are (2511.13720)."""


@dataclass(frozen=True)
class VoiceTrainConfig:
    """Everything that decides the run but for its length.

    `utterances` a step, drawn `bucket_steps` steps at a time and sorted by length, so that little is padding;
    `own_share`: of utterances, how many hear themselves, from step `own_from` on; `noise`: most deviation of what is
    added to the block before, in `scaled` units; `drop_share`: of blocks before, how many are silenced; `forget_share`:
    of tokens, how many stand as <pad> in the sequence, so that no sentence is learnt by heart (which token sounds and
    which come next is told all the same).
    """

    model: InteractionConfig = field(default_factory=lambda: InteractionConfig(voice=VoiceConfig()))
    utterance: UtteranceConfig = field(default_factory=UtteranceConfig)
    sayings: SayingsConfig = field(default_factory=SayingsConfig)
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(muon_lr=3e-3, adam_lr=2e-3, warmup_steps=100, decay_steps=600)
    )
    utterances: int = 96
    bucket_steps: int = 16
    own_share: float = 0.5
    own_from: int = 300
    noise: float = 0.1
    drop_share: float = 0.05
    forget_share: float = 0.2
    flow_weight: float = 1.0
    begins_weight: float = 0.2
    ema: float = 0.99
    save_every: int = 200
    seed: int = 0
    bf16: bool = True

    def __post_init__(self) -> None:
        if self.model.voice is None:
            raise ConfigError("a voice without its shapes", "VoiceTrainConfig.model.voice", None, "a VoiceConfig")
        for name in ("utterances", "bucket_steps", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError("too few", f"VoiceTrainConfig.{name}", getattr(self, name), "1 or more")


def train_voice(
    config: VoiceTrainConfig,
    tokenizer: TextTokenizer,
    folder: Path,
    steps: int,
    minutes: float = math.inf,
    progress: Show = lambda step, shown: None,
    clips: Path | None = None,
) -> Path:
    """Train in `folder`, going on with what is there, to `steps` or for `minutes`; the path of the averaged weights.

    `clips`: a folder in which the agent's clips are kept between runs. A run that is stopped loses nothing that was
    saved. Raises InputError where the folder's state is of another model.
    """
    said = sayings("train", config.sayings)
    agent = AgentVoice(clips, remembered=1)
    takes = [take_of(agent.say(text), config.model.mel) for text in said.texts]
    trainer = VoiceTrainer(config, Takes(config, said, takes, tokenizer), tokenizer, folder)
    trainer.resume()
    trainer.run(steps, progress, minutes)
    return folder / WEIGHTS


@dataclass(frozen=True)
class Takes:
    """Batches of a run; which one belongs to a step depends on the seed and the step alone."""

    config: VoiceTrainConfig
    said: Sayings
    takes: Sequence[Take]
    tokenizer: TextTokenizer

    def since(self, step: int) -> Iterator[VoiceBatch]:
        """The batches of `step` and all later ones."""
        while True:
            bucket, skip = divmod(step, self.config.bucket_steps)
            for batch in self._bucket(bucket)[skip:]:
                yield batch
                step += 1

    def _bucket(self, bucket: int) -> list[VoiceBatch]:
        config = self.config
        rng = np.random.default_rng([config.seed, bucket])
        per_tick, count = config.model.text_per_tick, config.utterances
        drawn = [
            draw_utterance(self.takes, self.said.weights, self.tokenizer, per_tick, config.utterance, rng)
            for _ in range(config.bucket_steps * count)
        ]
        drawn.sort(key=lambda laid: len(laid.blocks_NFC))
        groups = [drawn[at : at + count] for at in range(0, len(drawn), count)]
        return [make_voice_batch(groups[index], config.utterance, rng) for index in rng.permutation(len(groups))]


class VoiceTrainer(PartTrainer[Voice, VoiceBatch]):
    """One run of the voice; lives as long as it."""

    name = "voice"

    def __init__(self, config: VoiceTrainConfig, takes: Takes, tokenizer: TextTokenizer, folder: Path) -> None:
        self.config, self.takes, self.tokenizer = config, takes, tokenizer
        self.voice = Voice(config.model)
        self.voice.vocoder.requires_grad_(False)
        init_voice(self.voice, config.seed)
        optimizers = make_voice_optimizers(self.voice, config.optim)
        super().__init__(config, self.voice, Voice(config.model), optimizers, folder)

    def batches(self) -> Iterator[VoiceBatch]:
        return self.takes.since(self.step)

    def rate(self, steps: int) -> float:
        share = lr_share(self.step, steps, self.config.optim)
        set_lr(self.optimizers, self.config.optim, share)
        return share

    def loss(self, batch: VoiceBatch) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        with self.precision():
            own_share = config.own_share if self.step >= config.own_from else 0.0
            heard = self.heard(batch, own_share, generator)
            losses = voice_losses(self.voice, batch, heard, generator)
        return losses["direct"] + config.flow_weight * losses["flow"] + config.begins_weight * losses["begins"], losses

    def write(self) -> None:
        notes = {"step": self.step, "utterances": self.config.utterances}
        save_voice(self.folder / WEIGHTS, self.average, self.config.model, self.tokenizer, notes)

    @torch.no_grad()
    def heard(self, batch: VoiceBatch, own_share: float, generator: torch.Generator) -> Utterances:
        """The batch's utterances with what is known of words and blocks before made worse."""
        config, before = self.config, batch.utterances.before_BNFC
        size, ticks = before.shape[:2]
        if own_share:
            own = own_blocks(self.voice, batch.utterances)
            hears_itself = torch.rand(size, generator=generator) < own_share
            before = torch.where(hears_itself[:, None, None, None], own, before)
        deviation = config.noise * torch.rand(size, 1, 1, 1, generator=generator)
        before = (before + deviation * torch.randn(before.shape, generator=generator)).clamp(-1.0, 1.0)
        before[torch.rand(size, ticks, generator=generator) < config.drop_share] = SILENCE
        before[:, 0] = SILENCE
        tokens_BX = batch.utterances.tokens_BX
        forgotten_BX = torch.rand(tokens_BX.shape, generator=generator) < config.forget_share
        tokens_BX = tokens_BX.masked_fill(forgotten_BX, int(Control.PAD))
        return batch.utterances._replace(tokens_BX=tokens_BX, before_BNFC=before)


def make_voice_optimizers(voice: Voice, config: OptimConfig) -> list[Optimizer]:
    """Muon for the matrices between the decoder's and the heads' first and last ones, AdamW for all others."""
    hidden, decayed, rest = [], [], []
    for name, parameter in voice.named_parameters():
        if not parameter.requires_grad:
            continue
        inner = name.startswith("layers.") or ".blocks." in name
        if parameter.ndim == 2 and inner:
            hidden.append(parameter)
        else:
            (decayed if name == "tokens.weight" else rest).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    adam = AdamW(groups, lr=config.adam_lr, betas=config.adam_betas, eps=1e-9)
    return [Muon(hidden, config), adam]


def own_blocks(voice: Voice, utterances: Utterances) -> Tensor:
    """What stands before each block when the voice hears itself, one step deep: `before_BNFC` by the direct head."""
    cond_BNU = voice(utterances)
    last = utterances.before_BNFC[:, :, -LAST_FRAMES:]
    made = voice.flow.predict_direct(cond_BNU.flatten(0, 1), last.flatten(0, 1)).float().clamp(-1.0, 1.0)
    made_BNFC = made.unflatten(0, cond_BNU.shape[:2])
    return torch.cat([torch.full_like(made_BNFC[:, :1], SILENCE), made_BNFC[:, :-1]], dim=1)


def voice_losses(voice: Voice, batch: VoiceBatch, heard: Utterances, generator: torch.Generator) -> dict[str, Tensor]:
    """Direct L1, flow matching and begun tokens, each a mean over what counts; `heard`: the blocks before as told."""
    cond_BNU = voice(heard)
    logits_BNJ = voice.begun_logits(cond_BNU).float()
    begins_BNJ = F.binary_cross_entropy_with_logits(logits_BNJ, batch.begins_BNJ, reduction="none")
    cond_ZU, block_ZFC = cond_BNU[batch.valid_BN], batch.blocks_BNFC[batch.valid_BN]
    last_ZLC = heard.before_BNFC[batch.valid_BN][:, -LAST_FRAMES:]
    noise_ZFC = torch.randn(block_ZFC.shape, generator=generator)
    t_Z = torch.sigmoid(torch.randn(len(block_ZFC), generator=generator) - EARLY)
    return {
        "direct": voice.flow.direct_loss_Z(block_ZFC, cond_ZU, last_ZLC).mean(),
        "flow": voice.flow.flow_loss_Z(block_ZFC, noise_ZFC, t_Z, cond_ZU, last_ZLC).mean(),
        "begins": begins_BNJ[batch.waits_BNJ].mean(),
    }
