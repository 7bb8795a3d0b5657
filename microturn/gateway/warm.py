"""The first ticks of an engine, before anybody waits for one. What is computed is thrown away."""

from microturn.engine.api import Engine, InputChunk, SessionSpec
from microturn.model.sampling import SamplingConfig

ROUNDS = 3  # memory is taken in the first, code paths of going on with speech run in the second, the third is as ever
PUSH = 1e4  # on the logit of <listen>: always silent, or never


def warm(engine: Engine, slots: int) -> None:
    """Run every size of batch, silent and speaking. All slots must be free; they are free again."""
    silent = SamplingConfig(listen_bias=PUSH, stop_bias=PUSH)
    speaking = SamplingConfig(listen_bias=-PUSH, stop_bias=-PUSH)
    for sampling in (silent, speaking):
        refs = [engine.open(SessionSpec(seed, sampling)) for seed in range(slots)]
        ticks = [0] * slots
        for size in range(1, slots + 1):
            for _ in range(ROUNDS):
                engine.turns([(refs[slot], InputChunk(ticks[slot])) for slot in range(size)])
                ticks = [tick + (slot < size) for slot, tick in enumerate(ticks)]
        for ref in refs:
            engine.close(ref)
