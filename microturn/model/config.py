"""Shapes of the interaction model: what a checkpoint must say about itself. No weights, no behaviour."""

import math
from dataclasses import dataclass, field

from microturn.core.errors import ConfigError
from microturn.media.mel import MelConfig


@dataclass(frozen=True)
class BackboneConfig:
    """A decoder of the Inkling family (see docs/concepts.md); the defaults are our `tiny`.

    `global_layers` attend to `global_window` positions (None: all), the others to the last `window`.
    `sparse_layers` use routed experts, the others one dense MLP.
    """

    width: int = 256
    layers: int = 8
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    local_heads: int = 4
    local_kv_heads: int = 2
    local_head_dim: int = 64
    window: int = 64
    global_layers: tuple[int, ...] = (2, 5, 7)
    global_window: int | None = 2048
    rel_dim: int = 16
    rel_extent: int = 1024
    conv_kernel: int = 4
    mlp_width: int = 768
    sparse_layers: tuple[int, ...] = ()
    experts: int = 0
    experts_per_token: int = 0
    shared_experts: int = 0
    expert_width: int = 0
    route_scale: float = 1.0
    log_scaling_floor: int | None = None
    log_scaling_alpha: float = 0.1
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        for kind, heads, kv_heads in (
            ("", self.heads, self.kv_heads),
            ("local_", self.local_heads, self.local_kv_heads),
        ):
            if heads % kv_heads:
                right = f"a multiple of {kind}kv_heads = {kv_heads}"
                raise ConfigError("heads do not group", "BackboneConfig", f"{kind}heads = {heads}", right)
        for name in ("global_layers", "sparse_layers"):
            wrong = [i for i in getattr(self, name) if not 0 <= i < self.layers]
            if wrong:
                raise ConfigError("no such layer", f"BackboneConfig.{name}", wrong, f"layers 0 to {self.layers - 1}")
        if self.sparse_layers and not 0 < self.experts_per_token <= self.experts:
            came = f"experts_per_token = {self.experts_per_token} of experts = {self.experts}"
            raise ConfigError(
                "sparse layers without experts", "BackboneConfig", came, "0 < experts_per_token <= experts"
            )

    def is_global(self, layer: int) -> bool:
        """Whether `layer` sees further back than the sliding window."""
        return layer in self.global_layers

    def reach(self, layer: int) -> int | None:
        """How many positions, itself included, a query of `layer` may see (None: all)."""
        return self.global_window if self.is_global(layer) else self.window

    def extent(self, layer: int) -> int:
        """Distance, in positions, up to which `layer` knows a relative-position bias."""
        return self.rel_extent if self.is_global(layer) else self.window


@dataclass(frozen=True)
class VoiceConfig:
    """The sounding part: a decoder over one utterance, a flow head for a tick's mel, a vocoder; defaults are `tiny`.

    `own_width`: the inner width of the stem through which the backbone hears the block that it produced.
    The decoder sees its last `decoder_window` positions. `flow_evals`: Euler steps from noise of deviation `flow_noise`
    (the flow is learnt from noise of deviation 1; less gives the likelier sound); 0: the block is regressed at once.
    """

    own_width: int = 256
    decoder_width: int = 256
    decoder_layers: int = 4
    decoder_heads: int = 4
    decoder_window: int = 64
    flow_width: int = 384
    flow_blocks: int = 3
    flow_evals: int = 4
    flow_noise: float = 0.5
    vocoder_width: int = 192
    vocoder_layers: int = 8

    def __post_init__(self) -> None:
        if self.decoder_width % self.decoder_heads:
            came = f"decoder_heads = {self.decoder_heads}"
            raise ConfigError("heads do not divide", "VoiceConfig", came, f"a divisor of {self.decoder_width}")


@dataclass(frozen=True)
class SightConfig:
    """The grid of pixels a camera is fitted into, and how a pair of its frames becomes positions; defaults are `tiny`.

    Patches of `patch` pixels are folded by the squares of `folds` to `widths` channels; `patches_per_token` of them, in
    reading order, share a position, as frames of sound do, and meet in `gather_width` channels.
    """

    height: int = 80
    width: int = 80
    patch: int = 40
    folds: tuple[int, ...] = (5, 4, 2)
    widths: tuple[int, ...] = (96, 256, 384)
    patches_per_token: int = 4
    gather_width: int = 512

    def __post_init__(self) -> None:
        if math.prod(self.folds) != self.patch or len(self.folds) != len(self.widths):
            came = f"folds = {self.folds}, widths = {self.widths}"
            raise ConfigError("folds", "SightConfig", came, f"factors of patch = {self.patch}, a width for each")
        if self.height % self.patch or self.width % self.patch:
            came = f"{self.height} x {self.width}"
            raise ConfigError("a grid of broken patches", "SightConfig", came, f"multiples of patch = {self.patch}")
        if self.patches % self.patches_per_token:
            came = f"patches_per_token = {self.patches_per_token}"
            raise ConfigError("patches do not divide", "SightConfig", came, f"a divisor of {self.patches}")

    @property
    def patches(self) -> int:
        """Patches of a frame."""
        return (self.height // self.patch) * (self.width // self.patch)

    @property
    def tokens_per_pair(self) -> int:
        """Positions of a pair of frames."""
        return self.patches // self.patches_per_token


@dataclass(frozen=True)
class InteractionConfig:
    """The whole model: backbone, front end, vocabulary.

    A micro-turn is `sound_tokens` positions of sound, each a stack of equal shares of the tick's mel frames;
    tick and clock features are added to the first of them. The transcript is read after `heard_layer` layers;
    with `reads_heard` the layers above read it as words, too (docs/decisions/0012).
    A model with a `voice` also sounds and hears itself; without one its words are its whole output. One with `sight`
    has more positions in ticks that bring a picture, and no others.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    mel: MelConfig = field(default_factory=MelConfig)
    vocab_size: int = 1536
    sound_tokens: int = 2
    frame_width: int = 128
    stem_width: int = 512
    clock_features: int = 24
    heard_layer: int = 4
    reads_heard: bool = False
    text_per_tick: int = 2
    typed_per_tick: int = 8
    voice: VoiceConfig | None = None
    sight: SightConfig | None = None

    def __post_init__(self) -> None:
        if self.frames_per_tick % self.sound_tokens:
            came = f"sound_tokens = {self.sound_tokens}"
            raise ConfigError(
                "a tick does not divide", "InteractionConfig", came, f"a divisor of {self.frames_per_tick}"
            )
        if not 0 < self.heard_layer <= self.backbone.layers:
            came = f"heard_layer = {self.heard_layer}"
            raise ConfigError("no such layer", "InteractionConfig", came, f"1 to {self.backbone.layers}")

    @property
    def sight_tokens(self) -> int:
        """Positions of a tick that brings a picture, besides the others."""
        return 0 if self.sight is None else self.sight.tokens_per_pair

    @property
    def frames_per_tick(self) -> int:
        """Mel frames in 200 ms."""
        return self.mel.sample_rate_hz // 5 // self.mel.hop_samples

    @property
    def frames_per_token(self) -> int:
        """Mel frames stacked in one sound position."""
        return self.frames_per_tick // self.sound_tokens
