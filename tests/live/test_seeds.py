"""Seeds of the live page are drawn from the distributions of the course."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from course_lib import pixels, seeds
from course_lib.storage.files import DATA
from course_lib.testbeds import statistics
from tests.tools.engine import Engine, text

CLOSE, SIDE = 1e-6, 128


@pytest.fixture(scope="module")
def page(engine: Engine) -> Engine:
    """The engine, with the statistics of the live page."""
    data = text((DATA / "statistics" / "imagenette.safetensors").read_bytes())
    engine.call("globalThis.shipped = readStatistics(toBytes(data), side)", data=data, side=SIDE)
    return engine


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Tensor]]:
    """What `torch.randn` gives in this test, one after the other, is kept here."""
    drawn: list[Tensor] = []
    real = torch.randn

    def remembered(*shape: int, generator: torch.Generator, **how: torch.dtype) -> Tensor:
        drawn.append(real(*shape, generator=generator, **how))
        return drawn[-1]

    monkeypatch.setattr(torch, "randn", remembered)
    return drawn


def small(kind: str) -> seeds.Seeds:
    """The distribution before its seeds are enlarged."""
    larger = statistics.load_statistics("imagenette", resolution=SIDE)[kind]
    assert isinstance(larger, seeds.Upsampled)
    return larger.seeds


@pytest.mark.parametrize("kind", ["normal", "multivariate", "mixture"])
@pytest.mark.parametrize("label", [0, 4, 9])
def test_samples_are_those_of_python_with_the_same_random_numbers(
    kind: str, label: int, page: Engine, numbers: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small(kind)
    chosen = torch.tensor([label])
    if isinstance(source, statistics.PrincipalNormals):
        own = (source.labels == label).nonzero().flatten()
        chosen = own[-1:]
        monkeypatch.setattr(statistics, "choose", lambda *arguments, **named: chosen)
    ours = source.sample(torch.tensor([label]), generator=torch.Generator().manual_seed(label))
    values = torch.cat([drawn.flatten() for drawn in numbers])
    if isinstance(source, statistics.PrincipalNormals):
        values = torch.cat([torch.tensor([1 - 1e-7]), values])  # a uniform number that chooses the last part
    found = page.call("return sample(shipped, kind, label, replay(values))", kind=kind, label=label, values=values)
    assert found.shape == ours.flatten().shape
    assert (found - ours.flatten()).abs().max() < CLOSE


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize(("size", "to"), [(16, 128), (64, 128), (16, 64), (7, 21), (5, 5)])
def test_enlarged_as_python_does_it(size: int, to: int, blocks: bool, page: Engine) -> None:
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(size))
    ours = (pixels.nearest if blocks else pixels.bicubic)(image, to // size)
    how = {"image": image, "size": size, "to": to, "blocks": blocks}
    found = page.call("return enlarged(image, size, to, { blocks })", **how)
    assert (found - ours.flatten()).abs().max() < CLOSE


def test_random_numbers_are_uniform_and_normal_and_their_own_for_each_seed(page: Engine) -> None:
    code = "const dice = random(seed); return Float32Array.from({ length: count }, dice[kind])"

    def drawn(kind: str, seed: int) -> Tensor:
        return page.call(code, kind=kind, seed=seed, count=40_000).double().sort().values

    places = (torch.arange(40_000, dtype=torch.float64) + 0.5) / 40_000
    for seed in (0, 1, 2**31):
        uniform = drawn("uniform", seed)
        assert uniform.min() >= 0
        assert uniform.max() < 1
        distances = [(uniform - places).abs().max(), (torch.special.ndtr(drawn("normal", seed)) - places).abs().max()]
        assert max(distances) < 1.95 / 40_000**0.5  # Kolmogorov and Smirnov: once in 1,000 seeds
    assert torch.equal(drawn("uniform", 7), drawn("uniform", 7))
    assert not torch.equal(drawn("uniform", 7), drawn("uniform", 8))
    pair = "const dice = random(5), values = Array.from({ length: 40000 }, dice.normal); "
    pair += "return values.reduce((sum, value, i) => sum + value * (values[i - 1] ?? 0), 0) / 40000"
    assert abs(page.call(pair)) < 0.02  # neighbours know nothing of each other


@pytest.mark.parametrize("kind", ["normal", "multivariate", "mixture"])
def test_the_moments_of_samples(kind: str, page: Engine) -> None:
    """Means and deviations over 400 samples are those of as many of Python, which are clipped to [0, 1] as well."""
    code = "const dice = random(3); return Array.from({ length: 400 }, () => sample(shipped, kind, 6, dice))"
    found = torch.stack(page.call(code, kind=kind))
    ours = small(kind).sample(torch.full((400,), 6), generator=torch.Generator().manual_seed(0)).flatten(1)
    error = (found.var(0) + ours.var(0)).sqrt() / 400**0.5
    assert ((found.mean(0) - ours.mean(0)) / error).abs().max() < 5.5
    assert (found.std(0) / ours.std(0)).log().abs().mean() < 0.1
    covariances = [torch.cov(each[:, ::97].T).flatten() for each in (found, ours)]
    assert torch.corrcoef(torch.stack(covariances))[0, 1] > (0.7 if kind == "normal" else 0.9)


def test_a_mixture_chooses_by_weight(page: Engine) -> None:
    code = "const dice = random(1); return Float32Array.from({ length: 5000 }, () => choose(weights, owners, 1, dice))"
    weights, owners = torch.tensor([5.0, 1, 2, 7, 1]), torch.tensor([0.0, 1, 1, 0, 1])
    found = page.call(code, weights=weights, owners=owners).long().bincount(minlength=5) / 5000
    assert (found - weights * (owners == 1) / 4).abs().max() < 0.03


def test_unknown_seeds_are_refused(page: Engine) -> None:
    for kind, label, sentence in [
        ("constructor", 0, "expected a kind of seeds among uniform, normal, multivariate, mixture, got constructor"),
        ("normal", 10, "expected a class from 0 to 9, got 10"),
        ("mixture", -1, "expected a class of these statistics, got -1"),
    ]:
        with pytest.raises(Exception, match=sentence):
            page.call("return sample(shipped, kind, label, random(0))", kind=kind, label=label)
    with pytest.raises(Exception, match="expected a side that 16 divides, got 100"):
        page.call("return enlarged(image, 16, 100)", image=torch.rand(3, 16, 16))
