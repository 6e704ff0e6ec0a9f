"""Shares and means have the intervals that they claim."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import binomtest

from course_lib.measuring.intervals import bootstrap, rounded, wilson
from course_lib.measuring.judging import judged
from course_lib.measuring.scores import diversity


def hits(count: int, total: int) -> torch.Tensor:
    return torch.arange(total) < count


@pytest.mark.parametrize("total", [1, 10, 97, 500])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.93, 1.0])
def test_wilson_agrees_with_scipy(total, share):
    count = round(share * total)
    interval = binomtest(count, total).proportion_ci(method="wilson")
    assert wilson(hits(count, total)) == pytest.approx([count / total, interval.low, interval.high], abs=6e-5)


def test_wilson_has_the_values_that_textbooks_print():
    assert rounded(wilson(hits(10, 10))) == [1.0, 0.7225, 1.0]
    assert rounded(wilson(hits(0, 10))) == [0.0, 0.0, 0.2775]
    assert rounded(wilson(hits(81, 263))) == [0.308, 0.2553, 0.3662]  # Newcombe 1998, table I, example 1


def normal(count: int, seed: int) -> torch.Tensor:
    return 3 + 2 * torch.randn(count, generator=torch.Generator().manual_seed(seed))


def test_bootstrap_is_deterministic_and_its_seed_counts():
    values = normal(100, 0)
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values)[1:] != bootstrap(values, seed=1)[1:]


def test_bootstrap_agrees_with_normal_theory_on_many_values():
    values = normal(400, 0)
    mean, half = values.mean().item(), 1.96 * values.std().item() / 400**0.5
    assert bootstrap(values) == pytest.approx([mean, mean - half, mean + half], abs=0.12 * half)


def test_bootstrap_intervals_cover_the_truth_about_as_often_as_they_say():
    intervals = [bootstrap(normal(40, seed), rounds=300)[1:] for seed in range(150)]
    covered = sum(low <= 3 <= high for low, high in intervals) / len(intervals)
    assert 0.88 <= covered <= 0.99


def test_bootstrap_takes_any_numbers_and_one_value():
    assert bootstrap(torch.tensor([2.0, 2.0]).double()) == [2.0, 2.0, 2.0]
    assert bootstrap(torch.tensor([1, 3])) == [2.0, 1.0, 3.0]
    assert bootstrap(torch.tensor([5.0])) == [5.0, 5.0, 5.0]


def test_judged_says_which_images_got_the_wanted_class():
    def brightest_channel(images: torch.Tensor) -> torch.Tensor:
        assert not torch.is_grad_enabled()
        return images.mean((2, 3))

    images = torch.eye(3).view(3, 3, 1, 1).expand(3, 3, 4, 4)[[0, 1, 2, 1, 0]]
    answers = judged(brightest_channel, images, torch.tensor([0, 1, 0, 2, 0]))
    assert answers.tolist() == [True, True, False, False, True]


def test_diversity_is_the_mean_distance_of_two_pictures_of_a_class():
    features = torch.tensor([[0.0, 0.0], [9.0, 9.0], [3.0, 4.0], [9.0, 10.0], [0.0, 0.0]])
    labels = torch.tensor([0, 1, 0, 1, 0])
    assert diversity(features, labels) == pytest.approx(((5 + 0 + 5) / 3 + 1) / 2)


@given(st.integers(2, 4), st.integers(1, 3), st.integers(0, 99))
def test_diversity_agrees_with_all_pairs_and_scales_with_the_features(count, classes, seed):
    features = torch.randn(count * classes, 3, generator=torch.Generator().manual_seed(seed)).double()
    labels = torch.arange(count * classes) % classes
    means = [pdist(features[labels == label].numpy()).mean() for label in range(classes)]
    assert diversity(features, labels) == pytest.approx(sum(means) / classes)
    assert diversity(3 * features + 7, labels) == pytest.approx(3 * diversity(features, labels))
    assert diversity(features[:1].expand(len(labels), -1), labels) == 0


def test_diversity_of_a_single_picture_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"^expected at least two pictures of every class, got \[2, 1\]$"):
        diversity(torch.zeros(3, 2), torch.tensor([0, 0, 1]))
