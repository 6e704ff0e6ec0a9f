"""`python -m tests.tools.picture` takes the README's picture of the live page, as a browser shows it on opening."""

import importlib
import io
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.tools import lab, programs

PICTURE = lab.COURSE / "data" / "results" / "live.webp"


def main() -> None:
    sys.path.insert(0, str(lab.COURSE / ".site"))
    path = programs.needed(programs.chromium(), programs.NO_CHROMIUM)
    with tempfile.TemporaryDirectory() as folder, lab.chromium(path) as browser:
        importlib.import_module("live").build(Path(folder))
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"file://{folder}/index.html")
        page.locator("#counter", has_text=re.compile(r"^step (\d+) of \1$")).wait_for()
        page.locator("#loading").wait_for(state="hidden", timeout=lab.PATIENCE * 1000)
        Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(PICTURE, quality=85)


if __name__ == "__main__":
    main()
