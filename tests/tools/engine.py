"""The engine of the live page in a real browser, called from Python: tensors in, tensors out."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Page
from torch import Tensor

from course_lib.storage.files import DATA
from tests.tools.kernels import COMPILED, LIVE

SCRIPTS = ("engine", "seeds", "worker")  # the order in which the page bundles them
TOOLS = """
function toBytes(text) {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}
function toText(floats) {
  const bytes = new Uint8Array(floats.buffer), parts = [];
  for (let i = 0; i < bytes.length; i += 8192) parts.push(String.fromCharCode(...bytes.subarray(i, i + 8192)));
  return btoa(parts.join(""));
}
const revived = (key, value) => (value?.floats === undefined ? value : new Float32Array(toBytes(value.floats).buffer));
const written = (key, value) => (value instanceof Float32Array ? { floats: toText(value) } : value);
const replay = (values) => ({ uniform: () => values[at++], normal: () => values[at++] }); // random numbers from Python
const AsyncFunction = (async () => {}).constructor, loaded = {};
let at = 0, engine;
async function call(code, given) {
  const values = JSON.parse(given, revived);
  at = 0;
  return JSON.stringify(await new AsyncFunction(...Object.keys(values), code)(...Object.values(values)), written);
}
"""


def source(name: str) -> str:
    return (LIVE / f"{name}.js").read_text()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def packed(value: object) -> dict[str, str]:
    """A tensor for JSON."""
    assert isinstance(value, Tensor)
    return {"floats": text(value.detach().float().contiguous().numpy().tobytes())}


def unpacked(value: dict[str, Any]) -> Any:
    """What JSON brought: tensors where there were floats."""
    return (
        torch.frombuffer(bytearray(base64.b64decode(value["floats"])), dtype=torch.float32)
        if "floats" in value
        else value
    )


@dataclass
class Engine:
    """A page with the engine's scripts, and networks loaded by name."""

    page: Page

    def start(self) -> "Engine":
        for script in (source("engine"), source("seeds"), TOOLS):
            self.page.add_script_tag(content=script)
        self.call("engine = await Engine.start(toBytes(wasm))", wasm=text(COMPILED.read_bytes()))
        return self

    def call(self, code: str, **given: Any) -> Any:
        """What the body of an asynchronous function returns that knows these values by name."""
        answer = self.page.evaluate("([code, given]) => call(code, given)", [code, json.dumps(given, default=packed)])
        return json.loads(answer, object_hook=unpacked) if answer else None

    def load(self, name: str, card: dict[str, Any] | None = None, data: bytes | None = None) -> None:
        """A shipped network, or that of a card and a weight file."""
        path = DATA / "weights" / name
        if card is None or data is None:
            card, data = json.loads(Path(f"{path}.json").read_text()), Path(f"{path}.safetensors").read_bytes()
        self.call("loaded[name] = engine.network(card, toBytes(data))", name=name, card=card, data=text(data))

    def gradient(self, name: str, image: Tensor, label: int) -> dict[str, Any]:
        """{loss, gradient, logits} of one image (1, 3, H, W)."""
        return self.call("return loaded[name].lossAndGradient(image, label)", name=name, image=image, label=label)

    def frames(self, name: str, *, every: int = 1, **problem: Any) -> list[dict[str, Any]]:
        """{step, image, loss, logits} of every so many steps of a problem."""
        code = "return [...frames({ network: loaded[name], ...problem })].filter(({ step }) => step % every === 0)"
        return self.call(code, name=name, every=every, problem=problem)
