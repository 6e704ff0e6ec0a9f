"""The GPU's bench, rehearsed on a CPU: every contender runs, and all of single precision end at the same loss."""

import json
import sys
from pathlib import Path

import pytest

from tests.bench import bench_gpu


@pytest.mark.full
def test_the_bench_of_gpus_runs_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bench.json"
    small = {"device": "cpu", "steps": 2, "rounds": 2, "batch": 2, "sizes": 32, "training-batches": 4, "output": path}
    monkeypatch.setattr(sys, "argv", ["bench_gpu", *(f"--{name}={value}" for name, value in small.items())])
    bench_gpu.main()
    result = json.loads(path.read_text())
    (measured,) = result["generation"]
    losses = {name: row["loss at the end"] for name, row in measured["contenders"].items()}
    exact = {name: loss for name, loss in losses.items() if "bfloat16" not in name}
    assert exact == pytest.approx(dict.fromkeys(exact, losses["ours"]), rel=1e-2)
    assert losses["ours, bfloat16"] == pytest.approx(losses["ours"], rel=0.1)
    assert result["training"]["minutes"] > 0
    assert "ours, compiled" in capsys.readouterr().out
