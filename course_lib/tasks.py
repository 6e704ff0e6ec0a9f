"""Every synthesis task of Santurkar et al. 2019 as data: an objective, a start and a ball. `pgd.solve` does the rest.

All functions return a `Problem`. Images are (B, 3, H, W) in [0, 1], labels (B,) integers, masks (B or 1, 1, H, W) with
1 where the picture may change. Radii, steps and step sizes do not transfer between models and resolutions: a testbed's
`tuned` has them for each task, and `functools.partial` or `**tuned["generate"]` passes them on.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.constraints import Ball, draw, norms
from course_lib.doors import check, check_asked, check_ball, check_mask, check_number, check_pixels, check_whole, plain
from course_lib.models import Classifier
from course_lib.one_line import brief
from course_lib.pgd import Objective, Problem
from course_lib.pixels import nearest

Network = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) in [0, 1] -> logits (B, classes): a classifier, or any function like one."""

FLAT = 1e-6  # squared length of what is missing to a smooth filling: less than any eye or 8 bits can tell

# --- objectives -------------------------------------------------------------------------------------------------------


def cross_entropy(model: Network, labels: Tensor) -> Objective:
    """L(x, y) = -log p(y | x) of each image; in double precision, as float32 loses the slope of a confident answer."""
    labels = plain(labels)

    def objective(images: Tensor) -> Tensor:
        return F.cross_entropy(model(images).double(), labels, reduction="none").to(images)

    return objective


def activation(model: Classifier, unit: int, *, straight_through: bool = True) -> Objective:
    """-R(x)_f: minus one component of the representation, so that descent raises it (eq. 5)."""
    if not isinstance(model, Classifier):
        raise ValueError(f"expected a Classifier, whose representation is known, got {brief(model)}")
    check_whole(unit, "unit", low=0, high=model.head.in_features - 1)

    def objective(images: Tensor) -> Tensor:
        return -model.features(images, straight_through=straight_through)[:, unit]

    return objective


def mean_square(difference: Tensor) -> Tensor:
    """The mean of squares, as in the authors' code: (B, 3, H, W) -> (B,)."""
    return difference.square().flatten(1).mean(1)


def norm(difference: Tensor) -> Tensor:
    """The L2 norm, as the paper writes it: (B, 3, H, W) -> (B,). Its gradient at 0 is taken as 0."""
    return norms(difference).flatten()


def outside(mask: Tensor, reference: Tensor, penalty: Callable[[Tensor], Tensor] = mean_square) -> Objective:
    """How far images stray from `reference` where the mask is 0: the second term of eq. 3 and 5."""
    check_pixels(reference, what="a reference")
    check_mask(mask, reference)
    mask, reference = plain(mask), plain(reference)

    def objective(images: Tensor) -> Tensor:
        return penalty((images - reference) * (1 - mask))

    return objective


def shifted(objective: Objective, pixels: int, *, generator: torch.Generator) -> Objective:
    """The objective of pictures shifted by up to so many pixels either way, and mirrored by the toss of a coin.

    Every call takes one new shift, the same for the whole batch; what leaves at one edge comes back at the opposite
    one. A term that compares pixel by pixel, such as `outside`, is added afterwards: shifted(loss, ...) + stray.
    """
    check_whole(pixels, "pixels", low=0)

    def moved(images: Tensor) -> Tensor:
        down, right = torch.randint(-pixels, pixels + 1, (2,), generator=generator).tolist()
        mirrored = torch.rand((), generator=generator) < 0.5
        return objective((images.flip(3) if mirrored else images).roll((down, right), (2, 3)))

    return moved


def averaged(objective: Objective, count: int, *, sigma: float = 0.0, generator: torch.Generator) -> Objective:
    """The mean of the objective over `count` copies of the pictures, each with normal noise of its own added.

    `sigma` is the noise's standard deviation. averaged(shifted(loss, 4, generator=g), 8, generator=g) averages over
    eight shifts.
    """
    check_whole(count, "count")
    check_number(sigma, "sigma", low=0)

    def mean(images: Tensor) -> Tensor:
        noises = (sigma * draw(torch.randn, images, generator) for _ in range(count))
        return torch.stack([objective(images + noise) for noise in noises]).mean(0)

    return mean


# --- tasks ------------------------------------------------------------------------------------------------------------


def refine(
    model: nn.Module, images: Tensor, labels: Tensor, *, ball: Ball, steps: int = 60, step_size: float = 0.5
) -> Problem:
    """The plain form of the primitive: minimise L(x', y) over the ball around an image (section 2)."""
    check(model, images, labels)
    return Problem(cross_entropy(model, labels), images.clamp(0, 1), ball, steps=steps, step_size=step_size)


def generate(
    model: nn.Module, seeds: Tensor, labels: Tensor, *, ball: Ball, steps: int = 60, step_size: float = 0.5
) -> Problem:
    """Class-conditional generation: a seed x0 ~ G_y, refined towards y (section 3.1)."""
    return refine(model, seeds, labels, ball=ball, steps=steps, step_size=step_size)


def translate(
    model: nn.Module, images: Tensor, labels: Tensor, *, ball: Ball, steps: int = 60, step_size: float = 0.5
) -> Problem:
    """Image-to-image translation: a picture of one domain, refined towards the label of the other (section 3.3)."""
    return refine(model, images, labels, ball=ball, steps=steps, step_size=step_size)


def sketch(
    model: nn.Module, drawing: Tensor, labels: Tensor, *, ball: Ball, steps: int = 60, step_size: float = 0.5
) -> Problem:
    """Sketch-to-image: a drawing, refined towards the class it means (section 3.5)."""
    return refine(model, drawing, labels, ball=ball, steps=steps, step_size=step_size)


def attack(
    model: Network,
    images: Tensor,
    labels: Tensor,
    *,
    ball: Ball,
    steps: int = 50,
    travel: float = 2.5,
    generator: torch.Generator | None = None,
) -> Problem:
    """An untargeted attack, the inner maximum of eq. 2: maximise L(x + delta, y).

    "Untargeted" is a minus sign. All steps together go `travel` radii. With a `generator` the start is random.
    """
    check(model, images, labels)
    check_ball(ball)
    check_whole(steps, "steps", low=0)
    check_number(travel, "travel", low=0)
    loss, step_size = cross_entropy(model, labels), ball.radius * (travel / max(steps, 1))
    start = images if generator is None else (images + ball.sample(images, generator=generator)).clamp(0, 1)
    return Problem(lambda x: -loss(x), start, ball, centre=images, steps=steps, step_size=step_size)


def inpaint(
    model: nn.Module,
    damaged: Tensor,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    ball: Ball,
    weight: float = 10.0,
    penalty: Callable[[Tensor], Tensor] = mean_square,
    steps: int = 60,
    step_size: float = 0.1,
) -> Problem:
    """Inpainting, eq. 3: L(x', y) + weight * penalty outside the hole. Fill the hole first, see `fill_with_mean`.

    Without labels the classifier's own prediction for the damaged image stands in. The paper writes the penalty as a
    `norm`, the authors' code has a `mean_square`; their weights are not comparable.
    """
    check_ball(ball)
    check_number(weight, "weight")
    stray = outside(mask, damaged, penalty)
    if labels is None:
        check_asked(model, damaged)
        with torch.no_grad():
            labels = model(damaged).argmax(1)
    check(model, damaged, labels)
    loss = cross_entropy(model, labels)
    return Problem(lambda x: loss(x) + weight * stray(x), damaged, ball, steps=steps, step_size=step_size)


def superresolve(
    model: nn.Module,
    small: Tensor,
    labels: Tensor,
    *,
    factor: int,
    ball: Ball,
    start: Callable[[Tensor, int], Tensor] = nearest,
    steps: int = 40,
    step_size: float = 0.1,
) -> Problem:
    """Super-resolution, eq. 4: towards the underlying class, around the nearest-neighbour upsampling of `small`.

    The paper suggests a better start: `start=pixels.bicubic` begins there and keeps the ball's centre.
    """
    check_pixels(small)
    begin, centre = start(small, factor), nearest(small, factor)
    check(model, centre, labels)
    return Problem(cross_entropy(model, labels), begin, ball, centre=centre, steps=steps, step_size=step_size)


def paint(
    model: Classifier,
    images: Tensor,
    mask: Tensor,
    *,
    unit: int,
    ball: Ball,
    weight: float = 10.0,
    penalty: Callable[[Tensor], Tensor] = mean_square,
    steps: int = 60,
    step_size: float = 0.5,
) -> Problem:
    """Feature painting, eq. 5: raise one unit of the representation, changing little outside the mask.

    Paint one feature after another: solve, then pass the result on as `images`, so that the next problem starts and is
    centred there.
    """
    check_asked(model, images)
    check_number(weight, "weight")
    raised, stray = activation(model, unit), outside(mask, images, penalty)
    return Problem(lambda x: raised(x) + weight * stray(x), images, ball, steps=steps, step_size=step_size)


# --- damage -----------------------------------------------------------------------------------------------------------


def fill_with_mean(images: Tensor, mask: Tensor) -> Tensor:
    """Damage pictures: inside the mask, every picture gets the mean colour of its undamaged part."""
    check_pixels(images)
    check_mask(mask, images)
    kept = (1 - mask).expand(len(images), 1, *images.shape[2:])
    colour = (images * kept).sum((2, 3), keepdim=True) / kept.sum((2, 3), keepdim=True).clamp(min=1)
    return images * (1 - mask) + colour * mask


def fill_smoothly(images: Tensor, mask: Tensor, *, rounds: int = 200) -> Tensor:
    """Damage pictures: colours flow into the hole from its rim, until each pixel is the mean of its four neighbours.

    These are Laplace's equations, solved by at most `rounds` steps of conjugate gradients from the mean colour.
    """
    hidden = (mask > 0).to(images)
    filled = fill_with_mean(images, hidden)
    rest = direction = -hidden * bend(filled)
    length = rest.square().sum((1, 2, 3), keepdim=True)
    for _ in range(rounds):
        if length.max() < FLAT:
            break
        along = hidden * bend(direction)
        way = length / (direction * along).sum((1, 2, 3), keepdim=True).clamp(min=1e-20)
        filled, rest, before = filled + way * direction, rest - way * along, length
        length = rest.square().sum((1, 2, 3), keepdim=True)
        direction = rest + direction * length / before.clamp(min=1e-20)
    return images * (1 - mask) + filled.clamp(0, 1) * mask


def bend(images: Tensor) -> Tensor:
    """How far each pixel is above its four neighbours, four times; at the border a neighbour is the pixel itself."""
    around = F.pad(images, (1, 1, 1, 1), mode="replicate")
    across, down = around[..., 1:-1, :-2] + around[..., 1:-1, 2:], around[..., :-2, 1:-1] + around[..., 2:, 1:-1]
    return 4 * images - across - down


def random_holes(count: int, size: int, hole: int, *, generator: torch.Generator) -> Tensor:
    """Masks (count, 1, size, size) with one square hole of side `hole` at a random place."""
    check_whole(count, "count", low=0)
    check_whole(size, "size")
    check_whole(hole, "hole", high=size)
    masks = torch.zeros(count, 1, size, size, dtype=torch.float32)
    corners = torch.randint(0, size - hole + 1, (count, 2), generator=generator)
    for mask, (top, left) in zip(masks, corners.tolist(), strict=True):
        mask[:, top : top + hole, left : left + hole] = 1
    return masks
