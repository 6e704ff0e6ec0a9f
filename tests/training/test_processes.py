"""Two processes train the network that one trains; a killed one ends all in a sentence, and all go on from there."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_lib.authoring import train as trainer
from course_lib.testbeds.weights import load_card, load_model
from course_lib.training.loop import Progress, Run, train
from course_lib.training.processes import ONE_ONLY, Alone, SharedRun
from tests.authoring.test_train import job
from tests.conftest import ROOT
from tests.training.test_loop import RECIPE, SHORT, colours

LIMIT = 300  # seconds for a command; on a free core it takes a few

DRIVER = """
import os, signal, sys
from pathlib import Path
import torch
from course_lib.training import loop
from course_lib.training.batch_norm import WholeBatchNorm
from course_lib.training.processes import together
from course_lib.training.recipe import Recipe

loop.SAVE_EVERY = 0.0  # after every step
folder = Path(sys.argv[1])
data = torch.load(folder / "data.pt")
recipe = Recipe.from_card(data["recipe"])
with together() as processes:
    norm, run = WholeBatchNorm(3).double(), processes.run(recipe)
    (x,) = run.share(data["x"])
    y = norm(x.requires_grad_())
    (y ** 3).mean().backward()
    result = {f"{key} gradient": parameter.grad for key, parameter in norm.named_parameters()}
    result |= {"y": y.detach(), "x": x.grad, **norm.state_dict()}
    torch.save(result, folder / f"norm{processes.number}.pt")
    where = folder / ("run.pt" if processes.first else "not here.pt")  # as on another machine
    for progress in loop.train(recipe, data["images"], data["labels"], checkpoint=where, every=1, run=run):
        print(progress.step, progress.loss, flush=True)
        if sys.argv[2:] == [str(processes.number), str(progress.step)]:
            os.kill(os.getpid(), signal.SIGKILL)
    torch.save(progress.model.state_dict(), folder / f"weights{processes.number}.pt")
"""

CUSTOMISED = """
import os
from pathlib import Path

if "RANK" in os.environ:  # a process that a launcher has started
    from course_lib.authoring import train
    from tests.authoring.test_train import job

    folder = Path(__file__).parent
    train.CHECKPOINTS = folder / "checkpoints"
    train.jobs = lambda data: ({"colours": job(folder)}, {})
"""  # Python imports a module of the name sitecustomize before all others


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """One thread each, and no GPU."""
    return os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)} | more


@contextmanager
def two(*command: str) -> Iterator[list[subprocess.Popen[str]]]:
    """A command in two processes that know of each other, as a launcher starts them; none is left behind."""
    port = str(free_port())
    with ExitStack() as stack:
        processes = []
        for rank in "01":
            where = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
            known = environment(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, **where)
            process = subprocess.Popen(
                [sys.executable, *command], env=known, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        yield processes


def loaded(folder: Path, name: str) -> list[dict[str, Tensor]]:
    """What each of two processes saved under this name."""
    return [torch.load(folder / f"{name}{number}.pt", weights_only=True) for number in range(2)]


def lines(told: str) -> list[list[float]]:
    return [[float(number) for number in line.split()] for line in told.splitlines()]


@pytest.fixture(scope="module")
def alone() -> list[Progress]:
    """The reports of each step, and at last the network, of one process."""
    return list(train(SHORT, *colours(), every=1))


@pytest.fixture(scope="module")
def killed_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[tuple[str, str]]], list[list[int]]]:
    """A run of two processes: the second one is killed after step 4, then, resumed, the first one after step 7; the
    third start brings it to its end. The folder, what was printed, and the exit codes of each start."""
    folder = tmp_path_factory.mktemp("killed")
    images, labels = colours()
    x = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.double) + 2
    torch.save({"recipe": asdict(SHORT), "images": images, "labels": labels, "x": x}, folder / "data.pt")
    told, codes = [], []
    for kill in (["1", "4"], ["0", "7"], []):
        with two("-c", DRIVER, str(folder), *kill) as processes:
            told.append([process.communicate(timeout=LIMIT) for process in processes])
        codes.append([process.returncode for process in processes])
    return folder, told, codes


def test_a_killed_process_ends_the_other_in_a_sentence(killed_twice: tuple) -> None:
    _, told, codes = killed_twice
    assert codes == [[1, -signal.SIGKILL], [-signal.SIGKILL, 1], [0, 0]], told
    sentence = "expected 2 processes to the end, lost one: start the same command again, and it goes on from there\n"
    assert told[0][0][1] == told[1][1][1] == sentence
    assert told[2][0][1] == told[2][1][1] == ""


def test_killed_twice_and_resumed_two_processes_train_the_network_that_one_trains(
    killed_twice: tuple, alone: list[Progress]
) -> None:
    """Both processes end in the same weights to the last bit, and in those of one process up to rounding."""
    folder, told, _ = killed_twice
    starts = [lines(two[0][0]) for two in told]
    assert starts[1][0][0] in (5, 6), "the second start did not go on where the first was killed"
    assert starts[2][0][0] in (8, 9), "the third start did not go on where the second was killed"
    losses = {int(step): loss for start in starts for step, loss in start}
    expected = {report.step: report.loss for report in alone}
    assert losses == pytest.approx({step: expected[step] for step in losses}, abs=1e-4)
    one, other = loaded(folder, "weights")
    for key, value in alone[-1].model.state_dict().items():
        assert torch.equal(one[key], other[key])
        torch.testing.assert_close(one[key], value, rtol=1e-4, atol=1e-4)
    assert sorted(path.name for path in folder.glob("*run*")) == ["run.pt"]
    assert not (folder / "not here.pt").exists(), "the second process has written a checkpoint"


def test_one_process_reads_the_checkpoint_of_two(killed_twice: tuple) -> None:
    folder, _, _ = killed_twice
    (report,) = train(SHORT, *colours(), checkpoint=folder / "run.pt")
    assert report.step == report.steps == 10
    assert all(
        torch.equal(report.model.state_dict()[key], value) for key, value in loaded(folder, "weights")[0].items()
    )


def test_batch_norm_over_two_processes_is_that_of_the_whole_batch(killed_twice: tuple) -> None:
    """Outputs, gradients and running statistics, in double precision."""
    halves = loaded(killed_twice[0], "norm")
    x = torch.load(killed_twice[0] / "data.pt", weights_only=True)["x"].requires_grad_()
    norm = nn.BatchNorm2d(3).double()
    y = norm(x)
    (y**3).mean().backward()
    joined = {key: torch.cat([half[key] for half in halves]) for key in ("y", "x")}
    torch.testing.assert_close(joined["y"], y.detach())
    torch.testing.assert_close(joined["x"] / 2, x.grad)  # each process took the mean over its half
    for key, parameter in norm.named_parameters():
        torch.testing.assert_close((halves[0][key + " gradient"] + halves[1][key + " gradient"]) / 2, parameter.grad)
    for key, value in norm.state_dict().items():
        assert torch.equal(halves[0][key], halves[1][key])
        torch.testing.assert_close(halves[0][key], value)


@pytest.mark.full  # above, processes that are started as by a launcher train the same
def test_accelerate_launch_trains_the_same_and_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command as a person types it, without a configuration and without a terminal."""
    (tmp_path / "sitecustomize.py").write_text(CUSTOMISED)
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command = [*launcher, "--main_process_port", str(free_port()), "-m", "course_lib", "train", "colours"]
    settings = environment(HF_HOME=str(tmp_path / "none"), PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    told = subprocess.run(
        [*command, "--count", "50"],
        env=settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("colours: clean") == 1
    assert told.stdout.count("'epoch': 3") == 1
    card, model = load_card("colours", folder=tmp_path), load_model("colours", folder=tmp_path)
    assert card["trained_on"]["processes"] == 2
    monkeypatch.setattr(trainer, "CHECKPOINTS", tmp_path / "alone")
    trainer.run(job(tmp_path, name="alone"), count=50, processes=Alone("cpu"))
    expected = load_model("alone", folder=tmp_path).state_dict()
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, expected[key], rtol=2e-3, atol=2e-3)  # half precision, and the best epoch


def test_one_process_where_several_were_asked_for_is_refused() -> None:
    """`accelerate launch --cpu --num_processes 2` starts one process, and tells it an address alone."""
    given = {"ACCELERATE_USE_CPU": "True", "ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1"}
    command = [sys.executable, "-m", "course_lib", "train", "picturebook-robust"]
    told = subprocess.run(command, env=environment(**given), capture_output=True, text=True, timeout=LIMIT)
    assert (told.returncode, told.stderr) == (1, ONE_ONLY + "\n")


THIRD: Any = SimpleNamespace(  # the second of three, for what needs no other one
    number=1, count=3, first=False, device="cpu", accelerator=SimpleNamespace(prepare_model=lambda model: model)
)


def test_a_share_is_a_third_of_every_tensor_and_shares_are_equal() -> None:
    images, run = torch.arange(12).view(12, 1), SharedRun(RECIPE, THIRD)
    assert [share.flatten().tolist() for share in run.share(images, images[:6])] == [[4, 5, 6, 7], [2, 3]]
    with pytest.raises(ValueError, match="expected a batch that 3 processes share equally, got 16"):
        run.share(images, torch.zeros(16))


def test_the_noise_of_a_share_is_that_of_the_whole_batch() -> None:
    images, labels = colours(12)
    runs = Run(RECIPE), SharedRun(RECIPE, THIRD)
    whole, share = (run.attacked(images.float() / 255, labels, RECIPE.ball(1.0), 2) for run in runs)
    torch.testing.assert_close(share, whole[4:8])


def test_one_process_changes_nothing_of_a_network() -> None:
    run = Alone().run(RECIPE)
    assert type(run) is Run
    assert run.connected is run.model
    assert {type(module) for module in run.model.modules() if isinstance(module, nn.BatchNorm2d)} == {nn.BatchNorm2d}
