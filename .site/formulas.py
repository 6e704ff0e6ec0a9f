"""Formulas for pages that need no script and no network: TeX becomes MathML, with a font that comes along."""

import base64
import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.writers.html5 import HTML5Translator

FONT = Path(__file__).with_name("STIXTwoMath.woff2")
# What docutils does not know of TeX, and what it writes otherwise than TeX would: (pattern, replacement).
BEFORE = [
    (r"\\[bB]igg?(\\\|)", r"\1"),
    (r"\\([bB]ig)(g?)(?![a-z])", r"\\\1\2l"),
    (r"(\\(?:hat|bar|tilde) *\w)_", r"\1{}_"),  # an accent's index stands beside it
]
AFTER = [
    (r"<mo>∶</mo>\s*<mo>=</mo>", "<mo>≔</mo>"),
    ("<mo>([‖⟨⟩])</mo>", r'<mo stretchy="false">\1</mo>'),
    ('<mi(?: class="capital-greek")?>([Α-Ω∇])</mi>', r'<mi mathvariant="normal">\1</mi>'),
]


def mathml(tex: str, *, block: bool) -> str:
    """TeX as MathML, which browsers show by themselves. MathError for what docutils does not know."""
    number = re.search(r"\\tag\{(.*?)\}", tex)
    tex = tex.replace(number[0], "") if number else tex
    for pattern, replacement in BEFORE:
        tex = re.sub(pattern, replacement, tex)
    formula = latex2mathml.tex2mathml(tex.strip(), as_block=block)
    for pattern, replacement in AFTER:
        formula = re.sub(pattern, replacement, formula)
    return f'<span class="eqno">({number[1]})</span>{formula}' if number else formula  # the theme puts it on the right


def visit_math(self: HTML5Translator, node: nodes.Element) -> None:
    block = isinstance(node, nodes.math_block)
    try:
        formula = mathml(node.astext(), block=block)
    except MathError as error:
        raise SphinxError(f"{node.source}: expected TeX that docutils knows, got {node.astext()}: {error}") from error
    tag = "div" if block else "span"
    self.body.append(self.starttag(node, tag, "", CLASS="math notranslate nohighlight"))
    self.body.append(f"{formula}</{tag}>")
    raise nodes.SkipNode


def add_font(app: Sphinx, error: Exception | None) -> None:
    """The font stands inside a style sheet, since a browser that reads pages from a disk may refuse fonts as files."""
    if error is None:
        source = f"url(data:font/woff2;base64,{base64.b64encode(FONT.read_bytes()).decode()})"
        style = f'@font-face {{ font-family: "STIX Two Math"; src: {source} }}\n'
        (Path(app.outdir) / "_static" / "formulas.css").write_text(style)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
    app.connect("build-finished", add_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
