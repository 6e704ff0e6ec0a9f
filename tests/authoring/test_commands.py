"""The course's commands, as a person types them."""

import subprocess
import sys

import pytest
import torch

from course_lib import __main__ as program
from course_lib.authoring import train as trainer
from course_lib.authoring.train import Job
from course_lib.training.loop import Run
from tests.authoring.test_train import job

OPTIONS = {
    "train": ["names", "--status", "--again", "--measure", "--count", "--data"],
    "tune": ["--count", "--final"],
    "measure": ["--count"],
    "cards": ["names", "--table", "--count"],
    "dose": ["--count", "--weights"],
    "judges": ["names", "--count"],
    "samples": ["--out", "--testbed", "--count", "--model", "--seeds", "--seed", "--batch", "--scores"],
    "statistics": ["cifar10", "--size"],
    "grade": ["submissions"],
}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 1, "usage: python -m course_lib COMMAND"),
        (["--help"], 0, "usage: python -m course_lib COMMAND"),
        (["trian"], 1, "expected a command among train, tune, measure, cards, "),
    ],
)
def test_the_program_says_which_commands_there_are(words: list[str], code: int, told: str) -> None:
    command = [sys.executable, "-W", "error", "-m", "course_lib", *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == code
    assert (ended.stderr if code else ended.stdout).startswith(told)
    assert all(name in ended.stdout + ended.stderr for name in program.COMMANDS)


@pytest.mark.parametrize("name", program.COMMANDS)
def test_help_names_the_options(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Of whatever testbed: none is loaded for it."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TESTBED", "nothing")
    with pytest.raises(SystemExit) as ended:
        program.main([name, "--help"])
    assert not ended.value.code
    told = capsys.readouterr().out
    assert told.startswith(f"usage: python -m course_lib {name} [-h]")
    _, _, described = told.partition("options:")
    assert all(option in told for option in OPTIONS.get(name, []))
    assert "--help" in described
    assert len(told.splitlines()) < 40
    assert max(map(len, told.splitlines())) <= 120


def test_status_tells_what_is_there_what_is_begun_and_what_is_missing(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINTS", tmp_path / "checkpoints")
    ready, begun, missing = jobs = [job(tmp_path, name=name) for name in ("ready", "begun", "missing")]
    monkeypatch.setattr(trainer, "jobs", lambda data: ({"ready": ready, "begun": begun}, {"missing": missing}))
    monkeypatch.setattr(Job, "measured", lambda *_, **__: {"clean": [1.0], "robust": [0.5]})
    ready.save(ready.recipe.build(), {"recipe": vars(ready.recipe)}, count=1)
    run = Run(begun.recipe)
    run.step, run.seconds = 13, 150.0
    run.save(begun.checkpoint)
    capsys.readouterr()
    program.main(["train", "--status"])
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines == [["ready", "there"], ["begun", "begun: 13 steps, 2 minutes"], ["missing", "missing"]]
    assert torch.load(begun.checkpoint, weights_only=True)["step"] == 13
    assert [one.done for one in jobs] == [True, False, False]


def test_names_that_nobody_knows_are_refused_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        program.main(["train", "no-such-model", "picturebook-robust"])
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("python -m course_lib train: error: expected names among picturebook-robust, ")
    assert told.endswith("; got no-such-model")
