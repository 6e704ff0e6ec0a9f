"""Ways to break the library, and the checked cells of each notebook that must turn red for it.

A mutant is one replacement of text in a copy of the library. `RED` names, for each notebook and mutant, the cells that
fail, each by words of its source; all other cells still pass. A mutant that is not listed is of no concern to that
notebook.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """`found`, which stands once in the file at `path`, becomes `put`."""

    path: str
    found: str
    put: str


UPHILL = "a step uphill"
UNPROJECTED = "no projection"
UNBOXED = "no pixel box"
L2_OPEN = "an L2 ball that lets everything pass"
LINF_OPEN = "an L-infinity ball that lets everything pass"
L2_UPHILL = "the L2 direction uphill"
LINF_UPHILL = "the L-infinity direction uphill"
SWAPPED = "the standard model in the robust one's place"
CENTRED_AT_START = "super-resolution centred at its start"
ALWAYS_NEAREST = "super-resolution that ignores its start"
SSIM_OF_TRUTH = "SSIM of the truth with itself"
STANDARD_JUDGE = "the standard model in the judge's place"
SET_WITH_ITSELF = "a Frechet distance from a set to itself"
FLAT_ANSWERS = "an Inception Score of flattened answers"
UNDRAWN = "a drawing without its strokes"
ANCHORED = "a ball that never moves with the picture"
PAIR_STANDARD = "the standard network of a pair in the robust one's place"
PAIR_OF_OTHERS = "networks of another pair"
UNBIASED = "backgrounds at random where they were ordered"
SEEDS_SWAPPED = "seeds of independent pixels in the place of multivariate ones"
SEEDS_OF_OTHERS = "seeds of other classes"
SEEDS_UNCENTRED = "multivariate seeds of pictures that are not centred"
MASK_IGNORED = "a penalty that ignores the mask"
MASK_REVERSED = "a penalty inside the mask instead of outside"
FREE_INPAINTING = "inpainting without a penalty"
FREE_PAINTING = "painting without a penalty"

PGD, CONSTRAINTS, TASKS = "course_lib/pgd.py", "course_lib/constraints.py", "course_lib/tasks.py"
SEEDS, TESTBED, METRICS = "course_lib/seeds.py", "course_lib/testbeds/testbed.py", "course_lib/measuring/scores.py"
OUTSIDE = "penalty((images - reference) * (1 - mask))"
STEP = "images + problem.step_size * problem.ball.direction"
MUTANTS = {
    UPHILL: Mutant(PGD, STEP, "images - problem.step_size * problem.ball.direction"),
    UNPROJECTED: Mutant(PGD, "problem.ball.project(moved - centre)", "(moved - centre)"),
    UNBOXED: Mutant(PGD, "(moved - centre)).clamp(0, 1)", "(moved - centre))"),
    L2_OPEN: Mutant(CONSTRAINTS, "delta * (self.radius / norms(delta).clamp(min=TINY)).clamp(max=1)", "delta"),
    LINF_OPEN: Mutant(CONSTRAINTS, "delta.clamp(-self.radius, self.radius)", "delta"),
    L2_UPHILL: Mutant(CONSTRAINTS, "return -gradient / norms", "return gradient / norms"),
    LINF_UPHILL: Mutant(CONSTRAINTS, "return -gradient.sign()", "return gradient.sign()"),
    CENTRED_AT_START: Mutant(TASKS, "= start(small, factor), nearest(", "= start(small, factor), start("),
    ALWAYS_NEAREST: Mutant(TASKS, "= start(small, factor), nearest(", "= nearest(small, factor), nearest("),
    SSIM_OF_TRUTH: Mutant(METRICS, "index_measure(images, truth,", "index_measure(truth, truth,"),
    STANDARD_JUDGE: Mutant(TESTBED, 'self._model("judge")', 'self._model("standard")'),
    SET_WITH_ITSELF: Mutant(METRICS, "metric.update(fake, real=False)", "metric.update(real, real=False)"),
    FLAT_ANSWERS: Mutant(METRICS, "metric.update(likely)", "metric.update(likely / 10)"),
    UNDRAWN: Mutant(
        "course_lib/datasets/strokes.py", "return below + pixels[:, 3:] * (pixels[:, :3] - below)", "return below"
    ),
    ANCHORED: Mutant(
        "course_lib/widgets/evolving.py", "start=grown.images[name])", "start=grown.images[name], centre=problem.start)"
    ),
    SWAPPED: Mutant(TESTBED, 'self._model("robust")', 'self._model("standard")'),
    PAIR_STANDARD: Mutant(TESTBED, "role: prepare(load_model(name,", 'role: prepare(load_model(names["standard"],'),
    PAIR_OF_OTHERS: Mutant(
        TESTBED,
        "for pair, names in self.pair_weights.items()",
        "for pair, names in zip(self.pair_weights, reversed(self.pair_weights.values()))",
    ),
    UNBIASED: Mutant(
        "course_lib/datasets/picturebook.py",
        "backgrounds[label % len(backgrounds)] if backgrounds else None",
        "None",
    ),
    SEEDS_SWAPPED: Mutant(TESTBED, '"multivariate": MultivariateNormal,', '"multivariate": PixelNormal.fit,'),
    SEEDS_OF_OTHERS: Mutant(TESTBED, "fits[kind](images, labels)", "fits[kind](images, labels.flip(0))"),
    SEEDS_UNCENTRED: Mutant(SEEDS, "z = z - z.mean(1, keepdim=True)", "z = z"),
    MASK_IGNORED: Mutant(TASKS, OUTSIDE, "penalty(images - reference)"),
    MASK_REVERSED: Mutant(TASKS, OUTSIDE, "penalty((images - reference) * mask)"),
    FREE_INPAINTING: Mutant(TASKS, "loss(x) + weight * stray(x)", "loss(x)"),
    FREE_PAINTING: Mutant(TASKS, "raised(x) + weight * stray(x)", "raised(x)"),
}


def start_here() -> dict[str, tuple[str, ...]]:
    photographs, oranges = "recognises at least 15 of 20 photographs", "of 20 oranges, the judge sees at least 15"
    return {UPHILL: (photographs, oranges), SWAPPED: (photographs, oranges)}


def robust_training() -> dict[str, tuple[str, ...]]:
    equation, live, player, withstand, photographs, steps = (
        "the attack raises the loss by at least 1",
        "untrained, it guesses",
        "towards the target both losses fall",
        "at a radius of 4, at least 12 of 20 withstand",
        "and buys at least 30 points under attack",
        "one-step training flatters itself",
    )
    return {UPHILL: (equation, live, player, withstand, steps), SWAPPED: (withstand, photographs)}


def targeted_pgd() -> dict[str, tuple[str, ...]]:
    gradient, geometry, loop, player, budget, classes, authors = (
        "coarse share of the gradient",
        "direction has L2 length 1",
        "my loop and the library agree",
        "both losses fell",
        "in a ball of 5",
        "the judge sees the target",
        "the largest difference between the two pictures",
    )
    return {
        UPHILL: (loop, player, classes, authors),
        UNPROJECTED: (player, budget, authors),
        UNBOXED: (loop, authors),
        L2_OPEN: (geometry, player, budget, authors),
        LINF_OPEN: (geometry,),
        L2_UPHILL: (geometry, loop, player, classes, authors),
        LINF_UPHILL: (geometry,),
        SWAPPED: (gradient, player, classes),
    }


def seed_distributions() -> dict[str, tuple[str, ...]]:
    neighbours, exact, leak, duke, diversity, player = (
        "neighbours are alike in a seed",
        "as many samples, at most a fifth of the error",
        "fitted on 5 pictures, closer to them",
        "after 20 steps the loss from multivariate seeds",
        "results from noise are less diverse",
        "both models have the same start",
    )
    return {
        UPHILL: (duke, diversity, player),
        SWAPPED: (duke,),
        SEEDS_SWAPPED: (neighbours, duke, diversity),
        SEEDS_OF_OTHERS: (neighbours, duke, diversity),
        SEEDS_UNCENTRED: (neighbours, exact, leak, duke, diversity),
    }


def generation() -> dict[str, tuple[str, ...]]:
    first, converge, budget, mixture, procedural, player = (
        "of 10 seeds, the judge sees the class in at least 8",
        "after 10 steps the standard model is sure of itself",
        "10 steps of length 1: radius 16 or 32",
        "more of the mixture's seeds are recognised",
        "the dog follows the disc",
        "both losses fell:",
    )
    return {
        UPHILL: (first, converge, budget, mixture, procedural, player),
        UNPROJECTED: (budget,),
        SWAPPED: (first, converge, budget, procedural, player),
        SEEDS_OF_OTHERS: (budget, mixture, player),
    }


def inpainting() -> dict[str, tuple[str, ...]]:
    equation, player, readings, where, start = (
        "my equation is the library's",
        "the hole is the square that was painted",
        "as a norm: the hole hardly moves",
        "on the object, the robust model gains",
        "smooth, without a model, beats",
    )
    return {
        UPHILL: (player, readings, where, start),
        UNPROJECTED: (player,),
        SWAPPED: (where, start),
        MASK_IGNORED: (equation, player, where, start),
        MASK_REVERSED: (equation, player, readings, where, start),
        FREE_INPAINTING: (equation, player, readings),
    }


def superresolution() -> dict[str, tuple[str, ...]]:
    equation, player, ball, gains, sharp, told = (
        "my equation 4 and the library agree",
        "the PSNR rises by at least 0.1 dB",
        "with ε = 2, every start ends",
        "the robust model gains at least 0.03 dB",
        "after 40 steps, the PSNR is at least",
        "told a wrong class, the judge loses",
    )
    return {
        UPHILL: (player, ball, gains, sharp, told),
        UNPROJECTED: (equation, ball),
        SWAPPED: (ball, gains, told),
        CENTRED_AT_START: (equation,),
        ALWAYS_NEAREST: (equation, gains),
        SSIM_OF_TRUTH: (gains,),
    }


def translation() -> dict[str, tuple[str, ...]]:
    pairs, player, both, rich, bias, norms = (
        "of 24 translations, the judge sees",
        "both start from the same pictures",
        "two classes at least 50%",
        "ten classes: the judge's mean probability",
        "each animal stands where the fault puts it",
        "in L2 the background gets",
    )
    return {
        UPHILL: (pairs, player, both, rich, bias, norms),
        UNPROJECTED: (pairs, player, norms),
        SWAPPED: (both, rich),
        PAIR_STANDARD: (pairs, player, both, rich, bias),
        PAIR_OF_OTHERS: (pairs, both, rich, bias, norms),
        UNBIASED: (rich, bias),
    }


def sketch_to_image() -> dict[str, tuple[str, ...]]:
    player, classes, needs, anchor = (
        "both runs start from the drawing",
        "the judge sees the class in at least 7 of 10",
        "outlines gain at least 20 points",
        "anchored, 30 steps stay within the radius",
    )
    return {
        UPHILL: (player, classes, needs),
        UNPROJECTED: (player, anchor),
        SWAPPED: (player, classes, needs),
        UNDRAWN: (player, classes, needs),
        ANCHORED: (anchor,),
    }


def feature_painting() -> dict[str, tuple[str, ...]]:
    hints, equation, player, numbers, dead = (
        "the judge sees the hint in at least 7 of 16",
        "my equation is the library's",
        "the unit rises inside, and less than half",
        "inside, the unit rises at least twice",
        "straight through, the input rises in all 8",
    )
    return {
        UPHILL: (hints, player, numbers, dead),
        UNPROJECTED: (player,),
        SWAPPED: (hints, numbers, dead),
        MASK_IGNORED: (equation, player, numbers, dead),
        FREE_PAINTING: (equation,),
    }


def measuring_quality() -> dict[str, tuple[str, ...]]:
    asked, believed, judges, score, distance, forged, number = (
        "each model is at least 80% sure",
        "every network recognises at least 36",
        "both judges recognise at least 8",
        "perfect answers over 2, 5 and 10 classes",
        "test pictures are the closest",
        "for the judge attacked, noise comes",
        "0 of 10:",
    )
    return {
        UPHILL: (asked, believed, judges, score, forged),
        SWAPPED: (asked, believed, judges),
        STANDARD_JUDGE: (asked, believed, judges),
        SET_WITH_ITSELF: (distance, forged, number),
        FLAT_ANSWERS: (score,),
    }


RED: dict[str, dict[str, tuple[str, ...]]] = {
    "00_start_here": start_here(),
    "01_robust_training": robust_training(),
    "02_targeted_pgd": targeted_pgd(),
    "03_seed_distributions": seed_distributions(),
    "04_generation": generation(),
    "05_inpainting": inpainting(),
    "06_translation": translation(),
    "07_superresolution": superresolution(),
    "08_sketch_to_image": sketch_to_image(),
    "09_feature_painting": feature_painting(),
    "10_measuring_quality": measuring_quality(),
}
