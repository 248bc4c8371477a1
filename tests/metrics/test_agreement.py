"""Agreement of raters, and what they say together."""

import numpy as np
import pytest
import torch

from medtutor.course.check import exercises
from medtutor.errors import InputError
from medtutor.metrics.agreement import consensus, kappa, raters_dice


def test_kappa_is_one_for_who_always_agree_and_none_for_who_guess():
    labels = np.random.default_rng(0).integers(2, size=4000)
    assert kappa(labels, labels) == 1
    assert abs(kappa(labels, labels[::-1].copy())) < 0.05


def test_kappa_is_what_the_exercise_of_lesson_10_asks_for():
    exercise = exercises()["cohens_kappa"]
    first, second = exercise.inputs(np.random.default_rng(0))
    assert kappa(first, second) == pytest.approx(float(exercise.reference(first, second)))


def test_kappa_refuses_what_chance_explains_and_other_cases():
    with pytest.raises(InputError, match="all cases alike"):
        kappa([1, 1], [1, 1])
    with pytest.raises(InputError, match="of the same cases"):
        kappa([1, 0], [1, 0, 1])


def test_dice_of_raters_is_a_mean_over_cases_and_structures():
    one = torch.tensor([[[1, 1, 2, 2]], [[1, 1, 0, 0]]])
    other = torch.tensor([[[1, 0, 2, 2]], [[1, 1, 0, 0]]])
    table = raters_dice({"A": one, "B": other}, 3)
    assert table[0, 1] == table[1, 0] == pytest.approx((2 / 3 + 1 + 1 + 1) / 4)  # class 2 of case 2: nobody has it


@pytest.mark.parametrize("method", ["STAPLE", "majority"])
def test_two_of_three_are_followed(method):
    truth = torch.zeros(1, 12, 12, dtype=torch.uint8)
    truth[:, 2:6, 2:10], truth[:, 6:9, 2:10] = 1, 2
    wrong = truth.roll(3, -1)
    assert torch.equal(consensus({"A": truth, "B": truth, "C": wrong}, method), truth)


def test_where_no_class_has_most_there_is_background():
    three = {name: torch.full((1, 2, 2), k, dtype=torch.uint8) for k, name in enumerate("ABC")}
    assert not consensus(three, "majority").any()


def test_a_mistake_that_all_make_stays():
    truth = torch.zeros(1, 12, 12, dtype=torch.uint8)
    truth[:, 4:8, 4:8] = 1
    wide = torch.zeros_like(truth)
    wide[:, 3:9, 3:9] = 1
    for method in ("STAPLE", "majority"):
        assert torch.equal(consensus({name: wide for name in "ABC"}, method), wide)


def test_what_is_no_agreement_is_refused():
    mask = torch.zeros(1, 4, 4, dtype=torch.uint8)
    with pytest.raises(InputError, match="1 rater"):
        consensus({"A": mask})
    with pytest.raises(InputError, match="have shapes"):
        raters_dice({"A": mask, "B": mask[:, :3]}, 2)
    with pytest.raises(InputError, match="unknown method"):
        consensus({"A": mask, "B": mask}, "mean")
    with pytest.raises(InputError, match="class numbers"):
        consensus({"A": mask.float(), "B": mask})
