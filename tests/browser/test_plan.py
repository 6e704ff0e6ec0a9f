"""The guide's 90 minutes, walked by one key through six notebooks."""

import pytest
from playwright.sync_api import ViewportSize

from course_lib.widgets.buttons import PLAN, Page
from tests.conftest import OpenNotebook
from tests.tools.lab import SCREENSHOTS

pytestmark = pytest.mark.browser


@pytest.mark.full
def test_a_lecture_follows_the_plan_from_preset_to_preset(open_notebook: OpenNotebook) -> None:
    """By one key, from the first demo on; each demo meets the lecturer with a picture that is not blank."""
    first = PLAN[0]["notebook"]
    with open_notebook(f"notebooks/{first}") as notebook:
        page = notebook.page
        page.set_viewport_size(ViewportSize(width=1280, height=720))
        notebook.run_all()
        notebook.show(".course-player")
        page.get_by_role("button", name="Large").first.click()
        shown = page.locator(".course-player:popover-open")
        for place, step in enumerate(Page().plan):
            page.keyboard.press("PageDown")
            shown.locator(".preset.mod-info", has_text=step["preset"]).wait_for(timeout=600_000)
            shown.locator(".status", has_text="Done").wait_for(timeout=300_000)
            spreads = shown.locator(".sheet img.widget-image").evaluate_all(SPREADS)
            assert min(spreads) > 5, (step, spreads)
            page.screenshot(path=SCREENSHOTS / f"plan-{place:02d}.png")


SPREADS = """images => images.map(image => {
    const context = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext('2d');
    context.drawImage(image, 0, 0);
    const values = context.getImageData(0, 0, image.naturalWidth, image.naturalHeight).data;
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) })"""
