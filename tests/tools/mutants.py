"""Ways to break the library, and the checked cells of each notebook that must turn red for it.

A mutant is one replacement of text in a copy of the library. `RED` names each notebook's cells by words of their
source, in their order, with the mutants for which they fail; for these all other cells still pass.
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
BLOCKS_ALWAYS = "seeds enlarged by blocks alone"
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
    STANDARD_JUDGE: Mutant(TESTBED, '_model("judge", torch.float32)', '_model("standard", torch.float32)'),
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
    SEEDS_SWAPPED: Mutant(SEEDS, '"multivariate": Kind(MultivariateNormal)', '"multivariate": Kind(PixelNormal.fit)'),
    SEEDS_OF_OTHERS: Mutant("course_lib/testbeds/seeding.py", "book.labels[:count])", "book.labels[:count].flip(0))"),
    BLOCKS_ALWAYS: Mutant(SEEDS, "(nearest if self.blocks else bicubic)", "nearest"),
    SEEDS_UNCENTRED: Mutant(SEEDS, "z = z - z.mean(1, keepdim=True)", "z = z"),
    MASK_IGNORED: Mutant(TASKS, OUTSIDE, "penalty(images - reference)"),
    MASK_REVERSED: Mutant(TASKS, OUTSIDE, "penalty((images - reference) * mask)"),
    FREE_INPAINTING: Mutant(TASKS, "loss(x) + weight * stray(x)", "loss(x)"),
    FREE_PAINTING: Mutant(TASKS, "raised(x) + weight * stray(x)", "raised(x)"),
}


RED: dict[str, dict[str, tuple[str, ...]]] = {
    "00_start_here": {
        "recognises at least 7 of 10 photographs": (UPHILL, SWAPPED),
        "of 8 photographs, the judge sees at least 5": (UPHILL, SWAPPED),
    },
    "01_robust_training": {
        "the attack raises the loss by at least 1": (UPHILL,),
        "untrained, it guesses": (UPHILL,),
        "towards the target both losses fall": (UPHILL,),
        "at a radius of 4, at least 12 of 20 withstand": (UPHILL, SWAPPED),
        "and buys at least 30 points under attack": (SWAPPED,),
        "one-step training flatters itself": (UPHILL,),
    },
    "02_targeted_pgd": {
        "both networks are sure of a church": (UPHILL, L2_UPHILL, SWAPPED),
        "coarse share of the gradient": (SWAPPED,),
        "direction has L2 length 1": (L2_OPEN, LINF_OPEN, L2_UPHILL, LINF_UPHILL),
        "my loop and the library agree": (UPHILL, UNBOXED, L2_UPHILL),
        "both losses fell": (UPHILL, UNPROJECTED, L2_OPEN, L2_UPHILL, SWAPPED),
        "in a ball of 5": (UNPROJECTED, L2_OPEN),
        "the judge sees the class": (UPHILL, UNBOXED, L2_UPHILL, SWAPPED),
        "robust, no trick: every judge": (UPHILL, UNBOXED, SWAPPED),
        "the largest difference between the two pictures": (UPHILL, UNPROJECTED, UNBOXED, L2_OPEN, L2_UPHILL),
    },
    "03_seed_distributions": {
        "neighbours are alike in a seed": (SEEDS_SWAPPED, SEEDS_OF_OTHERS, SEEDS_UNCENTRED),
        "as many samples, at most a fifth of the error": (SEEDS_UNCENTRED,),
        "fitted on 5 pictures, closer to them": (SEEDS_UNCENTRED,),
        "above what their grid can say": (BLOCKS_ALWAYS,),
        "after 20 of Duke's steps the loss": (UPHILL, SWAPPED),
        "results from noise are less diverse": (UPHILL, SWAPPED),
        "both models have the same start": (UPHILL, BLOCKS_ALWAYS),
    },
    "04_generation": {
        "of 20 seeds themselves the judge sees": (UPHILL, SWAPPED),
        "out of grey the judge sees": (UPHILL, SWAPPED),
        "after 15 steps the standard model is sure of itself": (UPHILL, SWAPPED),
        "5 steps of length 2: radius 16 or 32": (UPHILL, UNPROJECTED, SWAPPED),
        "more of the mixture's seeds are recognised": (UPHILL, SEEDS_OF_OTHERS),
        "the church follows the disc": (UPHILL, SWAPPED),
        "both losses fell:": (UPHILL, SWAPPED),
        "no picture moved further than ε": (UPHILL, UNPROJECTED, SWAPPED),
    },
    "05_inpainting": {
        "my equation is the library's": (MASK_IGNORED, MASK_REVERSED, FREE_INPAINTING),
        "no change is longer than ε": (UPHILL, UNPROJECTED),
        "as a norm: the hole hardly moves": (UPHILL, MASK_REVERSED, FREE_INPAINTING),
        "on the object the judge is more confident": (UPHILL, SWAPPED),
    },
    "06_translation": {
        "every judge accepts at least 60%": (UPHILL, UNPROJECTED, SWAPPED),
        "of 24 translations, the judge sees": (UPHILL, UNPROJECTED, PAIR_STANDARD, PAIR_OF_OTHERS),
        "both start from the same pictures": (UPHILL, UNPROJECTED, PAIR_STANDARD),
        "two classes at least 50%": (UPHILL, SWAPPED, PAIR_STANDARD, PAIR_OF_OTHERS),
        "ten classes: the judge's mean probability": (UPHILL, SWAPPED, PAIR_STANDARD, PAIR_OF_OTHERS, UNBIASED),
        "each animal stands where the fault puts it": (UPHILL, PAIR_STANDARD, PAIR_OF_OTHERS, UNBIASED),
        "in L2 the background gets": (UPHILL, UNPROJECTED, PAIR_OF_OTHERS),
    },
    "07_superresolution": {
        "my equation 4 and the library agree": (UNPROJECTED, CENTRED_AT_START, ALWAYS_NEAREST),
        "the robust model's PSNR ends lower": (UPHILL,),
        "the right class makes it more confident": (UPHILL,),
        "of four photographs, each judge gains": (UPHILL, SWAPPED),
        "after 20 steps, the PSNR is below": (UPHILL,),
        "told a wrong class, the judge loses": (UPHILL, SWAPPED),
    },
    "08_sketch_to_image": {
        "both runs start from the drawing": (UPHILL, UNPROJECTED, SWAPPED, UNDRAWN),
        "the judge sees the class in at least 7 of 10": (UPHILL, SWAPPED, UNDRAWN),
        "outlines gain at least 20 points": (UPHILL, SWAPPED, UNDRAWN),
        "anchored, 30 steps stay within the radius": (UNPROJECTED, ANCHORED),
    },
    "09_feature_painting": {
        "my equation is the library's": (MASK_IGNORED, FREE_PAINTING),
        "the judge sees the hint in at least 7 of 16": (UPHILL, SWAPPED),
        "the unit rises inside, and less than half": (UPHILL, UNPROJECTED, MASK_IGNORED),
        "inside, the unit rises at least twice": (UPHILL, SWAPPED, MASK_IGNORED),
        "straight through, the input rises in all 8": (UPHILL, SWAPPED, MASK_IGNORED),
    },
    "10_measuring_quality": {
        "each model is at least 80% confident": (UPHILL, SWAPPED, STANDARD_JUDGE),
        "every network recognises at least 36": (UPHILL, SWAPPED, STANDARD_JUDGE),
        "all judges recognise at least 8": (UPHILL, SWAPPED, STANDARD_JUDGE),
        "perfect answers over 2, 5 and 10 classes": (UPHILL, FLAT_ANSWERS),
        "test pictures are the closest": (SET_WITH_ITSELF,),
        "for the judge attacked, noise comes": (UPHILL, SET_WITH_ITSELF),
        "0 of 10:": (SET_WITH_ITSELF,),
    },
    "11_why_and_what_came_after": {"yet at least two judges believe it more often": (UPHILL,)},
}


def red(notebook: str) -> dict[str, list[str]]:
    """The words of the cells that fail, for each mutant that is of concern to the notebook."""
    mutants = dict.fromkeys(mutant for those in RED[notebook].values() for mutant in those)
    return {mutant: [words for words, those in RED[notebook].items() if mutant in those] for mutant in mutants}
