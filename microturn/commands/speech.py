"""`microturn eval speech`: can the voice be understood? Its sentences, and the original voice's, by a recogniser."""

import json
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from microturn.commands.places import writable_file
from microturn.commands.progress import progress
from microturn.commands.weights import open_weights, weights_file
from microturn.core.config import to_dict
from microturn.core.errors import InputError
from microturn.core.wav import WavWriter
from microturn.data.agent import AgentVoice
from microturn.eval.speech import SpokenError, WorldRecogniser, held_out_texts, spoken_word_error
from microturn.media.pcm import Pcm
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import weights_hash
from microturn.model.recite import recite
from microturn.model.voice import Voice

FORMAT = "microturn-speech-1"


def speech(out: Path, weights: Path | None, count: int, seed: int, sounds: Path | None) -> None:
    """Let the voice of a checkpoint say held-out sentences; report its word error and that of the voice it learnt."""
    path = weights_file(weights)
    checkpoint = open_weights(path)
    model = checkpoint.model
    if model.voice is None:
        raise InputError("weights without a voice", path, "text only", "a checkpoint with a voice")
    writable_file(out)
    torch.set_num_threads(1)
    recogniser, agent = WorldRecogniser(), AgentVoice()
    texts = held_out_texts(count, seed=seed)
    generated: list[Pcm] = []
    with progress("sentences") as report:
        for number, text in enumerate(texts):
            generated.append(said_by(model.voice, text, checkpoint.tokenizer, model.config.text_per_tick, seed))
            report(number + 1, len(texts))
    found = {
        "model": spoken_word_error(generated, texts, recogniser),
        "original": spoken_word_error([agent.say(text).pcm for text in texts], texts, recogniser),
    }
    if sounds is not None:
        _keep(sounds, generated)
    rows = {"format": FORMAT, "weights": path.name, "weights_hash": weights_hash(model), "sentences": len(texts)}
    whole = rows | {"seed": seed} | {name: to_dict(error) for name, error in found.items()}
    out.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    _tell(found, len(texts), out)


@torch.inference_mode()
def said_by(voice: Voice, text: str, tokenizer: TextTokenizer, per_tick: int, seed: int) -> Pcm:
    """The text in this voice, float32 [N]."""
    words = [tokenizer.encode(word) for word in text.split()]
    blocks = recite(voice, words, per_tick, seed)
    return np.concatenate([np.zeros(0, np.float32), *(block.pcm.numpy(force=True) for block in blocks)])


def _keep(folder: Path, sounds: list[Pcm]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, pcm in enumerate(sounds):
        with WavWriter(folder / f"{number:03d}.wav") as wav:
            wav.write(pcm)


def _tell(found: dict[str, SpokenError], sentences: int, out: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for name, error in found.items():
        line = f"{name:<9} word error {100 * error.word_error:.1f} % ({error.edits} edits in {error.words} words)"
        console.print(line, markup=False)
    for text, understood in found["model"].worst:
        console.print(f"   {text!r} was understood as {understood!r}", markup=False)
    console.print(f"{sentences} sentences of the test split; report: {out}", markup=False)
