"""Shipped class statistics: the moments of the blocks, nothing lost, and read as they were written."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from course_lib.authoring.statistics import principal, write_statistics
from course_lib.pixels import bicubic, nearest, shrink
from course_lib.seeds import PixelNormal, Upsampled
from course_lib.testbeds import statistics
from tests.core.test_seeds import IMAGES, LABELS, MANY, beyond, generator, zeros

BLOCK = 4


def blocky(count: int = 40) -> tuple[Tensor, Tensor]:
    """Two classes of pictures that vary along three directions of a 2 x 2 grid of blocks only."""
    draws = torch.rand(count, 3, generator=generator())
    directions = torch.randn(3, 3, 2, 2, generator=generator())
    coarse = 128 + 12 * torch.einsum("nk,kchw->nchw", draws, directions)
    labels = torch.arange(count) % 2
    coarse += 20 * labels.view(-1, 1, 1, 1)
    return nearest(coarse, BLOCK).round().byte(), labels


def test_principal_normals_have_the_mean_and_covariance_of_the_blocks() -> None:
    images, labels = blocky()
    normals = principal(images, labels, groups=1, components=4, block=BLOCK)
    samples = normals.sample(zeros(MANY), generator=generator())
    assert samples.shape == (MANY, 3, 2, 2)
    truth = shrink(images[labels == 0].float() / 255, BLOCK).flatten(1)
    drawn = samples.flatten(1)
    assert (drawn.mean(0) - truth.mean(0)).abs().max() < 0.005
    assert (drawn.T.cov(correction=0) - truth.T.cov(correction=0)).abs().max() < 0.001
    assert (normals.captured > 0.98).all()


def test_what_the_components_leave_becomes_noise_of_the_same_variance() -> None:
    images, labels = IMAGES, LABELS
    normals = principal(images, labels, groups=1, components=2, block=BLOCK)
    for label, group in enumerate(images[labels == y] for y in labels.unique()):
        rows = shrink(group.float() / 255, BLOCK).flatten(1)
        whole = rows.var(0, correction=0).sum()
        held = normals.factors[label].square().sum() + normals.residuals[label] ** 2 * rows.shape[1]
        torch.testing.assert_close(held, whole)


def test_statistics_written_and_read_give_the_same_seeds(tmp_path: Path) -> None:
    write_statistics("few", IMAGES, LABELS, folder=tmp_path)
    kinds = statistics.load_statistics("few", folder=tmp_path)
    assert list(kinds) == ["normal", "multivariate", "mixture"]
    fitted = {
        "normal": PixelNormal.fit(IMAGES, LABELS),
        "multivariate": principal(IMAGES, LABELS, groups=1, components=64, block=1),
        "mixture": principal(IMAGES, LABELS, groups=4, components=24, block=1),
    }
    for kind, seeds in kinds.items():
        one, other = (s.sample(LABELS.unique(), generator=generator()) for s in (seeds, fitted[kind]))
        assert (one - other).abs().max() < 0.01, kind
        with pytest.raises(ValueError, match="expected labels between 0 and 3, got"):
            seeds.sample(torch.tensor([99]), generator=generator())
    damaged = bytearray((tmp_path / "few.safetensors").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "few.safetensors").write_bytes(damaged)
    with pytest.raises(ValueError, match=r"^expected few\.safetensors with SHA-256 .*, got "):
        statistics.load_statistics("few", folder=tmp_path)


def test_statistics_of_small_pictures_give_larger_seeds_too(tmp_path: Path) -> None:
    write_statistics("few", IMAGES, LABELS, folder=tmp_path)
    size = IMAGES.shape[-1]
    small, large = (statistics.load_statistics("few", resolution=n * size, folder=tmp_path) for n in (1, 3))
    for kind, seeds in large.items():
        expected = small[kind].sample(LABELS.unique(), generator=generator())
        samples = seeds.sample(LABELS.unique(), generator=generator())
        assert torch.equal(samples, bicubic(expected, 3)), kind


def test_seeds_of_a_grid_are_enlarged_once_to_the_size_of_the_pictures(tmp_path: Path) -> None:
    """Enlarging twice would leave edges of the first time, or soften what is smooth already."""
    images = nearest(torch.randint(0, 256, (24, 3, 16, 16), generator=generator()).byte(), 2)
    write_statistics("few", images, torch.arange(24) % 2, folder=tmp_path)
    seeds = statistics.load_statistics("few", resolution=64, folder=tmp_path)["multivariate"]
    assert isinstance(seeds, Upsampled)
    grid = seeds.seeds.sample(zeros(2), generator=generator())
    assert grid.shape == (2, 3, 16, 16)
    assert torch.equal(seeds.sample(zeros(2), generator=generator()), bicubic(grid, 4))


@pytest.mark.parametrize("name", ["imagenette", "cifar10"])
def test_shipped_seeds_have_no_edges_of_blocks_unless_asked_for(name: str) -> None:
    labels = torch.arange(10).repeat(5)
    smooth = statistics.load_statistics(name)["multivariate"]
    nyquist = smooth.seeds.means.shape[-1] // 2
    one, other = (s.sample(labels, generator=generator()) for s in (smooth, replace(smooth, blocks=True)))
    assert beyond(one, nyquist) < 0.01 < 0.06 < beyond(other, nyquist)
