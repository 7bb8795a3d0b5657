"""The shipped model's recipe: about 7 M parameters, made for hours on two CPU cores."""

from dataclasses import replace

from microturn.data.mixture import MixConfig
from microturn.train.loop import TrainConfig
from microturn.train.optim import OptimConfig


# How often a script of a skill is drawn: many answers to learn, few long silences and recitations.
SHARES = {
    "answer": 2.0,
    "self-correction": 1.2,
    "memory": 0.8,
    "not for me": 0.8,
    "wake word": 0.8,
    "count": 1.2,
    "convert": 1.6,
    "silence": 0.7,
    "stopwatch": 1.0,
    "countdown": 0.4,
}


def tiny(steps: int = 6_000) -> TrainConfig:
    """64 s streams, four a process and step; the last fifth of the steps decays the rates."""
    mix = MixConfig(skills=SHARES, between_ms=(500, 2_500))
    return TrainConfig(mix=mix, optim=OptimConfig(decay_steps=steps // 5), steps=steps)


def toy() -> TrainConfig:
    """Seconds, not hours: for tests of the whole pipeline."""
    whole = tiny(steps=4)
    backbone = replace(
        whole.model.backbone, width=64, layers=2, heads=2, kv_heads=1, head_dim=32, local_heads=2, local_kv_heads=1,
        local_head_dim=32, mlp_width=128, global_layers=(1,), window=32,
    )  # fmt: skip
    model = replace(whole.model, backbone=backbone, frame_width=16, stem_width=64, heard_layer=1)
    batch = replace(whole.batch, ticks=80, text_slots=32)
    return replace(whole, model=model, batch=batch, mix=MixConfig(ticks=80), streams=1, save_every=2, compile=False)
