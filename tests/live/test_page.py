"""The live page in Chromium: from a file and from a static host, with everything that a reader does there."""

import gzip
import importlib.util
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser

from course_lib import plots, testbeds
from course_lib.datasets.shipped import SUGGESTED, photograph
from course_lib.pgd import solve
from course_lib.tasks import fill_smoothly, translate
from tests.conftest import ROOT
from tests.tools import lab, programs
from tests.tools.firefox import firefox
from tests.tools.hand import Hand
from tests.tools.live import Live, published
from tests.tools.web import serving

SCREEN = {"width": 1280, "height": 720}
FIRST = "view=towards&class=church&start=multivariate&epsilon=32&steps=8&size=10&seed=0"
CAT = "view=towards&class=springer&start=cat&epsilon=32&steps=3&size=10&seed=0"
HOSTILE = "view=constructor&class=<img src=x onerror=document.title=1>&start=__proto__&epsilon=1e999&steps=-3&seed=0.5"
STATUS = "document.querySelector('#status').textContent"
NO_SIMD = "WebAssembly.validate = () => false"
DRAWN = """addEventListener("DOMContentLoaded", () => new MutationObserver(() => window.drawn ??= performance.now())
    .observe(document.querySelector("#robust"), { attributeFilter: ["data-step"] }))"""
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 1.6e6 / 8}
SMALLEST = """() => Math.min(...[...document.querySelectorAll("body *")]
    .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
    .filter(element => element.checkVisibility() && !element.closest(".unseen, option, optgroup"))
    .map(element => parseFloat(getComputedStyle(element).fontSize)))"""
WIDE = "() => document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    """.site/live.py"""
    found = importlib.util.spec_from_file_location("live", ROOT / ".site" / "live.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The live page, in a folder far from the course."""
    path = tmp_path_factory.mktemp("elsewhere") / "live"
    builder.build(path)
    return path


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with lab.chromium(chromium_path) as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(browser: Browser, folder: Path) -> Iterator[Live]:
    """The page from a file, once for all tests that go to an address of their own."""
    page = browser.new_context(viewport=SCREEN).new_page()
    live = Live(page, f"{(folder / 'index.html').as_uri()}#{FIRST}")
    live.wait()
    yield live
    page.context.close()


@pytest.fixture
def live(opened: Live) -> Iterator[Live]:
    opened.page.set_viewport_size(SCREEN)
    yield opened
    assert opened.problems == []


def weight(paths: list[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 6)) for path in paths)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


# --- what is built


def test_the_folder_stands_alone_and_is_small(folder: Path, builder: ModuleType) -> None:
    first = [folder / name for name in ("index.html", "live.css", "live.js", "data/film-sample.js")]
    pair = [
        folder / "data" / f"{name}.js" for name in ("imagenette-128-robust", "imagenette-128-standard", "statistics")
    ]
    assert weight(first) < 200_000, "bytes before the first picture"
    assert weight([*first, *pair]) < 8_000_000
    assert {path.name for path in folder.iterdir()} == {"index.html", "live.css", "live.js", "sw.js", "data"}
    kept = json.loads(re.search(r"\[.*?\]", (folder / "sw.js").read_text())[0])
    assert {*kept} == {"./"} | {p.relative_to(folder).as_posix() for p in folder.rglob("*.*") if p.name != "sw.js"}
    page = (folder / "index.html").read_text()
    assert all(name.replace("_", " ") in page for name in SUGGESTED), "whose photographs they are"
    assert "default-src 'none'" in page
    assert not re.search(r"\b(src|href)=\"(https?:)?//|style=|<script>", page)
    outside = set(re.findall(r"https?://[\w./-]+", "".join(path.read_text() for path in folder.rglob("*.*"))))
    assert outside == set(), "addresses that a browser could ask"


def test_pictures_are_those_of_the_library(browser: Browser, builder: ModuleType) -> None:
    text = (ROOT / ".site" / "live" / "pictures.js").read_text()
    page = browser.new_page()
    page.evaluate(f"() => {{ const exports = {{}}; {builder.plain(text)}; window.pictures = exports }}")

    def asked(code: str, *values: torch.Tensor) -> torch.Tensor:
        found = page.evaluate(
            f"values => {{ const [a, b] = values.map(v => new Float32Array(v)); return [...{code}] }}",
            [value.flatten().tolist() for value in values],
        )
        return torch.tensor(found)

    cat, mask = photograph("cat", 32), torch.zeros(1, 1, 32, 32)
    mask[..., 10:22, 8:32] = 1
    assert torch.allclose(asked("pictures.filled(a, b)", cat, mask), fill_smoothly(cat, mask).flatten(), atol=2e-3)
    gradient = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    ours = plots.gradient_pictures(-gradient).flatten()
    assert torch.allclose(asked("pictures.gradientPicture(a, 1)", gradient), ours, atol=1e-5)
    half = torch.nn.functional.avg_pool2d(cat, 2).flatten()
    assert torch.allclose(asked("pictures.halved(a)", cat), half, atol=1e-6)
    page.close()


# --- from a file


def test_a_double_click_shows_the_film_and_then_computes_the_same(live: Live) -> None:
    assert live.status.startswith("Ready")
    live.find("#play").filter(has_text="Play").wait_for()
    film, said = live.pictures, live.said("robust")
    live.find("#step").evaluate("slider => { slider.value = 0; slider.dispatchEvent(new Event('input')) }")
    start = live.pictures
    assert apart(start["robust"], start["standard"]) < 0.01, "both begin with the same picture"
    assert apart(start["robust"], live.picture(".paper >> nth=0")) < 0.03
    live.move("steps", 3)
    live.move("steps", 8)
    assert live.address == FIRST
    assert live.status.startswith("Done in")
    assert live.said("robust") == said
    assert max(apart(film[role], picture) for role, picture in live.pictures.items()) < 0.04, "but for the film's WebP"
    assert apart(*live.pictures.values()) > 0.1, "robust and standard differ"


def test_a_photograph_is_translated_as_with_the_library(live: Live) -> None:
    live.go(CAT)
    testbed = testbeds.load("imagenette-128")
    label, settings = torch.tensor([testbed.classes.index("springer")]), testbed.tuned["translate"] | {"steps": 3}
    for role, model in testbed.models.items():
        ours = solve(translate(model, photograph("cat"), label, **settings))
        theirs = torch.from_numpy(live.pictures[role]).permute(2, 0, 1)[None]
        assert (ours - theirs).abs().mean() < 0.003, "but for 8 bits"
        share, length = model(ours).softmax(1)[0, label].item(), (ours - photograph("cat")).norm().item()
        assert (
            live.said(role)
            == f"springer: {'over 99' if share > 0.995 else round(100 * share)}% changed by {length:.1f}"
        )


def test_the_address_holds_the_state(live: Live) -> None:
    live.go(CAT)
    live.choose("class", "golf ball")
    live.choose("norm", "linf")
    spread = CAT.replace("springer", "golf+ball").replace("32", "0.14434").replace("size=10", "size=0.045105")
    assert live.address == f"{spread}&norm=linf", "the same length, spread over all values"
    assert "largest change" in live.said("robust")
    live.back()
    assert live.address == CAT.replace("springer", "golf+ball")
    assert "changed by" in live.said("robust")
    live.back()
    assert live.find("#class").input_value() == "springer"
    live.back(+1)
    assert live.find("#class").input_value() == "golf ball"
    live.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live.find("#copy").click()
    live.page.locator("#status", has_text="copied").wait_for()
    assert live.page.evaluate("navigator.clipboard.readText()") == live.page.url


def test_settings_follow_the_start_unless_a_person_has_moved_them(live: Live) -> None:
    live.go(FIRST)
    live.choose("start", "uniform", wait=False)
    noise = FIRST.replace("multivariate", "uniform").replace("32&steps=8&size=10", "80&steps=30&size=13.333")
    assert live.address == noise, "what was tuned for noise"
    live.move("epsilon", 40, wait=False)
    assert "epsilon=40&steps=30&size=6.6667" in live.address, "the same way in as many steps"
    live.choose("start", "rocket", wait=False)
    assert "epsilon=40&steps=8&size=12.5" in live.address
    live.move("size", 3, wait=False)
    live.move("steps", 2)
    assert "epsilon=40&steps=2&size=3" in live.address


def test_a_hostile_address_is_the_usual_page_and_one_sentence(live: Live) -> None:
    live.go(HOSTILE)
    assert live.address == FIRST
    assert "that this page does not know" in live.status
    assert live.page.title() != "1"
    assert live.find("img").count() == 0
    assert "onerror" not in live.page.content()


def test_what_is_drawn_on_the_start_changes_the_result(live: Live) -> None:
    live.go("view=towards&class=springer&start=grey&steps=2")
    before, hand = live.pictures, Hand(live, "start: draw on it")
    hand.choose("Rectangle")
    hand.drag((20, 20), (60, 110))
    live.wait()
    drawn = live.pictures
    assert apart(drawn["robust"][30:100, 30:50], before["robust"][30:100, 30:50]) > 0.2
    assert hand.colour((40, 60)) == [0, 0, 0]
    hand.choose("Undo")
    live.wait()
    assert apart(live.pictures["robust"], before["robust"]) < 0.001


def test_a_hole_is_filled_and_the_rest_stays(live: Live) -> None:
    live.go("view=hole&class=gas+pump&start=brick&epsilon=16&steps=6&size=5")
    truth = photograph("brick")[0].permute(1, 2, 0).numpy()
    hole = np.hypot(*np.meshgrid(np.arange(128) - 63.5, np.arange(128) - 57.1)) < 24
    far = np.hypot(*np.meshgrid(np.arange(128) - 63.5, np.arange(128) - 57.1)) > 28
    for picture in live.pictures.values():
        assert apart(picture[far], truth[far]) < 0.03 < apart(picture[hole], truth[hole])
    before, hand = live.pictures, Hand(live, "start: paint a hole")
    hand.choose("Clear")
    live.wait()
    hand.choose("Rectangle")
    hand.drag((4, 90), (60, 124))
    live.wait()
    assert apart(live.pictures["robust"][92:122, 6:58], before["robust"][92:122, 6:58]) > 0.05


def test_gradients_and_the_dial(live: Live) -> None:
    live.go("view=gradient&class=springer&start=cat")
    plain = live.pictures
    assert live.said("robust").endswith("trained at 2.4")
    assert live.said("standard").endswith("trained at 0")
    live.choose("sign", "plus")
    assert apart(live.pictures["robust"], 1 - plain["robust"]) < 0.01, "light and dark change places"
    live.choose("sign", "minus")
    live.move("noise", 0.1)
    live.move("copies", 4)
    assert "noise=0.1&copies=4" in live.address
    assert all(apart(live.pictures[role], plain[role]) > 0.02 for role in plain)
    live.move("noise", 0)
    seen = []
    for place, radius in ((1, "0"), (5, "3")):
        live.move("radius", place)
        assert live.said("robust").endswith(f"trained at {radius}, 64 px")
        seen.append(live.pictures)
    assert apart(seen[0]["robust"], seen[0]["standard"]) == 0, "the same network"
    assert apart(seen[1]["robust"], seen[0]["robust"]) > 0.05
    assert apart(seen[1]["standard"], seen[0]["standard"]) == 0


def test_play_pause_scrub_and_presets_by_key(live: Live) -> None:
    live.go(CAT)
    shown = live.find("#robust")
    assert shown.get_attribute("data-step") == "3"
    live.find("#step").press("ArrowLeft")
    assert shown.get_attribute("data-step") == "2"
    assert live.find("#counter").inner_text() == "step 2 of 3"
    live.find("#play").click()
    live.find("#robust[data-step='3']").wait_for()
    live.find("#play").filter(has_text="Play").wait_for()
    live.find("h1").click()
    for key, place in (("n", 0), ("PageDown", 1), ("p", 0), ("PageUp", -1)):
        live.page.keyboard.press(key)
        pressed = live.find("#presets button").nth(place)
        assert pressed.get_attribute("aria-pressed") == "true", key
    live.wait()


def test_only_the_newest_of_many_choices_is_shown(live: Live) -> None:
    live.go(CAT)
    live.page.evaluate(
        """() => { for (let steps = 2; steps < 12; steps++) {
            document.querySelector("#steps").value = steps;
            document.querySelector("#steps").dispatchEvent(new Event("input")) } }"""
    )
    live.wait()
    assert live.find("#counter").inner_text() == "step 11 of 11"
    assert live.find("#said").inner_text() == live.status, "a screen reader hears the end"


def test_a_photo_of_ones_own(live: Live, tmp_path: Path) -> None:
    live.go(CAT)
    photo, turned = Image.new("RGB", (4000, 3000), "red"), Image.Exif()
    photo.paste("blue", (2000, 0, 4000, 3000))
    turned[0x0112] = 6  # a quarter to the right: its left half is shown at the top
    photo.save(tmp_path / "own.jpg", exif=turned)
    (tmp_path / "broken.jpg").write_bytes((tmp_path / "own.jpg").read_bytes()[:200])
    live.find("#file").set_input_files(tmp_path / "own.jpg")
    live.page.wait_for_function("() => document.querySelector('#start').value === 'own'")
    live.wait()
    hand = Hand(live, "start: draw on it")
    (red, _, _), (_, _, blue) = hand.colour((10, 10)), hand.colour((10, 118))
    assert red > 240 < blue
    live.find("#file").set_input_files(tmp_path / "broken.jpg")
    live.find("#status.wrong").wait_for()
    assert live.status.startswith("Expected a picture file")
    live.find("#copy").click()
    live.page.locator("#status", has_text="Your own photo is not part of it.").wait_for()


# --- from a static host


@pytest.mark.parametrize("milliseconds", [math.inf, pytest.param(3000, marks=pytest.mark.full)])
def test_the_first_picture_comes_before_the_networks_and_all_is_kept(
    browser: Browser, folder: Path, milliseconds: float
) -> None:
    with serving() as server:
        context = browser.new_context(viewport=SCREEN)
        page = context.new_page()
        network = context.new_cdp_session(page)
        page.add_init_script(DRAWN)
        network.send("Network.enable")
        network.send("Network.emulateNetworkConditions", SLOW)
        page.goto(url := published(server, folder), wait_until="commit")
        page.locator("#robust[data-step]").wait_for()
        assert page.evaluate("window.drawn") < milliseconds, "since the page was asked for"
        assert page.locator("#loading").is_visible(), "the networks are still on their way"
        assert "Loading the networks" in page.locator("#status").inner_text()
        network.send("Network.emulateNetworkConditions", SLOW | {"latency": 0, "downloadThroughput": -1})
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    live = Live(page, f"{url}?again#view=gradient&class=springer&start=cat&radius=6")  # nobody answers any more
    live.wait()
    assert live.said("robust").endswith("trained at 6, 64 px")
    live.go(CAT)
    assert live.status.startswith("Done")
    assert live.problems == []
    context.close()


def test_without_simd_the_films_still_play(browser: Browser, folder: Path) -> None:
    page = browser.new_page(viewport=SCREEN)
    page.add_init_script(NO_SIMD)
    live = Live(page, (folder / "index.html").as_uri())
    live.wait()
    assert "lacks WebAssembly SIMD" in live.status
    ways = live.find("#presets button:enabled")
    assert ways.count() == 4
    for place in range(4):
        ways.nth(place).click()
        live.wait()
        assert "%" in live.said("standard")
        assert apart(*live.pictures.values()) >= 0
    assert live.problems == []
    page.close()


# --- for everyone


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(live: Live, scheme: str) -> None:
    live.page.emulate_media(color_scheme=scheme)
    found = []
    for address in (CAT, "view=hole&start=brick&steps=2", "view=gradient&start=cat"):
        live.go(address)
        live.page.evaluate("document.querySelector('details').open = true")
        for each in Axe().run(live.page, options={"preload": False}).response["violations"]:
            if each["impact"] in ("serious", "critical"):
                found += [
                    f"{each['id']}: {node['html'][:99]}: {node['failureSummary'][:200]}" for node in each["nodes"]
                ]
    live.page.evaluate("document.querySelector('details').open = false")
    live.page.emulate_media(color_scheme="light")
    assert found == []


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (1280, 720),
        pytest.param(1366, 768, marks=pytest.mark.full),
        pytest.param(1920, 1080, marks=pytest.mark.full),
        (3840, 2160),
    ],
)
def test_pictures_and_controls_are_on_one_screen(live: Live, width: int, height: int) -> None:
    live.page.set_viewport_size({"width": width, "height": height})
    views = (FIRST, "view=hole&start=brick&steps=1", "view=gradient&class=cassette+player&start=cat&radius=6")
    for address in views:
        live.go(address.replace("steps=8", "steps=1"))
        robust, standard = live.box("#robust canvas"), live.box("#standard canvas")
        assert robust["y"] == standard["y"]
        assert min(robust["width"], standard["width"]) > 0.31 * width
        assert max(live.box(each)["bottom"] for each in (".side", "#status", "#play")) <= height, address
        assert live.page.evaluate(WIDE) <= 0
    assert live.page.evaluate(SMALLEST) >= 12


def test_a_phone_shows_one_below_the_other(live: Live) -> None:
    live.page.set_viewport_size({"width": 390, "height": 844})
    live.go(CAT)
    robust, standard = live.box("#robust canvas"), live.box("#standard canvas")
    assert robust["bottom"] <= standard["y"]
    assert robust["width"] > 350
    assert robust["bottom"] <= 844, "a result on the first screen"
    assert live.page.evaluate(WIDE) <= 0
    before, hand = live.pictures, Hand(live, "start: draw on it")
    revision, fingers = hand.revision, live.page.context.new_cdp_session(live.page)
    for kind, *points in (("touchStart", (30, 30)), ("touchMove", (90, 60)), ("touchEnd",)):
        places = [dict(zip("xy", hand.onto(point), strict=True)) for point in points]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    hand.wait_for_revision(revision + 1)
    live.wait()
    assert hand.colour((60, 45)) == [0, 0, 0], "drawn by touch"
    assert apart(live.pictures["robust"], before["robust"]) > 0.01


def test_who_wants_less_motion_sees_the_end(browser: Browser, folder: Path) -> None:
    page = browser.new_context(viewport=SCREEN, reduced_motion="reduce").new_page()
    live = Live(page, (folder / "index.html").as_uri())
    live.wait()
    assert live.find("#counter").inner_text() == "step 8 of 8"
    page.context.close()


def test_firefox_computes_from_a_file(folder: Path) -> None:
    path = programs.needed(programs.firefox(), programs.NO_FIREFOX)
    with firefox(path) as page:
        page.go(f"{(folder / 'index.html').as_uri()}#view=towards&class=church&start=rocket&steps=4")
        page.wait_for(f"{STATUS}.startsWith('Done')")
        assert "robust: church: over 99%" in page.value(STATUS)
        page.value("location.hash = 'view=gradient&class=springer&start=cat&radius=3'")
        page.wait_for(f"{STATUS}.includes('trained at 3, 64 px')")
        assert page.problems == []
