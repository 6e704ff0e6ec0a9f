"""The compiled kernels of the live page: `python -m tests.tools.kernels` makes .site/live/kernels.wasm from kernels.c.

The compiler comes from PyPI (`ziglang`), for development alone: readers get the compiled file.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LIVE = Path(__file__).parents[2] / ".site" / "live"
COMPILED = LIVE / "kernels.wasm"
OPTIONS = ["-target", "wasm32-freestanding", "-O3", "-msimd128", "-mbulk-memory", "-fno-builtin", "-nostdlib"]
OPTIONS += ["-Wall", "-Wextra", "-Werror", "-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--export=__heap_base"]


def compiled(source: str = (LIVE / "kernels.c").read_text()) -> bytes:
    """The WebAssembly of this C source."""
    with tempfile.TemporaryDirectory() as folder:
        caches = {f"ZIG_{kind}_CACHE_DIR": folder for kind in ("GLOBAL", "LOCAL")}
        (Path(folder) / "kernels.c").write_text(source)
        command = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, "-o", "kernels.wasm", "kernels.c"]
        subprocess.run(command, cwd=folder, env=os.environ | caches, check=True)
        return (Path(folder) / "kernels.wasm").read_bytes()


if __name__ == "__main__":
    COMPILED.write_bytes(compiled())
