"""What an exercise is: random inputs, calls to make, rules to keep, and the mistakes that people make.

A check has two halves. `ask` calls the student's function and returns tensors; `assess` sees only these tensors and
says which rules they break. A student's notebook does both at once. The grader has the first half done in an isolated
process, on inputs of its own, and does the second half where no student's code runs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from course_lib.checks.asking import Ask, Function, Inputs, Outputs
from course_lib.one_line import OneLine

TOLERANCE = 1e-4


@dataclass(frozen=True, repr=False)
class Rule(OneLine):
    """One property of a right answer: `broken(inputs, outputs, reference's outputs)` says how it is broken, if it is.

    Points for `manners`, which the simplest wrong answer has as well, are given only where everything else is right.
    """

    name: str
    broken: Callable[[Inputs, Outputs, Outputs], str | None]
    points: float = 1.0
    manners: bool = False


@dataclass(frozen=True, repr=False)
class Exercise(OneLine):
    """A function to write: `cases` gives inputs, `reference` the right answer to each; arguments are passed by name.

    `wrong` has the answers that people give instead, by the sentence that helps them to find what is wrong.
    """

    name: str
    reference: Function
    cases: Callable[[torch.Generator], Iterator[Inputs]]
    rules: Sequence[Rule]
    wrong: Mapping[str, Function]
    read: str
    ask: Ask = field(default_factory=Ask)

    @property
    def points(self) -> float:
        return sum(rule.points for rule in self.rules)


@dataclass(frozen=True, repr=False)
class Verdict(OneLine):
    """Whether a rule is kept; if not, how it is broken and on which input."""

    rule: Rule
    problem: str = ""

    @property
    def kept(self) -> bool:
        return not self.problem


def points(verdicts: Sequence[Verdict]) -> float:
    """What the rules that are kept are worth together."""
    right = all(verdict.kept for verdict in verdicts if not verdict.rule.manners)
    return sum(verdict.rule.points for verdict in verdicts if verdict.kept and (right or not verdict.rule.manners))


def assess(exercise: Exercise, cases: Sequence[Inputs], answers: Sequence[Outputs]) -> tuple[list[Verdict], str]:
    """A verdict on every rule, and the hint of the mistake that gives exactly these answers (or "").

    The first rule is about shape and type; where it is broken, there is nothing to look at for the others.
    """
    expected = [exercise.ask(exercise.reference, inputs) for inputs in cases]
    answers = [in_the_type_of(*pair) for pair in zip(answers, expected, strict=True)]
    verdicts = [Verdict(rule, first_problem(rule, cases, answers, expected)) for rule in exercise.rules]
    if not verdicts[0].kept:
        verdicts[1:] = [Verdict(verdict.rule, "not looked at") for verdict in verdicts[1:]]
    if all(verdict.kept for verdict in verdicts):
        return verdicts, ""
    return verdicts, diagnosis(exercise, cases, answers, expected)


def in_the_type_of(outputs: Outputs, right: Outputs) -> Outputs:
    """Numbers of another width count alike: float64 and int32 are no mistakes."""
    return {
        name: value.to(right[name].dtype)
        if not value.is_complex() and value.is_floating_point() == right[name].is_floating_point()
        else value
        for name, value in outputs.items()
    }


def first_problem(rule: Rule, cases: Sequence[Inputs], answers: Sequence[Outputs], expected: Sequence[Outputs]) -> str:
    for inputs, outputs, right in zip(cases, answers, expected, strict=True):
        try:
            problem = rule.broken(inputs, outputs, right)
        except Exception:  # an answer of another kind than any rule foresees, such as complex numbers
            problem = "the answer could not be compared"
        if problem:
            return f"{problem}, for {described(inputs)}"
    return ""


def diagnosis(
    exercise: Exercise, cases: Sequence[Inputs], answers: Sequence[Outputs], expected: Sequence[Outputs]
) -> str:
    """The hint of the first mistake that gives the same answers, where these are not the right ones.

    NaN counts last: where other numbers are wrong as well, their mistake is named.
    """
    besides, wrong_besides = "", not alike(without_nan(answers, expected), expected)
    for hint, function in exercise.wrong.items():
        try:
            wrong = [exercise.ask(function, inputs) for inputs in cases]
        except Exception:  # some mistakes end in an error, and then there are no answers to compare
            continue
        if alike(answers, wrong) and not alike(wrong, expected):
            return hint
        if wrong_besides and alike(without_nan(answers, wrong), wrong):
            besides = besides or hint
    return besides


def without_nan(answers: Sequence[Outputs], others: Sequence[Outputs]) -> list[Outputs]:
    """The answers, with the numbers of others in the place of NaN."""

    def filled(value: Tensor, other: Tensor | None) -> Tensor:
        return value if other is None or other.shape != value.shape else value.where(~value.isnan(), other)

    pairs = zip(answers, others, strict=True)
    return [{name: filled(value, other.get(name)) for name, value in one.items()} for one, other in pairs]


def alike(first: Sequence[Outputs], second: Sequence[Outputs]) -> bool:
    return all(
        a.keys() == b.keys() and all(close(a[name], b[name]) for name in a) for a, b in zip(first, second, strict=True)
    )


def close(first: Tensor, second: Tensor) -> bool:
    return (
        first.shape == second.shape
        and first.dtype == second.dtype
        and torch.allclose(first, second, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    )


def described(inputs: Inputs) -> str:
    """Inputs in words: shapes of tensors, numbers as they are."""
    return ", ".join(
        f"{name} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"{name}={value:g}"
        for name, value in inputs.items()
    )


def drawn(case: Callable[..., Inputs], *rows: tuple[Any, ...]) -> Callable[[torch.Generator], Iterator[Inputs]]:
    """The `cases` of an exercise: `case(generator, *row)` for each row of sizes and settings.

    No setting can be known before: fractions are drawn, up to what the row says.
    """

    def varied(setting: Any, generator: torch.Generator) -> Any:
        share = 0.75 + 0.25 * torch.rand((), generator=generator).item()
        return setting * share if isinstance(setting, float) else setting

    return lambda generator: (case(generator, *(varied(one, generator) for one in row)) for row in rows)


def between(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))
