"""Scores of pictures beside the truth, and of whole sets of pictures, with 95% intervals.

The Inception Score and the Frechet distance are computed by torchmetrics, which is imported when first needed.
The scores of sets look at pictures through a network of your choice, such as a testbed's judge. Their values belong to
that network: never compare them with published ones, for which the network is Inception (`measuring.inception`).
"""

import math
import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.doors import check_asked, check_mask, check_pair, check_pixels
from course_lib.measuring.intervals import Z95, resampled
from course_lib.measuring.judging import Network, check_shown, outputs
from course_lib.models import Classifier

TINY = 1e-12  # keeps log 0 out, of a picture of one colour
FAINTEST = -600.0  # logarithm of a probability; smaller ones would become 0 and spoil the Inception Score with 0 / 0


def psnr(images: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB: (B, 3, H, W) twice -> (B,).

    With a mask (1 = look here), inside it. The truth may be one picture for all.
    """
    check_pair(images, truth)
    if mask is not None:
        check_mask(mask, images)
    squares = (images - truth).square()
    weights = torch.ones_like(squares) if mask is None else mask.expand_as(squares)
    mean_square = (squares * weights).flatten(1).sum(1) / weights.flatten(1).sum(1)
    return -10 * torch.log10(mean_square.clamp(min=1e-12))


@torch.no_grad()
def perceptual_distance(model: Classifier, images: Tensor, truth: Tensor, *, batch_size: int = 50) -> Tensor:
    """How far each image is from the truth as a network sees it: (B, 3, H, W) twice -> (B,), 0 where it sees the same.

    It is the idea of LPIPS without its learned weights (Zhang et al. 2018): after every layer of the network's body,
    channels get length 1 at each place, and squared differences are averaged over places, then over layers.
    """
    check_asked(model, images)
    check_pair(images, truth)
    parts = zip(images.split(batch_size), truth.expand_as(images).split(batch_size), strict=True)
    return torch.cat([between_layers(model, *pair) for pair in parts]).to(images.device)


def between_layers(model: Classifier, ours: Tensor, theirs: Tensor) -> Tensor:
    ours, theirs, distances = model.normalised(ours), model.normalised(theirs), []
    for layer in model.body.children():
        ours, theirs = layer(ours), layer(theirs)
        difference = F.normalize(ours, eps=1e-6) - F.normalize(theirs, eps=1e-6)
        distances.append(difference.square().sum(1).mean((1, 2)))
    return torch.stack(distances).mean(0)


def inception_score(network: Network, images: Tensor, *, rounds: int = 200, seed: int = 0) -> list[float]:
    """The Inception Score by this network: images (N, 3, H, W) -> [score, low, high] (Salimans et al. 2016).

    It is exp of the mean KL divergence between p(y | x) and p(y), between 1 and the number of the network's answers:
    one number for all images, not the mean over ten parts of them that is common elsewhere. It is a little too low
    where N is small. The interval is that of a bootstrap, moved to lie around the score: drawing with replacement
    repeats images, which by itself lowers every drawn score.
    """
    logits = outputs(network, images).double().cpu()
    likely = logits.log_softmax(1).clamp(min=FAINTEST)
    score, *drawn = inception_scores([likely] + [likely[choice] for choice in resampled(len(likely), rounds, seed)])
    spread = torch.tensor(drawn or [score], dtype=torch.float64)
    low, high = (spread.quantile(torch.tensor([0.025, 0.975]).double()) + score - spread.mean()).tolist()
    return [score, max(1.0, low), min(float(logits.shape[1]), high)]


def inception_scores(sets: list[Tensor]) -> list[float]:
    """torchmetrics' Inception Score of each set of logarithms of probabilities (N, answers), without splits."""
    from torchmetrics.image.inception import InceptionScore

    scores = []
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):  # it shuffles, and would move the global seed
        warnings.simplefilter("ignore")  # it warns that it keeps what it is given, and that one split has no spread
        metric = InceptionScore(nn.Identity(), splits=1)
        for likely in sets:
            metric.update(likely)
            scores.append(metric.compute()[0].item())
            metric.reset()
    return scores


def frechet_distance(features: Network, real: Tensor, fake: Tensor, *, seed: int = 0) -> list[float]:
    """The Frechet distance between normals fitted to the features of two sets of pictures (Heusel et al. 2017).

    (N, 3, H, W) and (M, 3, H, W) -> [distance, distance with half as many pictures].
    With Inception's 2048 features this is the FID; with a judge's it is a number of the same kind on another scale.
    It falls as the sets grow, for two sets of the same kind towards 0: the second number, the mean over two random
    halves, shows how far from its end it still is. Covariances of N pictures have rank N - 1 at most. Below the number
    of features the distance is exact all the same (in double precision to about 1e-5 times the number of features), but
    says more about N than about the pictures.
    """
    seen = seen_by(features, real, fake)
    if any(len(numbers) < 4 or numbers.ndim != 2 for numbers in seen):
        raise ValueError(
            f"expected features (N, numbers) of at least 4 pictures each, got {[tuple(s.shape) for s in seen]}"
        )
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(numbers), generator=generator) for numbers in seen]
    halves = [[s[order][: len(s) // 2], s[order][len(s) // 2 :]] for s, order in zip(seen, orders, strict=True)]
    smaller = [frechet(*pair) for pair in zip(*halves, strict=True)]
    return [frechet(*seen), sum(smaller) / 2]


def seen_by(features: Network, *sets: Tensor) -> list[Tensor]:
    """Features of sets of pictures in double precision; what is wrong with any set is told before any work."""
    for images in sets:
        check_shown(features, images)
    return [outputs(features, images).double().cpu() for images in sets]


def frechet(real: Tensor, fake: Tensor) -> float:
    """torchmetrics' Frechet distance between features (N, d) and (M, d), in double precision; at least 0."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    known = nn.Identity()  # stands in for a feature network, whose width torchmetrics reads
    vars(known)["num_features"] = real.shape[1]
    metric = FrechetInceptionDistance(known, normalize=True)
    real, fake = (numbers.double().cpu() for numbers in (real, fake))
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return max(0.0, metric.compute().item())


def kernel_distance(features: Network, real: Tensor, fake: Tensor) -> list[float]:
    """The kernel distance (KID) between the features of two sets of pictures (Binkowski et al. 2018).

    (N, 3, H, W) and (M, 3, H, W) -> [distance, low, high]: the unbiased squared maximum mean discrepancy under the
    kernel (x'y / d + 1)^3 of features of length d, with a 95% interval by the jackknife. Its expectation does not
    depend on N and M: for two sets of the same kind it is 0, and a single value may lie below.
    """
    sets = seen_by(features, real, fake)
    if any(len(numbers) < 3 for numbers in sets):
        raise ValueError(f"expected at least 3 pictures of each kind, got {[len(numbers) for numbers in sets]}")
    within = [cubic_kernel(numbers, numbers).fill_diagonal_(0) for numbers in sets]
    across = cubic_kernel(*sets)
    inside = [kernel.sum() / (len(kernel) * (len(kernel) - 1)) for kernel in within]
    distance = (inside[0] + inside[1] - 2 * across.mean()).item()
    variance = 0.0
    for kernel, other, rest in zip(within, (across, across.T), reversed(inside), strict=True):
        count = len(kernel)
        left = (kernel.sum() - 2 * kernel.sum(1)) / ((count - 1) * (count - 2))
        without = left + rest - 2 * (other.sum() - other.sum(1)) / ((count - 1) * other.shape[1])
        variance += (count - 1) / count * (without - without.mean()).square().sum().item()
    half = Z95 * math.sqrt(variance)
    return [distance, distance - half, distance + half]


def cubic_kernel(first: Tensor, second: Tensor) -> Tensor:
    """The polynomial kernel of degree 3 between all features (N, d) and (M, d): (N, M)."""
    return (first @ second.T / first.shape[1] + 1) ** 3


def spectrum_slope(images: Tensor) -> Tensor:
    """The slope of log power against log frequency of each picture: (B, 3, H, W) -> (B,).

    The power is that of the mean over colours, averaged over rings of whole frequencies from 1 to half the side,
    without the mean brightness. Photographs fall with about -2.7; white noise has 0.
    """
    check_pixels(images)
    grey = images.double().mean(1)
    power = torch.fft.fft2(grey).abs().square().flatten(1)
    height, width = (torch.fft.fftfreq(size, 1 / size, device=images.device) for size in grey.shape[1:])
    ring = (height[:, None].square() + width[None, :].square()).sqrt().round().long().flatten()
    radii = torch.arange(1, min(grey.shape[1:]) // 2 + 1, device=images.device)
    means = torch.stack([power[:, ring == radius].mean(1) for radius in radii], 1).clamp(min=TINY).log()
    steps = radii.double().log() - radii.double().log().mean()
    return (means * steps).sum(1) / steps.square().sum()


def diversity(features: Tensor, labels: Tensor) -> float:
    """How different the pictures of one class are: the mean L2 distance of two of them, averaged over the classes.

    `features` (N, d) are what a network, or a small version of each picture, says of it; `labels` (N,). Says nothing of
    quality: noise can be diverse, too. Raises ValueError where a class has a single picture.
    """
    groups = [features[labels == label].double() for label in labels.unique()]
    if not groups or min(len(group) for group in groups) < 2:
        raise ValueError(f"expected at least two pictures of every class, got {labels.bincount().tolist()}")
    return torch.stack([torch.pdist(group).mean() for group in groups]).mean().item()


def low_frequency_share(gradients: Tensor, *, cut: float = 0.125) -> float:
    """The share of a gradient's energy below `cut` cycles per pixel: how much of it is shape, not fine texture."""
    spectrum = torch.fft.fft2(gradients).abs().square().sum((0, 1))
    rows, columns = (torch.fft.fftfreq(size, device=gradients.device).abs() for size in gradients.shape[-2:])
    low = (rows[:, None] <= cut) & (columns[None, :] <= cut)
    return (spectrum[low].sum() / spectrum.sum()).item()
