"""A run beside published results: only where both are about the same images."""

from dataclasses import replace

import pytest

import medtutor as mt
from medtutor.data import card
from medtutor import figures
from medtutor.errors import InputError
from medtutor.evaluation import Metrics, compare, comparison_table, metrics_kind, reading


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
    assert all(row.source for row in rows) and len(rows) == 9


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


@pytest.mark.parametrize("task", ["regression", "segmentation"])
def test_a_run_without_auc_has_no_published_results_beside_it(run, task):
    kind = metrics_kind(task)
    numbers = kind(0.5, 0.1, 19) if task == "regression" else kind(0.5, 3.0, 0.4, 19, {})
    other = replace(run, test=numbers, card=replace(run.card, task=task))
    assert compare(other) == [] and str(numbers) in comparison_table(other) and "Nothing published" in comparison_table(other)
    with pytest.raises(InputError, match=f"a {task} has no AUC"):
        figures.comparison(other)


def test_own_images_that_call_themselves_published_stand_alone(tiny, quick):
    named = replace(tiny, card=replace(tiny.card, name="breastmnist"))
    own = mt.fit(mt.build("mlp", named), named, quick, progress=False)
    assert len(compare(own)) == 1 and "Your own images" in comparison_table(own) and own.card.published == ()
