"""A run beside published results: only where both are about the same images."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import blobs

import medtutor as mt
from medtutor.data import card
from medtutor.data.subsets import unshared
from medtutor.errors import InputError
from medtutor.metrics import Metrics, measure
from medtutor.reports import atlases, compare, comparison_table, reading, segmentation_table


@pytest.fixture
def run(tiny, quick):
    """A run that says it is of BreastMNIST, with test numbers set by the test."""
    trained = mt.fit(mt.build("cnn", tiny, widths=(4, 8, 8)), tiny, quick, progress=False)
    return replace(trained, card=card("breastmnist"), provenance="medmnist")


def with_auc(run, low, auc, high):
    return replace(run, test=Metrics(auc, 0.8, 156, (low, high), (0.7, 0.9)))


def test_resnet18_at_28_pixels_comes_first(run):
    rows = compare(run)
    assert rows[0].model == "cnn, this run" and rows[0].auc == run.test.auc
    assert (rows[1].model, rows[1].size, rows[1].auc, rows[1].acc) == ("ResNet-18", "28", 0.901, 0.863)
    assert all(row.source for row in rows) and len(rows) == 10


@pytest.mark.parametrize(
    "interval, words",
    [
        ((0.91, 0.93, 0.95), "this run is better"),
        ((0.80, 0.85, 0.89), "this run is worse"),
        ((0.88, 0.92, 0.95), "no difference can be told"),
    ],
)
def test_the_sentence_follows_from_the_interval(run, interval, words):
    assert words in reading(with_auc(run, *interval))


def test_the_sentence_says_what_is_averaged_and_that_a_published_number_is_a_point(run):
    whole = replace(run, recipe=run.recipe.but(mirror=True, shift_at_test=1, average=0.9))
    said = reading(whole)
    assert "a point without an interval, on the same" in said and "on these images" in reading(
        with_auc(run, 0.1, 0.2, 0.3)
    )
    assert "answers are averaged over mirror images and moves by 1 px and its weights over the last steps" in said
    plain = reading(replace(run, recipe=run.recipe.but(mirror=False, shift_at_test=0, average=0.0)))
    assert "averaged" not in plain and plain.endswith("not over seeds.)")


def test_a_set_whose_splits_share_images_stands_twice(tiny, quick):
    """The first five test images are training images."""
    images = tiny.test.images.clone()
    images[:5] = tiny.train.images[:5]
    shared = replace(tiny, card=card("breastmnist"), test=replace(tiny.test, images=images), provenance="medmnist")
    trained = mt.fit(mt.build("cnn", shared, widths=(4, 8, 8)), shared, quick, progress=False)
    own, apart, published = compare(trained, shared)[:3]
    chosen = unshared(shared)
    assert not chosen[:5].any() and published.model == "ResNet-18"
    rest = trained.predictions["test"][chosen]
    assert apart.acc == measure(shared.test.labels[chosen], rest, "binary", resamples=0).acc != own.acc
    table = comparison_table(trained, shared)
    assert f"on the {int(chosen.sum())} without a near-duplicate in train" in table and "[0]" not in table
    assert len(compare(trained)) + 1 == len(compare(trained, shared))
    with pytest.raises(InputError, match="made on other images"):
        compare(trained, replace(shared, test=replace(shared.test, labels=1 - shared.test.labels)))
    with pytest.raises(InputError, match="made on other images"):
        comparison_table(trained, tiny)
    assert unshared(tiny) is None and len(compare(replace(trained, card=tiny.card, provenance="arrays"), tiny)) == 1


def test_phantoms_and_own_images_stand_alone(run):
    for provenance, words in (("phantom", "PHANTOM"), ("arrays", "Your own images")):
        alone = replace(run, provenance=provenance)
        assert len(compare(alone)) == 1 and words in comparison_table(alone)
        assert "ResNet" not in comparison_table(alone)


def test_other_sizes_are_not_compared_with(run):
    assert {row.size for row in compare(replace(run, card=card("breastmnist", 224)))[1:]} == {"224"}
    assert "Nothing published" in reading(replace(run, card=card("breastmnist", 64)))


def test_an_unfinished_run_has_no_comparison(run):
    assert compare(replace(run, test=None)) == []
    assert "not finished" in comparison_table(replace(run, test=None))


@pytest.fixture
def fractions(quick):
    """A run of a regression on squares, whose numbers are all from 50 to 69, and its data set."""
    splits = [(images, 50.0 + np.arange(len(images)) % 20) for images, _ in (blobs(40, 0), blobs(20, 1), blobs(20, 2))]
    data = mt.from_arrays(*splits, task="regression", classes=["fraction"])
    return mt.fit(mt.build("cnn", data, widths=(4, 8, 8)), data, quick, progress=False)


def test_a_regression_stands_beside_the_mean(fractions):
    own, mean = compare(fractions)
    assert (own.mae, own.r2) == (fractions.test.mae, fractions.test.r2)
    assert fractions.scale[0] == 59.5 and mean.model == "always 59.5"
    assert mean.mae == 5.0 and mean.r2 == 0  # the test numbers have the mean of the training's
    table = comparison_table(fractions)
    assert "mean error" in table and "always 59.5 [1]" in table and "[1] the mean of the training numbers" in table
    assert "Your own images" in table and "AUC" not in table


@pytest.mark.parametrize(
    "interval, words",
    [((1.0, 4.9), "this run is better"), ((5.1, 9.0), "this run is worse"), ((4.0, 6.0), "no difference can be told")],
)
def test_the_sentence_on_the_mean_follows_from_the_interval(fractions, interval, words):
    told = replace(fractions, test=replace(fractions.test, mae_interval=interval))
    assert words in reading(told) and "59.5" in reading(told)


def test_a_segmentation_needs_its_own_data_set_or_stands_without_an_atlas():
    def split(seed):
        images, _ = blobs(12, seed, size=8)
        return images, (images > 200).astype(np.uint8)

    data, other = (mt.from_arrays(*map(split, seeds), task="segmentation") for seeds in ((0, 1, 2), (0, 1, 3)))
    run = mt.fit(mt.build("unet", data, widths=(4, 8)), data, mt.Recipe(epochs=1, label_smoothing=0.0), progress=False)
    assert "atlas with intensity" in segmentation_table(run, data)
    alone = segmentation_table(run)
    assert "unet, this run" in alone and "atlas" not in alone
    moved = replace(data, test=replace(other.test, masks=other.test.masks.roll(1, -1)))
    with pytest.raises(InputError, match="made on other masks"):
        segmentation_table(run, moved)
    assert "not finished" in segmentation_table(replace(run, test=None), data)
    with pytest.raises(InputError, match="unknown split"):
        atlases(data, "tset")


def test_own_images_that_call_themselves_published_stand_alone(tiny, quick):
    named = replace(tiny, card=replace(tiny.card, name="breastmnist"))
    own = mt.fit(mt.build("mlp", named), named, quick, progress=False)
    assert len(compare(own)) == 1 and "Your own images" in comparison_table(own) and own.card.published == ()
