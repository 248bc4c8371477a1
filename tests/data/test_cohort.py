"""A cohort with a table: what is drawn follows the formula, and nothing else leaks into it."""

from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs
from sklearn.metrics import roc_auc_score

import medtutor as mt
from medtutor.data import phantoms
from medtutor.data.card import SPLITS
from medtutor.data.cohort import KINDS, chance, draw_cohort, with_table_of_others, without_table
from medtutor.errors import InputError

WHAT = ("images", "table", "labels", "findings", "chances")


@cache
def squares(count=4000):
    return mt.from_arrays(
        blobs(count, 0, size=8), blobs(count, 1, size=8), blobs(count, 2, size=8), classes=["top", "bottom"]
    )


@cache
def cohort(kind, missing=0.0):
    return draw_cohort(squares(), kind, missing=missing)


def same(one, other, what=WHAT):
    return all(getattr(one, name).numpy().tobytes() == getattr(other, name).numpy().tobytes() for name in what)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_bits(kind):
    first, again, other = (draw_cohort(squares(), kind, missing=0.3, seed=seed) for seed in (3, 3, 4))
    for split in SPLITS:
        assert same(getattr(first, split), getattr(again, split))
        assert not same(getattr(first, split), getattr(other, split), ["table"])
    assert not np.allclose(first.train.table[:50], first.test.table[:50], equal_nan=True)


def test_shapes_and_types():
    for split in SPLITS:
        patients = getattr(cohort("interaction"), split)
        count = len(patients)
        assert patients.images.dtype == torch.uint8 and patients.images.shape == (count, 1, 8, 8)
        assert patients.table.dtype == torch.float32 and patients.table.shape == (count, 2)
        assert patients.labels.dtype == patients.findings.dtype == torch.int64
        assert patients.chances.dtype == torch.float32 and patients.chances.shape == (count,)
        assert set(patients.labels.tolist()) == {0, 1}


def test_missing_is_the_share_that_was_asked_for_and_changes_nothing_else():
    whole, gaps = cohort("additive"), cohort("additive", 0.3)
    for split in SPLITS:
        before, after = getattr(whole, split), getattr(gaps, split)
        assert not before.table.isnan().any()
        assert after.table.isnan().float().mean(dim=0).tolist() == pytest.approx([0.3, 0.3], abs=0.04)
        known = ~after.table.isnan()
        assert (after.table[known] == before.table[known]).all()
        assert same(before, after, [what for what in WHAT if what != "table"])
    assert "30% missing" in str(gaps)


def test_findings_are_balanced_in_training_only():
    images, _ = blobs(600, 0, size=8)
    labels = np.repeat([0, 1], [150, 450])
    skewed = mt.from_arrays((images, labels), (images, labels), (images, labels), classes=["normal", "ill"])
    drawn = draw_cohort(skewed, most=200)
    assert drawn.train.findings.bincount().tolist() == [100, 100]
    assert drawn.test.findings.bincount().tolist() == [150, 450] and (drawn.test.images == skewed.test.images).all()
    assert draw_cohort(skewed).train.findings.bincount().tolist() == [150, 150]  # no more than there are
    assert (drawn.train.findings[:50].float().mean() - 0.5).abs() < 0.3  # in mixed order


def test_each_patient_keeps_image_and_finding_together():
    train = cohort("interaction").train
    above = train.images[:, 0, 1:5, 2:6].float().mean((1, 2)) > train.images[:, 0, 5:, 2:6].float().mean((1, 2))
    assert (above == (train.findings == 0)).float().mean() > 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_the_outcome_is_as_frequent_as_the_chances_say(kind):
    for split in SPLITS:
        patients = getattr(cohort(kind), split)
        order = patients.chances.argsort()
        for part in order.chunk(5):
            spread = float((patients.chances[part] * (1 - patients.chances[part])).sum()) ** 0.5 / len(part)
            assert float(patients.labels[part].float().mean()) == pytest.approx(
                float(patients.chances[part].mean()), abs=4 * spread + 1e-3
            )


def areas(kind):
    """AUC on the test split: of the chances, of the finding, of the lab value."""
    test = cohort(kind).test
    return [roc_auc_score(test.labels, score) for score in (test.chances, test.findings, test.table[:, 0])]


def test_in_an_interaction_either_part_alone_says_nothing():
    chances, finding, lab = areas("interaction")
    assert chances > 0.95
    assert finding == pytest.approx(0.5, abs=0.04) and lab == pytest.approx(0.5, abs=0.04)


def test_in_an_additive_cohort_either_part_says_something():
    chances, finding, lab = areas("additive")
    assert chances > 0.85 and 0.65 < finding < chances and 0.65 < lab < chances


# The true chance ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_chances_are_those_of_the_formula(kind):
    test = cohort(kind).test
    assert chance(kind, test.findings, test.table) == pytest.approx(test.chances.numpy(), abs=1e-6)


def test_the_formulas_by_hand():
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    table = torch.tensor([[1.0, 0.0], [-1.0, 2.0], [0.5, -1.0]])
    findings = torch.tensor([1, 1, 0])
    assert chance("additive", findings, table) == pytest.approx(sigmoid(np.array([3.4, 1.8, -1.8])))
    assert chance("interaction", findings, table) == pytest.approx(sigmoid(np.array([4, -3.2, -4.4])))


def test_of_what_is_missing_the_chance_is_the_mean():
    nan, generator = float("nan"), np.random.default_rng(0)
    drawn = generator.standard_normal((20_000, 2))
    for kind in KINDS:
        for row in ([nan, 0.7], [1.2, nan], [nan, nan]):
            filled = np.where(np.isnan(row), drawn, row)
            expected = chance(kind, np.ones(len(filled)), filled).mean()
            assert chance(kind, [1], [row]) == pytest.approx([expected], abs=0.01)
    mixed = chance("additive", [1, 0, 1], [[nan, 0.7], [0.3, -1.0], [nan, nan]])
    assert mixed[1] == chance("additive", [0], [[0.3, -1.0]])[0]
    assert chance("interaction", [0, 1], [[nan, 0.0], [nan, 0.0]]) == pytest.approx([0.5, 0.5])


# Without the table --------------------------------------------------------------------------


def test_without_a_column_all_else_stays():
    test = cohort("additive").test
    for column in (0, 1):
        bare = without_table(test, column)
        assert bare.table[:, column].isnan().all() and (bare.table[:, 1 - column] == test.table[:, 1 - column]).all()
        assert same(test, bare, [what for what in WHAT if what != "table"])
    assert without_table(test).table.isnan().all() and not test.table.isnan().any()


def test_with_the_table_of_others_nobody_keeps_a_row_and_no_row_is_lost():
    test = cohort("additive").test
    for seed in range(3):
        other = with_table_of_others(test, seed)
        assert not (other.table == test.table).all(dim=1).any()
        assert (other.table[:, 0].sort().values == test.table[:, 0].sort().values).all()
        assert same(test, other, [what for what in WHAT if what != "table"])
    assert not same(with_table_of_others(test, 0), with_table_of_others(test, 1), ["table"])
    assert same(with_table_of_others(test, 1), with_table_of_others(test, 1))


# What is said of it, and what is refused ----------------------------------------------------


def test_it_says_that_table_and_outcome_are_phantoms():
    assert "PHANTOM table and outcome" in cohort("additive").title and cohort("additive").provenance == "arrays"
    drawn = draw_cohort(phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 20, "val": 10, "test": 10}))
    assert drawn.provenance == "phantom" and "PHANTOM, drawn by medtutor" in drawn.title
    assert "20 train" not in str(drawn) and "10 test" in str(drawn)  # fewer in training: as many of either finding


def test_what_cannot_be_is_said():
    with pytest.raises(InputError, match="unknown kind of cohort 'interactions'; did you mean interaction"):
        draw_cohort(squares(), "interactions")
    with pytest.raises(InputError, match="unknown kind of cohort"):
        chance("other", [0], [[0.0, 0.0]])
    for missing in (-0.1, 0.95, "some", None):
        with pytest.raises(InputError, match="missing is"):
            draw_cohort(squares(), missing=missing)
    for options, words in (
        ({"most": 1}, "most is 1"),
        ({"most": 10.5}, "most is 10.5"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": None}, "seed is None"),
    ):
        with pytest.raises(InputError, match=words):
            draw_cohort(squares(), **options)
    several = mt.from_arrays(*[blobs(30, seed, classes=3) for seed in range(3)])
    volumes = mt.from_arrays(*[blobs(20, seed, depth=9) for seed in range(3)])
    for dataset in (several, volumes, volumes.as_sequence()):
        with pytest.raises(InputError, match="images with two classes"):
            draw_cohort(dataset)
