"""Groups planted into images: what was planted is what is there, and nothing else."""

from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data.card import SPLITS
from medtutor.data.groups import as_group, plant_groups, redrawn
from medtutor.data.planting import MARKER
from medtutor.errors import InputError


@cache
def squares():
    return mt.from_arrays(
        *[blobs(n, seed, size=12) for seed, n in enumerate((2000, 400, 400))], classes=["well", "ill"]
    )


pytestmark = pytest.mark.filterwarnings("ignore:.*byte for byte")


@cache
def planted(**what):
    return plant_groups(squares(), **what)


def test_the_same_seed_plants_the_same():
    one, again, other = (plant_groups(squares(), missed=0.3, marker=0.9, seed=seed) for seed in (1, 1, 2))
    for split in SPLITS:
        first, second, third = (getattr(each.dataset, split) for each in (one, again, other))
        assert torch.equal(first.images, second.images) and torch.equal(first.labels, second.labels)
        assert not torch.equal(first.images, third.images)
    assert not torch.equal(one.groups["val"], one.groups["test"])


def test_groups_have_nothing_to_do_with_the_finding():
    group, truth = planted().groups["train"], planted().truth["train"]
    assert float((group == 1).float().mean()) == pytest.approx(0.3, abs=0.03)
    shares = [float(truth[group == g].float().mean()) for g in (0, 1)]
    assert shares[0] == pytest.approx(shares[1], abs=0.06)


def test_only_findings_of_group_b_are_missed():
    each = planted(missed=0.4)
    for split in SPLITS:
        recorded, truth, group = getattr(each.dataset, split).labels, each.truth[split], each.groups[split]
        assert torch.equal(truth, getattr(squares(), split).labels)
        wrong = recorded != truth
        assert ((truth == 1) & (group == 1))[wrong].all()
    of_b = (truth == 1) & (group == 1)
    assert float(wrong[of_b].float().mean()) == pytest.approx(0.4, abs=0.15)


def test_group_a_looks_as_before_and_group_b_does_not():
    images, before, group = planted().dataset.train.images, squares().train.images, planted().groups["train"]
    assert torch.equal(images[group == 0], before[group == 0])
    assert torch.equal(images[group == 1], as_group(before[group == 1], "B"))
    assert float(images[group == 1].float().std()) < 0.8 * float(before[group == 1].float().std())


def test_the_marker_goes_with_the_finding_in_group_b_alone():
    parts = squares().train, squares().val, squares().test
    dark = mt.from_arrays(*[(part.images[:, 0] * 0, part.labels) for part in parts], classes=["well", "ill"])
    each = plant_groups(dark, marker=0.95)
    images, labels, group = each.dataset.train.images, each.dataset.train.labels, each.groups["train"]
    marked = images[:, 0, *MARKER].flatten(1).float().mean(1) > 100
    share = {(g, y): float(marked[(group == g) & (labels == y)].float().mean()) for g in (0, 1) for y in (0, 1)}
    assert share[0, 0] == pytest.approx(0.5, abs=0.06)
    assert share[0, 1] == pytest.approx(0.5, abs=0.06)
    assert share[1, 0] < 0.12 and share[1, 1] > 0.88
    assert each.dataset.card.mirror == ()


def test_it_says_that_it_is_a_phantom():
    each = planted(missed=0.4)
    assert each.dataset.is_phantom and "PHANTOM" in each.title and "PHANTOM" in each.dataset.card.warnings[0]
    assert "recorded without" in str(each)


def test_training_cases_are_drawn_in_proportion_to_their_weights():
    weights = torch.where(squares().train.labels == 1, 3.0, 1.0)
    drawn = redrawn(squares(), weights, seed=0)
    share = float((squares().train.labels == 1).float().mean())
    assert float((drawn.train.labels == 1).float().mean()) == pytest.approx(
        3 * share / (3 * share + 1 - share), abs=0.04
    )
    assert len(drawn.train) == len(squares().train) and torch.equal(drawn.test.images, squares().test.images)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: plant_groups(squares(), share=1.0), "share must be"),
        (lambda: plant_groups(squares(), missed=2), "missed must be"),
        (lambda: plant_groups(squares(), marker="yes"), "marker must be"),
        (lambda: plant_groups("xray"), "dataset must be a Dataset"),
        (lambda: as_group(squares().test.images, "C"), "unknown group"),
        (lambda: as_group("x", "B"), "uint8 tensor"),
        (lambda: redrawn(squares(), [1.0]), "weights must be 2000 numbers"),
        (lambda: redrawn(squares(), np.zeros(2000)), "not all 0"),
    ],
)
def test_wrong_input_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_other_tasks_are_refused():
    images, labels = blobs(30, 0, size=12)
    three = mt.from_arrays(*[(images, np.arange(30) % 3)] * 3, task="multi-class", name="three")
    with pytest.raises(InputError, match="two classes"):
        plant_groups(three)
