"""Two processes over gloo: averaged gradients, shared Muon, copies and shards (FSDP2), all as if one had done it."""

from pathlib import Path

import pytest
import torch

from microturn.train.distributed import Processes
from tests.train.toy import toy_config
from tests.train.work import figures_of, gradients, muon_step, run_both, trainer

Found = list[dict[str, dict[str, torch.Tensor]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("both")


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    return run_both(folder)


def assert_same(mine: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_averaged_gradients_are_those_of_one_process_with_both_batches(found: Found, tmp_path: Path) -> None:
    alone = [gradients(toy_config(), tmp_path, Processes(rank)) for rank in (0, 1)]
    for name, averaged in found[0]["gradients"].items():
        torch.testing.assert_close(averaged, (alone[0][name] + alone[1][name]) / 2, rtol=1e-4, atol=1e-6)


def test_muon_shared_by_two_processes_is_muon_alone(found: Found) -> None:
    assert_same(found[0]["muon"], muon_step(Processes()))


@pytest.mark.parametrize("way", ["gradients", "muon", "never", "always"])
def test_both_processes_have_the_same(found: Found, way: str) -> None:
    assert_same(found[0][way], found[1][way])


def test_shards_learn_what_copies_learn(found: Found, tmp_path: Path) -> None:
    begun = trainer(toy_config(), tmp_path).model.state_dict()
    copies, shards = found[0]["never"], found[0]["always"]
    moved = sum((copies[name] - begun[name]).square().sum() for name in begun)
    apart = sum((copies[name] - shards[name]).square().sum() for name in begun)
    assert (apart / moved) ** 0.5 < 0.02  # Muon's bf16 products round differently


def test_what_shards_saved_a_single_process_resumes(found: Found, folder: Path) -> None:
    alone = trainer(toy_config(), folder / "always")
    assert alone.resume() and alone.step == 4
    assert_same({name: p.detach() for name, p in alone.model.named_parameters()}, found[0]["always"])


def test_shards_are_validated_as_a_whole_model(found: Found, folder: Path) -> None:
    one = trainer(toy_config(), folder / "always")
    whole = figures_of(one.model, one.tokenizer)["numbers"]
    assert f'{{"step": 4, "val_numbers": {whole}}}' in (folder / "always" / "log.jsonl").read_text()


def test_auto_shares_parameters_between_gpus_only() -> None:
    assert Processes(0, 2, "cuda").shares_parameters("auto")
    assert not Processes(0, 2, "cpu").shares_parameters("auto")
    assert not Processes(0, 1, "cuda").shares_parameters("auto")
    assert not Processes(0, 2, "cuda").shares_parameters("never")
