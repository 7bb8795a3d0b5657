"""The interaction model: fusion, backbone and heads as one network. When and how it is stepped is the engine's part.

Shapes: B sessions, T positions, U model width, V vocabulary, Z picked positions.
"""

import math

import torch
from torch import Tensor, nn

from microturn.media.text import Control
from microturn.model.backbone import AtTap, Backbone, BackboneState
from microturn.model.config import InteractionConfig
from microturn.model.fusion import Fusion
from microturn.model.voice import Voice, init_voice


class InteractionModel(nn.Module):
    """One sequence of everything heard and said; the logits at a tick's last input position are the decision.

    `voice` makes sound of what was decided to say; the sequence itself does not need it.
    """

    def __init__(self, config: InteractionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.backbone.width
        self.fusion = Fusion(config)
        self.backbone = Backbone(config.backbone)
        self.decision = nn.Linear(width, config.vocab_size, bias=False)
        self.heard = nn.Linear(width, config.vocab_size, bias=False)
        self.heard_gain = nn.Parameter(torch.zeros(width)) if config.reads_heard else None
        self.voice = None if config.voice is None else Voice(config)

    def forward(
        self,
        levels_BSPC: Tensor,
        seconds_BN: Tensor,
        tokens_BX: Tensor,
        order_BT: Tensor,
        own_BOPC: Tensor | None = None,
        pairs_BVPHWC: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Whole sessions: last hidden states and the states the transcript is read from, both [B, T, U]."""
        x_BTU = self.fusion(levels_BSPC, seconds_BN, tokens_BX, order_BT, own_BOPC, pairs_BVPHWC)
        hidden_BTU, tapped_BTU = self.backbone(x_BTU, self.config.heard_layer, self._at_tap)
        assert tapped_BTU is not None
        return hidden_BTU, tapped_BTU

    def step(self, x_BTU: Tensor, new_B: Tensor, state: BackboneState) -> tuple[Tensor, Tensor, BackboneState]:
        """`Backbone.step` with the states the transcript is read from, [B, T, U]."""
        hidden_BTU, tapped_BTU, after = self.backbone.step(x_BTU, new_B, state, self.config.heard_layer, self._at_tap)
        assert tapped_BTU is not None
        return hidden_BTU, tapped_BTU, after

    @property
    def _at_tap(self) -> AtTap | None:
        return self.with_heard if self.config.reads_heard else None

    def with_heard(self, tapped_BTU: Tensor) -> Tensor:
        """States with the embedding of the words that the transcript holds likely, as if they had been typed.

        Self-conditioned CTC (Nozaki and Komatsu 2021, arXiv 2104.02724), through the table of typed words. The gain of
        each of the U channels starts at zero.
        """
        assert self.heard_gain is not None
        likely_BTV = self.transcribe(tapped_BTU).float().softmax(-1)
        wordless = torch.arange(likely_BTV.shape[-1], device=likely_BTV.device) == int(Control.PAD)
        likely_BTV = likely_BTV.masked_fill(wordless, 0.0)
        words_VU = self.fusion.token_norm(self.fusion.tokens.weight)
        return tapped_BTU + self.heard_gain * (likely_BTV.to(words_VU.dtype) @ words_VU)

    def decide(self, hidden_U: Tensor) -> Tensor:
        """Logits over words and control tokens, [..., V]."""
        return self.decision(hidden_U)

    def transcribe(self, tapped_U: Tensor) -> Tensor:
        """Logits over heard words, [..., V]; the id of <pad> is the blank."""
        return self.heard(nn.functional.rms_norm(tapped_U, tapped_U.shape[-1:]))


VOICE = "voice."
"""How names of the voice's parameters begin: what is trained by itself, and only carried along here."""
_RESIDUAL_OUTPUTS = (".o.weight", ".down.weight", "down_NVU")
_ZERO = (*_RESIDUAL_OUTPUTS, "weight_CK", "profiles_RE", "decision.weight", "heard.weight")


@torch.no_grad()
def init_weights(model: InteractionModel, seed: int) -> None:
    """Fresh weights from `seed`: scaled normal, residual outputs at zero (each layer starts as identity)."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name.startswith(VOICE):
            continue
        if name.endswith(("norm.weight", "scale")):
            parameter.fill_(1.0)
        elif parameter.ndim < 2 or name.endswith(_ZERO):
            parameter.zero_()
        elif "table" in name or "tokens.weight" in name:
            parameter.normal_(0.0, 0.5, generator=generator)
        else:
            parameter.normal_(0.0, 1.0 / math.sqrt(parameter.shape[-1]), generator=generator)
    if model.voice is not None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model.voice.load_state_dict(Voice(model.config).state_dict())
        init_voice(model.voice, seed)


def parameter_count(model: nn.Module) -> int:
    """Trainable numbers in the model."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
