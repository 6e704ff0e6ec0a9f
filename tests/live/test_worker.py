"""The worker of the live page: it answers, and what is newer ends what is older."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from course_lib.storage.files import DATA
from tests.tools.engine import Engine, source, text
from tests.tools.kernels import COMPILED

NAME = "imagenette-radius-3"
SCRIPT = "\n".join(source(name) for name in ("engine", "seeds", "worker"))
TOOLS = """
globalThis.worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
globalThis.heard = [];
let wake = () => {};
worker.onmessage = ({ data }) => (heard.push(data), wake());
globalThis.until = async (holds) => {
  while (!heard.some(holds)) await new Promise((resolve) => (wake = resolve));
};
globalThis.again = async () => {
  const answered = () => heard.filter(({ loaded }) => loaded).length, before = answered();
  worker.postMessage(load);
  await until(() => answered() > before);
};
"""


@pytest.fixture(scope="module")
def worker(engine: Engine) -> Iterator[Engine]:
    """A page with a worker that has loaded a network; `heard` holds its answers, `until` waits for one."""
    engine.call(TOOLS, script=SCRIPT)
    engine.call("worker.postMessage({ act: 'start', wasm: toBytes(wasm) })", wasm=text(COMPILED.read_bytes()))
    card, weights = (DATA / "weights" / f"{NAME}{end}" for end in (".json", ".safetensors"))
    code = "globalThis.load = { act: 'load', name, card: JSON.parse(card), weights: toBytes(weights).buffer };"
    code += "await again()"
    engine.call(code, name=NAME, card=card.read_text(), weights=text(weights.read_bytes()))
    yield engine
    engine.call("worker.terminate()")


@pytest.fixture(autouse=True)
def nothing_heard(worker: Engine) -> None:
    worker.call("heard.length = 0")


def problem(steps: int) -> dict[str, Any]:
    start = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    return {"label": 2, "start": start, "ball": {"norm": "l2", "radius": 8}, "steps": steps, "stepSize": 2}


def test_a_run_gives_the_frames_of_the_engine(worker: Engine) -> None:
    code = "worker.postMessage({ act: 'run', id: 1, name, problem }); await until(({ done }) => done); return heard"
    *found, end = worker.call(code, name=NAME, problem=problem(3))
    worker.load(NAME)
    expected = worker.frames(NAME, **problem(3))
    assert [frame["step"] for frame in found] == [0, 1, 2, 3]
    for frame, other in zip(found, expected, strict=True):
        assert frame["id"] == 1
        assert torch.equal(frame["image"], other["image"])
        assert torch.equal(frame["logits"], other["logits"])
        assert frame["loss"] == other["loss"]
    assert end["done"] is True
    assert end["seconds"] > 0


@pytest.mark.parametrize("newer", ["run", "gradient", "stop"])
def test_a_newer_message_ends_an_older_run_within_a_step(newer: str, worker: Engine) -> None:
    """The first run is given up in its middle; the message that ends the second one waits when that begins."""
    code = """
    worker.postMessage({ act: "run", id: 1, name, problem });
    await until(({ id, step }) => id === 1 && step === 2);
    worker.postMessage({ act: "run", id: 2, name, problem });
    worker.postMessage({ act: newer, id: 3, name, problem: { ...problem, steps: 2 }, ...gradient });
    if (newer !== "stop") await until(({ id, done, gradient }) => id === 3 && (done || gradient));
    else await again(); // all that was asked is done
    const count = heard.length;
    for (let time = 0; time < 3; time++) await again(); // meanwhile an older run that went on would be heard
    const answers = heard.filter(({ loaded }) => !loaded);
    return [heard.length - count, answers.map(({ id, step, error }) => [id, step ?? null, error ?? null])];
    """
    gradient = {"image": torch.rand(3, 64, 64), "label": 1, "sigma": 0.1, "copies": 2, "seed": 0}
    late, heard = worker.call(code, name=NAME, newer=newer, problem=problem(10_000), gradient=gradient)
    assert not [error for *_, error in heard if error]
    steps = [step for id, step, _ in heard if id == 1]
    assert steps == list(range(len(steps)))
    assert len(steps) >= 3
    ids = [id for id, *_ in heard]
    assert ids == sorted(ids)
    assert ids.count(2) in (1, 2), "no further than a step"
    assert ids.count(3) == {"run": 4, "gradient": 1, "stop": 0}[newer]
    assert late == 3, "the answers to the three questions"


def test_averaging_ends_as_well(worker: Engine) -> None:
    code = """
    const given = { act: "gradient", name, image, label: 1, sigma: 0.1, seed: 0 };
    const ask = (id, copies) => worker.postMessage({ ...given, id, copies });
    ask(1, 100000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    ask(2, 2);
    await until(({ id }) => id === 2);
    return heard;
    """
    (found,) = worker.call(code, name=NAME, image=torch.rand(3, 64, 64))
    assert found["id"] == 2
    assert found["gradient"].shape == (3 * 64 * 64,)
    assert found["logits"].shape == (10,)


def test_errors_are_one_sentence(worker: Engine) -> None:
    code = "worker.postMessage(message); await until(({ error }) => error); return heard"
    (answer,) = worker.call(code, message={"act": "run", "id": 5, "name": "nobody", "problem": problem(1)})
    assert answer == {"id": 5, "error": "expected a network that is loaded, got nobody"}
    worker.call("heard.length = 0")
    (answer,) = worker.call(code, message={"act": "load", "name": "bad", "card": {}, "weights": {}})
    assert answer["error"].startswith("expected ")
