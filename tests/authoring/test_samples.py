"""A store of samples is the same however many processes made it and wherever they were killed; scores read it."""

import argparse
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib.authoring import samples
from course_lib.measuring.intervals import wilson
from course_lib.measuring.judging import judged
from course_lib.measuring.scores import frechet_distance, inception_score
from course_lib.training.processes import Alone
from tests.tools import tiny
from tests.training.test_processes import LIMIT, two


def asked(out: Path, **more: Any) -> argparse.Namespace:
    """A command line."""
    settings = {"testbed": "tiny", "count": 24, "model": "robust", "seeds": "multivariate", "seed": 0, "batch": 4}
    return argparse.Namespace(out=out, **settings | more)


@pytest.fixture
def bed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A testbed of untrained networks, by any name."""
    bed = tiny.untrained_testbed()
    monkeypatch.setattr(samples.testbeds, "load", lambda name: bed)
    return bed


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def whole_of(folder: Path) -> tuple[Tensor, Tensor]:
    """All pictures and labels of a store."""
    images, labels = zip(*samples.parts(folder), strict=True)
    return torch.cat(images), torch.cat(labels)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "changed": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
    "without its card": lambda path: path.with_suffix(".json").unlink(),
    "without its tensors": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_shard_is_not_trusted(damage: str, bed: Any, tmp_path: Path) -> None:
    samples.make(asked(tmp_path, count=12), Alone())
    before = files(tmp_path)
    DAMAGE[damage](tmp_path / "00001.safetensors")
    with pytest.raises(
        ValueError, match=r"^expected whole shards .*, number 1 is missing or damaged: start the command"
    ):
        list(samples.parts(tmp_path))
    samples.make(asked(tmp_path, count=12), Alone())
    assert files(tmp_path) == before


def test_a_folder_without_a_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^expected a store of pictures in .*nowhere, found no 00000.json$"):
        list(samples.parts(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match="2"):
        samples.samples(["--out", str(tmp_path), "--count", "0"])


def test_the_store_is_the_same_from_one_process_and_from_three_in_any_order(bed: Any, tmp_path: Path) -> None:
    samples.make(asked(tmp_path / "one"), Alone())
    for number in (2, 0, 1):
        third = Alone()
        third.number, third.count, third.first = number, 3, number == 0
        samples.make(asked(tmp_path / "three"), third)
    assert files(tmp_path / "one") == files(tmp_path / "three")
    assert len(files(tmp_path / "one")) == 2 * 6


def test_a_sample_depends_on_seed_and_index_alone(bed: Any, tmp_path: Path) -> None:
    """A store that grows keeps its pictures, and equals one that was made in one go; other seeds are other pictures."""
    samples.make(asked(tmp_path / "grown", count=12), Alone())
    small, _ = whole_of(tmp_path / "grown")
    samples.make(asked(tmp_path / "grown"), Alone())
    samples.make(asked(tmp_path / "whole"), Alone())
    samples.make(asked(tmp_path / "other", seed=1), Alone())
    assert files(tmp_path / "grown") == files(tmp_path / "whole")
    whole, other = (whole_of(tmp_path / name)[0] for name in ("whole", "other"))
    assert torch.equal(small, whole[:12])
    assert not torch.equal(whole, other)
    assert len(whole.flatten(1).unique(dim=0)) == 24


def test_the_samples_are_those_of_generation(bed: Any, tmp_path: Path) -> None:
    """Each picture against one that is solved by itself, from a seed of its own generator."""
    samples.make(asked(tmp_path, count=6), Alone())  # two whole shards of 4
    made, labels = whole_of(tmp_path)
    assert labels.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    for index, (picture, label) in enumerate(zip(made, labels, strict=True)):
        seed = bed.seeds("multivariate").sample(label[None], generator=samples.seeded(0, index, stream=0))
        alone = samples.solve(samples.generate(bed.robust, seed, label[None], **bed.tuned["generate"]))[0]
        assert (alone - picture).abs().max() <= 0.5 / 255 + 1e-5


def test_finished_shards_are_not_computed_again(bed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples.make(asked(tmp_path), Alone())
    before, computed, shard = files(tmp_path), [], samples.shard

    def noted(number: int, *how: Any) -> dict[str, Tensor]:
        computed.append(number)
        return shard(number, *how)

    monkeypatch.setattr(samples, "shard", noted)
    samples.make(asked(tmp_path), Alone())
    assert computed == []
    (tmp_path / "00002.json").unlink()
    (tmp_path / "00004.safetensors").write_bytes(before["00004.safetensors"][:100])
    samples.make(asked(tmp_path), Alone())
    assert computed == [2, 4]
    assert files(tmp_path) == before


def test_a_store_of_another_model_or_seed_is_refused(bed: Any, tmp_path: Path) -> None:
    samples.make(asked(tmp_path, count=4), Alone())
    for change in ({"model": "standard"}, {"seed": 1}, {"seeds": "uniform"}, {"batch": 5}):
        with pytest.raises(ValueError, match="choose another folder"):
            samples.make(asked(tmp_path, count=4, **change), Alone())
    with torch.no_grad():
        bed.robust.head.bias += 1  # another network of the same name
    with pytest.raises(ValueError, match="choose another folder"):
        samples.make(asked(tmp_path, count=4), Alone())


DRIVER = """
import os, signal, sys
from tests.tools import tiny
from course_lib.authoring import samples

bed, save = tiny.untrained_testbed(), samples.save_tensors
samples.testbeds.load = lambda name: bed

def save_and_die(path, *content):
    save(path, *content)
    if path.name == "00001":
        os.kill(os.getpid(), signal.SIGKILL)

samples.save_tensors = save_and_die
samples.samples(sys.argv[1:])
"""
COMMAND = ("--count", "24", "--batch", "4", "--testbed", "tiny")


@pytest.mark.full  # above, shares of three processes, one after the other; below, a store that was cut short
def test_two_processes_one_of_them_killed_then_one_alone_make_the_same_store(bed: Any, tmp_path: Path) -> None:
    """The second process is killed after its first shard; the first one makes its half, as neither needs the other."""
    samples.make(asked(tmp_path / "expected"), Alone())
    out = tmp_path / "store"
    with two("-c", DRIVER, *COMMAND, "--out", str(out)) as processes:
        assert processes[1].wait(LIMIT) == -signal.SIGKILL
        told, complaint = processes[0].communicate(timeout=LIMIT)
        assert processes[0].returncode == 0, complaint
    assert "samples: process 0 of 2 is done, 3 shards are new" in told
    there = files(out)
    assert [f"{number:05d}.json" in there for number in range(6)] == [True, True, True, False, True, False]
    samples.make(asked(out), Alone())
    assert files(out) == files(tmp_path / "expected")


def test_scores_of_a_store_are_those_of_the_same_pictures_in_memory(
    bed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "load_inception", lambda: bed.standard)
    samples.make(asked(tmp_path, count=32), Alone())
    images, labels = whole_of(tmp_path)
    real, _ = bed.batch("test", range(40))
    measured = samples.all_scores(tmp_path, bed, part=7)
    assert set(measured) == {"judge", "inception"}
    assert measured["judge"].pop("judged") == wilson(judged(bed.judge, images, labels))
    for name, network in (("judge", bed.judge), ("inception", bed.standard)):
        assert measured[name] == {
            "pictures": 32,
            "inception score": pytest.approx(inception_score(network, images), abs=2e-4),
            "frechet distance": pytest.approx(frechet_distance(network.features, real, images), abs=2e-4, rel=1e-4),
        }


def test_a_command_makes_a_store_and_measures_it(bed: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples.samples([*COMMAND, "--out", str(tmp_path), "--scores"])
    told = capsys.readouterr().out
    assert "samples: shard 5 of 6" in told
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["judge"]["pictures"] == 24
    assert "inception" in scores
    samples.samples(["--out", str(tmp_path), "--scores"])
    assert json.loads(capsys.readouterr().out) == scores
