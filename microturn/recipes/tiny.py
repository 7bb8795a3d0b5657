"""Recipes: what is trained, and who speaks to it. Each is a function that returns a complete configuration.

`tiny` is the shipped model (about 7 M parameters, hours on two CPU cores), `small` the one for a GPU, `toy` the whole
pipeline in a minute; `seeing` gives a trained `tiny` sight and somebody to work for it, `working` the latter alone. The
cast of a recipe says which clips its pool holds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from microturn.data.mixture import MixConfig
from microturn.data.scenarios import SIGHT_SKILLS, SKILLS, WORK_SKILLS
from microturn.data.speakers import CastConfig
from microturn.model.config import BackboneConfig, InteractionConfig, SightConfig, VoiceConfig
from microturn.train.batch import BatchConfig
from microturn.train.config import TrainConfig
from microturn.train.optim import OptimConfig

# How often a script of a skill is drawn: many answers to learn, few long silences and recitations.
SHARES = {
    "answer": 1.8,
    "self-correction": 1.2,
    "memory": 0.9,
    "not for me": 0.8,
    "wake word": 0.8,
    "patience": 0.9,
    "count": 1.2,
    "convert": 1.6,
    "interval": 1.6,
    "delay": 1.8,
    "stopwatch": 1.4,
    "silence": 1.1,
    "countdown": 0.7,
    "items": 0.6,
    "echo words": 2.0,
    "barge-in": 2.6,
    "backchannelled": 1.7,
    "backchannelling": 0.7,
}
# In steps with cameras: scripts of sight as often as all others together.
SEEING_SHARES = {
    "reps": 1.8,
    "start stop": 1.5,
    "fingers": 2.0,
    "posture": 1.6,
    "appear": 3.4,
    "asked": 3.0,
    "comment": 1.8,
}
BESIDE_SHARE = 0.45
# Work that is handed over: once it has been learnt, not more of it than of the rest.
WORK_SHARES = {"delegate": 5.5, "progress": 1.5}


@dataclass(frozen=True)
class Recipe:
    """`train`: the run of so many steps; `steps`: how many it takes by itself; `casts`: who is in its pools."""

    train: Callable[[int], TrainConfig]
    steps: int
    casts: tuple[CastConfig, ...]


def tiny(steps: int = 9_000) -> TrainConfig:
    """64 s streams, four a process and step; the last three eighths of the steps decay the rates."""
    mix = MixConfig(skills=SHARES, between_ms=(500, 2_500), typed_echo_share=0.5, spoken=True)
    mix = replace(mix, own_noise=2.0, own_drop_share=0.08)
    batch = BatchConfig(text_slots=68, own_slots=60)  # nine streams of ten fit; positions stay a multiple of the window
    model = InteractionConfig(reads_heard=True, voice=VoiceConfig())
    optim = OptimConfig(decay_steps=3 * steps // 8)
    return TrainConfig(model=model, batch=batch, mix=mix, optim=optim, steps=steps)


def tiny_casts() -> tuple[CastConfig, ...]:
    """33 voices as 280 speakers, over a hundred thousand clips: about twenty minutes on two cores."""
    return (
        CastConfig(scripts_per_skill=5, seed=11),
        CastConfig(scripts_per_skill=5, natural_tracts=7, seed=29),
        CastConfig(scripts_per_skill=6, natural_tracts=6, seed=47),
    )


def seeing(steps: int = 1_500) -> TrainConfig:
    """`tiny` with sight and somebody to work for it, to begin with weights of `tiny` and an eye trained apart.

    Three of four steps have cameras. Where there are cameras the earlier skills go on beside what is seen, and some
    streams show what nobody asks about. Gentle rates, that decay over the last three fifths.
    """
    whole = tiny(steps)
    said = {**SHARES, **WORK_SHARES}
    watched = replace(whole.mix, camera_share=0.3, typed_fresh_share=0.7, typed_seen_share=0.6)
    watched = replace(watched, typed_seen_more=9, typed_tokens=150)
    seen = {**{skill: BESIDE_SHARE * said.get(skill, 1.0) for skill in (*SKILLS, *WORK_SKILLS)}, **SEEING_SHARES}
    return replace(
        whole,
        model=replace(whole.model, reads_heard=True, sight=SightConfig()),
        batch=replace(whole.batch, text_slots=196),  # many questions about what is seen
        mix=replace(whole.mix, skills={**said, **dict.fromkeys(SIGHT_SKILLS, 0.0)}),
        seeing=replace(watched, skills=seen, with_scenes=True),
        seeing_share=0.75,
        hold_eye=True,
        optim=gentle(whole.optim, 0.6, 3 * steps // 5),
        ema=0.995,
    )


def seeing_casts() -> tuple[CastConfig, ...]:
    """Those of tiny, all of whom say the lines of sight and of work, too; and others who say those of sight alone."""
    sight = tuple(replace(cast, skills=SIGHT_SKILLS, scripts_per_skill=9) for cast in tiny_casts())
    others = CastConfig(scripts_per_skill=12, natural_tracts=7, seed=71, skills=SIGHT_SKILLS)
    return (*working_casts(), *sight, others)


def working(steps: int = 700) -> TrainConfig:
    """`tiny` with somebody to work for it, to begin with weights of `tiny`: gentle rates, and no cameras."""
    whole = tiny(steps)
    optim = gentle(whole.optim, 0.45, 3 * steps // 5)
    return replace(whole, mix=replace(whole.mix, skills={**SHARES, **WORK_SHARES}), optim=optim, ema=0.99)


def working_casts() -> tuple[CastConfig, ...]:
    """Those of tiny, all of whom say the lines of work, too."""
    work = (replace(cast, skills=WORK_SKILLS, scripts_per_skill=12) for cast in tiny_casts())
    return (*tiny_casts(), *work)


def gentle(optim: OptimConfig, share: float, decay_steps: int) -> OptimConfig:
    """Rates for weights that have learnt: `share` of the full ones, soon there, with a decay."""
    rates = {"muon_lr": share * optim.muon_lr, "adam_lr": share * optim.adam_lr}
    return replace(optim, **rates, warmup_steps=40, decay_steps=decay_steps)


def small(steps: int = 12_000) -> TrainConfig:
    """41 M parameters for one big GPU or more: 12 layers of width 512, 32 streams of 128 s a GPU and step."""
    backbone = BackboneConfig(
        width=512, layers=12, heads=8, kv_heads=2, local_heads=8, local_kv_heads=2,
        mlp_width=1_536, global_layers=(3, 7, 11),
    )  # fmt: skip
    whole = tiny(steps)
    return replace(
        whole,
        model=replace(whole.model, backbone=backbone, frame_width=192, stem_width=1_024, heard_layer=8),
        batch=replace(whole.batch, ticks=640, text_slots=136, own_slots=120),
        mix=replace(whole.mix, ticks=640, typed_tokens=40),
        optim=replace(whole.optim, muon_lr=3e-3, adam_lr=1e-3, warmup_steps=400),
        streams=32,
        ema=0.999,
        render_workers=12,
    )


def small_casts() -> tuple[CastConfig, ...]:
    """192 speakers, 145 thousand clips: more vocal tracts and more scripts than tiny has."""
    return (CastConfig(natural_tracts=16, synthetic_tracts=3, scripts_per_skill=12, seed=21),)


def toy(steps: int = 4) -> TrainConfig:
    """Seconds, not hours: for tests of the whole pipeline."""
    whole = tiny(steps)
    backbone = replace(
        whole.model.backbone, width=64, layers=2, heads=2, kv_heads=1, head_dim=32, local_heads=2, local_kv_heads=1,
        local_head_dim=32, mlp_width=128, global_layers=(1,), window=32,
    )  # fmt: skip
    model = replace(whole.model, backbone=backbone, frame_width=16, stem_width=64, heard_layer=1, voice=None)
    batch = replace(whole.batch, ticks=80, text_slots=32)
    return replace(whole, model=model, batch=batch, mix=MixConfig(ticks=80), streams=1, save_every=2, compile=False)


def toy_casts() -> tuple[CastConfig, ...]:
    """A few clips of three synthetic voices."""
    return (CastConfig(groups=("synthetic",), synthetic_tracts=1, scripts_per_skill=1, most_speakers=3),)


RECIPES = {
    "tiny": Recipe(tiny, 9_000, tiny_casts()),
    "seeing": Recipe(seeing, 1_500, seeing_casts()),
    "working": Recipe(working, 700, working_casts()),
    "small": Recipe(small, 12_000, small_casts()),
    "toy": Recipe(toy, 4, toy_casts()),
}
