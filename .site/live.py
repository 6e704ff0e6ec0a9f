"""The live page: one folder that any browser opens, from a static host or by a double click, without Python.

`build(target)` writes it: the page, one bundle of all scripts, and weights, statistics, photographs and films as
scripts beside it, since a page that was opened from a file may fetch nothing.
"""

import base64
import hashlib
import io
import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from course_lib import plots, testbeds
from course_lib.constraints import norms
from course_lib.datasets import shipped
from course_lib.pgd import frames, value_and_gradient
from course_lib.pixels import bicubic, to_uint8
from course_lib.seeds import KINDS
from course_lib.storage.files import DATA
from course_lib.tasks import cross_entropy, refine
from course_lib.testbeds import imagenette
from course_lib.testbeds.statistics import load_statistics
from course_lib.testbeds.testbed import task_of
from course_lib.testbeds.weights import load_model

SOURCES = Path(__file__).with_name("live")
WIDGETS = Path(testbeds.__file__).parents[1] / "widgets"
PAIR, STATISTICS, FIRST = "imagenette-128", "imagenette", "church"
ENGINE = ["engine", "seeds", "worker"]  # plain scripts, one after the other
MODULES = ["data", "state", "pictures", "canvas", "canvases", "starts", "stage", "controls", "films", "machines"]
MODULES += ["task"]
SHOWN = ["multivariate", "mixture", "normal", "uniform"]  # kinds of seeds, in the menu's order
DRAWN = {"disc": "springer", "grey": FIRST}  # drawn starts, each with a class that suits it
LONGEST = 10  # frames of a film
PRESETS: list[dict[str, Any]] = [
    {"title": "sample to church", "film": "sample", "state": {"start": "multivariate"}},
    {"title": "noise to church", "film": "noise", "state": {"start": "uniform"}},
    {"title": "rocket to church", "film": "photograph", "state": {"start": "rocket"}},
    {"title": "gradient", "film": "gradient", "state": {"view": "gradient", "start": "cat"}},
    {"title": "training radius", "state": {"view": "gradient", "start": "cat", "radius": "3"}},
    {"title": "fill a hole", "state": {"view": "hole", "start": "brick", "epsilon": 16, "size": 2.5}},
    {"title": "disc to springer", "state": {"start": "disc"}},
    {"title": "cat to springer", "state": {"start": "cat"}},
    {"title": "grey to church", "state": {"start": "grey"}},
]


def build(target: Path) -> None:
    """Write the whole folder; what was there before is replaced."""
    shutil.rmtree(target, ignore_errors=True)
    (target / "data").mkdir(parents=True)
    seeds = packed(DATA / "statistics" / STATISTICS)
    for name, value in (*networks(), ("statistics", seeds), ("photographs", photographs())):
        store(target, name, value)
    sizes = {path.stem: path.stat().st_size for path in (target / "data").iterdir()}
    for preset in PRESETS:
        if "film" in preset:
            store(target, f"film-{preset['film']}", film(preset["state"]))
    (target / "live.js").write_text(bundle(sizes))
    (target / "live.css").write_text((WIDGETS / "canvas.css").read_text() + (SOURCES / "live.css").read_text())
    page = (SOURCES / "index.html").read_text().replace("TERMS", escape(terms()))
    (target / "index.html").write_text(page.replace("CREDITS", "".join(credits())))
    (target / "sw.js").write_text(worker_of(target))


def store(target: Path, name: str, value: object) -> None:
    (target / "data" / f"{name}.js").write_text(f"course.store({json.dumps(name)}, {json.dumps(value)});\n")


def worker_of(target: Path) -> str:
    """The service worker, which keeps all files of this build: the page first, the largest last."""
    paths = sorted((path for path in target.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    print_of = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]
    files = ["./", *(path.relative_to(target).as_posix() for path in paths)]
    source = (SOURCES / "sw.js").read_text()
    return source.replace('["FILES"]', json.dumps(files)).replace("FINGERPRINT", print_of)


# --- scripts


def bundle(sizes: dict[str, int]) -> str:
    """All modules as one classic script: pages from files may load no modules."""
    folders = dict.fromkeys([*ENGINE, *MODULES, "page"], SOURCES) | {"canvas": WIDGETS}
    text = {name: (folder / f"{name}.js").read_text() for name, folder in folders.items()}
    wasm = base64.b64encode((SOURCES / "kernels.wasm").read_bytes()).decode()
    settings = {**choices(), "sizes": sizes, "wasm": wasm, "worker": "".join(text[name] for name in ENGINE)}
    made = {"settings": f"exports.default = {json.dumps(settings)};\n"}
    made["seeds"] = text["engine"] + text["seeds"] + "exports = { enlarged, random, readStatistics, sample };\n"
    made |= {name: plain(text[name]) for name in MODULES}
    parts = [
        f"modules.{name} = (() => {{ let exports = {{}};\n{code}return exports; }})();\n" for name, code in made.items()
    ]
    return f'"use strict";\n(() => {{ const modules = {{}};\n{"".join(parts)}{plain(text["page"])}}})();\n'


def plain(module: str) -> str:
    """A module without `import` and `export`: it reads from `modules` and adds to `exports`."""
    exported = re.findall(r"^export (?:async )?(?:function\*?|class|const) (\w+)", module, re.M)
    for found, value in ((r"(\{[^}]*\})", ""), (r"\* as (\w+)", ""), (r"(\w+)", ".default")):
        line = rf'^import {found} from "\./(\w+)\.js";'
        module = re.sub(line, rf"const \1 = modules.\2{value};", module, flags=re.M)
    module = re.sub(r"^export default ", "exports.default = ", module, flags=re.M)
    module = re.sub(r"^export ", "", module, flags=re.M)
    return module + "".join(f"exports.{name} = {name};\n" for name in exported)


def choices() -> dict[str, Any]:
    """What the scripts have to know of the course: classes, kinds of seeds, tuned settings, presets."""
    pair, tuned = testbeds.load(PAIR), json.loads((DATA / "tuned" / f"{PAIR}.json").read_text())
    return {
        "size": pair.resolution,
        "classes": pair.classes,
        "kind": FIRST,
        "kinds": {name: {"noise": KINDS[name].noise} for name in SHOWN},
        "drawn": DRAWN,
        "suggested": shipped.SUGGESTED,
        "pair": {role: pair.weights[role] for role in ("robust", "standard")},
        "radii": [pair.radius, *imagenette.dial()],
        "tuned": {name: tuned[name] for name in ("generate", "generate from noise", "inpaint")},
        "presets": PRESETS,
    }


# --- data


def networks() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in (*testbeds.load(PAIR).weights.values(), *imagenette.dial().values()):
        if "judge" not in name:
            yield name, packed(DATA / "weights" / name)


def packed(path: Path) -> dict[str, Any]:
    """Tensors in base64, with what of their card the page reads."""
    card = json.loads(Path(f"{path}.json").read_text())
    data = base64.b64encode(Path(f"{path}.safetensors").read_bytes()).decode()
    return {"card": {key: card[key] for key in ("name", "terms", "recipe") if key in card}, "base64": data}


def photographs() -> dict[str, str]:
    return {name: data_address((shipped.FOLDER / f"{name}.webp").read_bytes()) for name in shipped.SUGGESTED}


def data_address(webp: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def terms() -> str:
    """What may be done with the networks and the statistics."""
    return str(json.loads((DATA / "weights" / f"{PAIR}-robust.json").read_text())["terms"])


def credits() -> Iterator[str]:
    """Who made the photographs: the rows of the table in data/README.md."""
    for name, shows, author, licence in re.findall(
        r"^\| `photographs/(\w+)\.webp` \| (.+?) \| (.+?) \| (.+?) \|$", (DATA / "README.md").read_text(), re.M
    ):
        yield f"<li>{escape(name.replace('_', ' '))}: {escape(shows)}, by {escape(author)} ({escape(licence)})</li>\n"


# --- films


def film(state: dict[str, Any]) -> dict[str, Any]:
    """What both networks make of a preset, as pictures below each other, with what the page says below them.

    In double precision: in single, the gradient of a network that is sure is little more than its rounding.
    """
    pair, kind = testbeds.load(PAIR), state["start"]
    number = pair.classes.index(shipped.SUGGESTED.get(kind, FIRST))
    start, label = start_of(kind, number).double(), torch.tensor([number])
    tuned, roles = pair.tuned[task_of(kind) if kind in KINDS else "translate"], {}
    for role in ("robust", "standard"):
        model = load_model(pair.weights[role]).double()
        steps = slope(model, start, label) if state.get("view") == "gradient" else walk(model, start, label, tuned)
        roles[role] = sheet([*steps])
    return {"side": pair.resolution, "steps": roles["robust"]["frames"][-1]["step"], "roles": roles}


def walk(model: nn.Module, start: Tensor, label: Tensor, tuned: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Some frames of a trajectory, the first and the last among them."""
    problem = refine(model, start, label, **tuned)
    every = math.ceil(problem.steps / (LONGEST - 1))
    for frame in frames(problem):
        if frame.step % every == 0 or frame.step == problem.steps:
            yield told(model, frame.images, label, start) | {"step": frame.step, "image": frame.images}


def slope(model: nn.Module, start: Tensor, label: Tensor) -> Iterator[dict[str, Any]]:
    """Minus the gradient of the loss at the start, as a picture."""
    _, gradient = value_and_gradient(cross_entropy(model, label), start)
    yield told(model, start, label, start) | {"step": 0, "image": plots.gradient_pictures(-gradient)}


def told(model: nn.Module, images: Tensor, label: Tensor, start: Tensor) -> dict[str, Any]:
    """What the network itself gives to the class, and how far the picture has come."""
    with torch.no_grad():
        return {"share": model(images).softmax(1)[0, label].item(), "length": norms(images - start).item()}


def sheet(steps: list[dict[str, Any]]) -> dict[str, Any]:
    below, file = torch.cat([each.pop("image") for each in steps], dim=2), io.BytesIO()
    Image.fromarray(to_uint8(below)[0]).save(file, "WEBP", quality=84, method=6)
    return {"sheet": data_address(file.getvalue()), "frames": steps}


def start_of(kind: str, label: int) -> Tensor:
    """The start that the page draws with the random seed 0, (1, 3, size, size); a test compares the two."""
    if kind in shipped.SUGGESTED:
        return shipped.photograph(kind)
    dice, size = Dice(0), testbeds.load(PAIR).resolution
    if kind == "uniform":
        return torch.tensor([dice.uniform() for _ in range(3 * size * size)]).view(1, 3, size, size)
    normal = load_statistics(STATISTICS)[kind].seeds  # on its small grid
    dice.uniform()  # which of the class's normals: there is one
    z = torch.tensor([dice.normal() for _ in range(normal.factors.shape[1])])
    noise = torch.tensor([dice.normal() for _ in range(normal.means[0].numel())]).view_as(normal.means[0])
    small = (
        normal.means[label] + torch.einsum("k,kchw->chw", z, normal.factors[label]) + normal.residuals[label] * noise
    )
    return bicubic(small.clamp(0, 1)[None], size // small.shape[-1])


class Dice:
    """The random numbers of seeds.js."""

    def __init__(self, seed: int) -> None:
        self.state, self.spare = [0x9E3779B9, 0x243F6A88, seed, 1], list[float]()
        for _ in range(16):
            self.uniform()

    def uniform(self) -> float:
        a, b, c, count = self.state
        result = (a + b + count) & 0xFFFFFFFF
        mixed = ((c << 21 | c >> 11) + result) & 0xFFFFFFFF
        self.state = [b ^ b >> 9, (c + (c << 3)) & 0xFFFFFFFF, mixed, (count + 1) & 0xFFFFFFFF]
        return (result >> 8) / 2**24

    def normal(self) -> float:
        if not self.spare:
            length, angle = math.sqrt(-2 * math.log(1 - self.uniform())), 2 * math.pi * self.uniform()
            self.spare = [length * math.sin(angle), length * math.cos(angle)]
        return self.spare.pop()


if __name__ == "__main__":
    build(SOURCES.parents[1] / "build" / "site" / "live")
