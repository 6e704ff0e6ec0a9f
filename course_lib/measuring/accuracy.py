"""Clean and robust accuracy, honestly: the attack is strong, and a picture counts only if it survives all of it."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from course_lib.constraints import Ball
from course_lib.doors import check, check_ball, check_whole
from course_lib.measuring.judging import judged
from course_lib.pgd import solve
from course_lib.tasks import attack

PATIENCE = 10  # attack steps between two looks at which pictures are fooled already


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of pictures in [0, 1] that the model classifies as labelled."""
    return judged(model, images, labels).float().mean().item()


def robust_hits(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    ball: Ball,
    steps: int = 50,
    restarts: int = 5,
    seed: int = 0,
    batch_size: int = 50,
) -> Tensor:
    """Which pictures stay correctly classified under untargeted PGD inside `ball`, (N,) booleans.

    `steps` steps of 2.5 radius/steps from `restarts` random starts; a picture counts only if it survives all of them.
    This is an upper bound on the true robust accuracy: a better attack could still find more.
    """
    check(model, images, labels)
    check_ball(ball)
    check_whole(steps, "steps", low=0)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        survivors = judged(model, images, labels)
        for _ in range(restarts):
            for part in survivors.nonzero().squeeze(1).split(batch_size):
                survivors[part] = resisting(
                    model, images[part], labels[part], ball=ball, steps=steps, generator=generator
                )
    return survivors


def resisting(
    model: nn.Module, images: Tensor, labels: Tensor, *, ball: Ball, steps: int, generator: torch.Generator
) -> Tensor:
    """Which pictures one attack from a random start does not fool, (N,) booleans.

    Every `PATIENCE` steps the pictures that are fooled leave, and the others go on.
    """
    attacked = (images + ball.sample(images, generator=generator)).clamp(0, 1)
    alive = torch.arange(len(images), device=images.device)
    for done in range(0, steps, PATIENCE):
        if len(alive):
            whole = attack(model, images[alive], labels[alive], ball=ball, steps=steps)
            attacked = solve(replace(whole, start=attacked, steps=min(PATIENCE, steps - done)))
            right = model(attacked).argmax(1) == labels[alive]
            alive, attacked = alive[right], attacked[right]
    return torch.zeros(len(images), dtype=torch.bool, device=images.device).index_fill(0, alive, True)
