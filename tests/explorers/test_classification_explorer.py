"""The classification explorer: everything follows the threshold, and agrees with scikit-learn."""

import html
import re
import statistics
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs
from sklearn import metrics

import medtutor as mt
from medtutor.errors import InputError
from medtutor.explorers import ClassificationExplorer, classification
from medtutor.explorers.classification import CLOSEST, CONFIDENT, OUTCOMES
from medtutor.metrics.decisions import counted, outcomes
from medtutor.training.run import Run
from medtutor.widgets.explorer import VIEW


def predicted(dataset, seed=0, strength=0.4):
    """A `Run` without training: noisy scores that know a little about the labels."""
    generator = torch.Generator().manual_seed(seed)
    run = Run(mt.build("mlp", dataset), dataset.card, mt.Recipe(epochs=1), dataset.provenance)
    for split in ("val", "test"):
        labels = getattr(dataset, split).labels
        many = labels.dim() == 2
        known = labels if many else torch.nn.functional.one_hot(labels, len(dataset.card.classes))
        logits = strength * (2 * known - 1) + 2 * torch.randn(known.shape, generator=generator)
        run.labels[split], run.predictions[split] = labels, logits.sigmoid() if many else logits.softmax(1)
    return run


@cache
def phantoms():
    return mt.load("pneumoniamnist", source="phantom")


def of_three_classes():
    return mt.from_arrays(
        *[blobs(60, seed, size=18, classes=3) for seed in range(3)], classes=["low", "middle", "high"], name="three"
    )


def of_many_labels():
    labels = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [0, 1]] * 8)
    return mt.from_arrays(
        *[(blobs(40, seed)[0], labels) for seed in range(3)], classes=["nodule", "effusion"], name="many"
    )


@pytest.fixture
def pair(tiny):
    return predicted(tiny), tiny


@pytest.fixture
def explorer(pair):
    return classification(*pair, split="test")


def alt(widget):
    """The alt text of the picture in an HTML widget."""
    return html.unescape(re.search(r'<img alt="([^"]*)"', widget.value).group(1))


def pictures(explorer):
    return [explorer._matrix.value, explorer._curves.value, explorer._shown.value]


# Numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.5, 0.73, 1.0])
def test_counts_and_rates_agree_with_scikit_learn(threshold):
    generator = np.random.default_rng(0)
    truth, scores = generator.random(300) < 0.3, generator.random(300)
    counts = counted(outcomes(truth, scores, threshold))
    called = scores > threshold
    assert (counts.tn, counts.fp, counts.fn, counts.tp) == tuple(metrics.confusion_matrix(truth, called).ravel())
    assert counts.accuracy == pytest.approx(metrics.accuracy_score(truth, called))
    assert counts.f1 == pytest.approx(metrics.f1_score(truth, called, zero_division=0))
    assert counts.sensitivity == pytest.approx(metrics.recall_score(truth, called))
    assert counts.specificity == pytest.approx(metrics.recall_score(truth, called, pos_label=False))
    if called.any():
        assert counts.precision == pytest.approx(metrics.precision_score(truth, called))
    else:
        assert np.isnan(counts.precision)


def test_precision_at_the_own_prevalence_is_the_precision():
    truth = np.arange(40) < 12
    counts = counted(outcomes(truth, np.random.default_rng(1).random(40), 0.4))
    assert counts.precision_at(truth.mean()) == pytest.approx(counts.precision)
    assert counts.precision_at(0.01) < counts.precision


def test_accuracy_at_one_half_is_that_of_the_run(tiny, quick):
    run = mt.fit(mt.build("mlp", tiny), tiny, quick, progress=False)
    assert classification(run, tiny, split="test").counts.accuracy == pytest.approx(run.test.acc)


# One slider moves all -----------------------------------------------------------------------


def test_matrix_points_numbers_and_images_move_together(explorer, pair):
    before = pictures(explorer)
    for threshold in (0.2, 0.85):
        explorer.threshold.value = threshold
        scores, truth = pair[0].predictions["test"][:, 1].numpy(), pair[0].labels["test"].numpy() == 1
        tn, fp, fn, tp = metrics.confusion_matrix(truth, scores > threshold).ravel()
        assert f"at threshold {threshold:.2f}: of {tp + fn} bottom, {tp} are called so" in alt(explorer._matrix)
        assert f"of {tn + fp} top, {tn} are left alone" in alt(explorer._matrix)
        assert f"sensitivity is {tp / (tp + fn):.3f} and the false positive rate {fp / (tn + fp):.3f}" in alt(
            explorer._curves
        )
        assert f"recall is {tp / (tp + fn):.3f} and precision {tp / (tp + fp):.3f}" in alt(explorer._curves)
        assert f"area {metrics.roc_auc_score(truth, scores):.3f}" in alt(explorer._curves)
        assert f"average precision {metrics.average_precision_score(truth, scores):.3f}" in alt(explorer._curves)
        assert f"specificity {tn / (tn + fp):.3f}" in explorer._numbers.value
        assert f"F1 {2 * tp / (2 * tp + fp + fn):.3f}" in explorer._numbers.value
        assert len(explorer.listed) == min(fn, 16)
        after = pictures(explorer)
        assert all(old != new for old, new in zip(before, after))
        before = after
    assert explorer.message.value == ""


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_images_of_each_outcome(explorer, pair, outcome):
    explorer.threshold.value, explorer.outcome.value = 0.4, outcome
    scores, truth = pair[0].predictions["test"][:, 1].numpy(), pair[0].labels["test"].numpy() == 1
    right = outcome.startswith("true")
    called = outcome.endswith("positive")
    expected = {
        case for case in range(len(truth)) if (scores[case] > 0.4) == called and (truth[case] == called) == right
    }
    assert set(explorer.listed) == expected
    for case in explorer.listed:
        assert f"{case + 1} ({scores[case]:.3f})" in alt(explorer._shown)


def test_order_of_the_images(explorer, pair):
    scores = pair[0].predictions["test"][:, 1].numpy()
    explorer.threshold.value = 0.6
    for outcome, sign in (("false positive", -1), ("false negative", 1)):
        explorer.outcome.value, explorer.order.value = outcome, CONFIDENT
        assert (np.diff(sign * scores[explorer.listed]) >= 0).all() and len(explorer.listed) > 1
        explorer.order.value = CLOSEST
        assert (np.diff(np.abs(scores[explorer.listed] - 0.6)) >= 0).all()


def test_pages_of_images():
    explorer = classification(predicted(phantoms()), phantoms(), split="test")
    explorer.outcome.value = "true positive"
    explorer.threshold.value = 0.1
    count, first = explorer.counts.tp, list(explorer.listed)
    assert count > 32 and f"1 to 16 of {count}" in alt(explorer._shown)
    explorer.pages.next.click()
    assert f"17 to 32 of {count}" in alt(explorer._shown) and not set(first) & set(explorer.listed)
    explorer.pages.previous.click()
    explorer.pages.previous.click()
    assert list(explorer.listed) == first
    explorer.pages.number.value = 999
    assert f"of {count}" in alt(explorer._shown) and explorer.pages.number.value == explorer.pages.count
    explorer.threshold.value = 0.2
    assert explorer.pages.number.value == 1


def test_prevalence(explorer):
    explorer.prevalence.value = 0.001
    rare = explorer._elsewhere.value
    assert "If 0.1 % of all seen were bottom" in rare
    explorer.prevalence.value = 0.5
    assert f"{explorer.counts.precision_at(0.5):.3f}" in explorer._elsewhere.value != rare


def test_the_ends_of_the_slider(explorer):
    explorer.threshold.value = 1.0
    assert explorer.counts.tp == explorer.counts.fp == 0
    assert "precision –" in explorer._numbers.value and "no precision" in alt(explorer._curves)
    explorer.outcome.value = "true positive"
    assert alt(explorer._shown) == "No image: there is no true positive at threshold 1.00."
    explorer.threshold.value = 0.0
    assert explorer.counts.tn == explorer.counts.fn == 0 and explorer.message.value == ""


def test_either_class_may_be_the_positive_one(explorer):
    explorer.threshold.value = 0.3
    explorer.positive.value = 0
    assert "of 10 top," in alt(explorer._matrix) and explorer.counts.tp + explorer.counts.fn == 10


# More classes, labels, dimensions -----------------------------------------------------------


def test_one_class_against_the_rest():
    dataset = of_three_classes()
    run = predicted(dataset)
    explorer = classification(run, dataset, split="test")
    for number, name in enumerate(dataset.card.classes):
        explorer.positive.value = number
        truth, scores = run.labels["test"].numpy() == number, run.predictions["test"][:, number].numpy()
        assert f"of 20 {name}," in alt(explorer._matrix) and f"of 40 not {name}," in alt(explorer._matrix)
        assert f"area {metrics.roc_auc_score(truth, scores):.3f}" in alt(explorer._curves)


def test_one_label_of_many():
    dataset = of_many_labels()
    run = predicted(dataset)
    explorer = classification(run, dataset, "val")
    assert "of 16 nodule," in alt(explorer._matrix)
    explorer.positive.value = 1
    truth, scores = run.labels["val"][:, 1].numpy(), run.predictions["val"][:, 1].numpy()
    assert "of 24 effusion," in alt(explorer._matrix)
    assert f"area {metrics.roc_auc_score(truth, scores):.3f}" in alt(explorer._curves)


@pytest.mark.parametrize("options", [{"channels": 3}, {"depth": 9}, {"size": 120}])
def test_colour_volumes_and_large_images(options):
    dataset = mt.from_arrays(*[blobs(20, seed, **options) for seed in range(3)])
    explorer = classification(predicted(dataset), dataset, split="test")
    assert ("middle slices" in alt(explorer._shown)) == ("depth" in options)
    assert explorer.still().png.startswith(b"\x89PNG")


def test_a_class_without_cases_gives_a_sentence_and_lives_on():
    dataset = of_three_classes()
    labels = dataset.test.labels.clone()
    labels[labels == 2] = 0
    dataset = replace(dataset, test=replace(dataset.test, labels=labels))
    explorer = classification(predicted(dataset), dataset, split="test")
    explorer.positive.value = 2
    assert "every case is not high" in explorer._note.value and "No curves" in alt(explorer._curves)
    explorer.threshold.value = 0.3
    assert "sensitivity –" in explorer._numbers.value and explorer.still().alt
    explorer.positive.value = 1
    assert explorer._note.value == "" and "ROC curve" in alt(explorer._curves)


def test_a_split_of_one_class_only(tiny):
    tiny = replace(tiny, test=replace(tiny.test, labels=torch.ones_like(tiny.test.labels)))
    explorer = classification(predicted(tiny), tiny, split="test")
    assert "every case is bottom" in explorer._note.value
    explorer.threshold.value = 0.7
    assert (
        f"sensitivity {explorer.counts.sensitivity:.3f}" in explorer._numbers.value
        and "specificity –" in explorer._numbers.value
    )


# Where no kernel runs, phantoms, errors -----------------------------------------------------


def test_bundle_has_the_widget_and_the_picture(explorer):
    explorer.threshold.value = 0.35
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id
    assert bundle["text/html"].startswith("<img alt=") and "threshold 0.35" in bundle["text/plain"]
    assert explorer.still().png == explorer.still().png


def test_phantoms_are_marked_in_every_picture():
    dataset = phantoms()
    run = predicted(dataset)
    explorer = classification(run, dataset, split="test")
    for widget in (explorer._matrix, explorer._curves, explorer._shown):
        assert alt(widget).startswith("Phantom images, drawn by medtutor.")
    assert "PHANTOM" in explorer.still().alt
    unmarked = replace(dataset, provenance="arrays")
    run.provenance = "arrays"
    assert classification(run, unmarked, split="test").still().png != explorer.still().png


def test_every_control_has_a_label(explorer):
    for control in (
        explorer.positive,
        explorer.threshold,
        explorer.prevalence,
        explorer.outcome,
        explorer.order,
        explorer.pages.number,
    ):
        assert control.description


def test_an_error_inside_becomes_a_sentence(explorer, monkeypatch):
    monkeypatch.setattr(ClassificationExplorer, "_draw_curves", lambda self: 1 / 0)
    explorer.threshold.value = 0.1
    assert "ZeroDivisionError" in explorer.message.value and "role" in explorer.message.value
    monkeypatch.undo()
    explorer.threshold.value = 0.2
    assert explorer.message.value == "" and "0.20" in alt(explorer._matrix)


def test_what_it_cannot_do_is_said(pair, tiny):
    run, _ = pair
    with pytest.raises(InputError, match="no predictions for the train split"):
        classification(run, tiny, "train")
    other = mt.from_arrays(blobs(48, 0), blobs(21, 1), blobs(19, 2), classes=["top", "bottom"], name="other")
    with pytest.raises(InputError, match="made on tiny .* not on this data set, other"):
        classification(run, other, split="test")
    with pytest.raises(InputError, match=r"\(arrays, 16 pixels\), not on this data set, tiny \(phantom"):
        classification(run, replace(tiny, provenance="phantom"), split="test")
    fewer = mt.from_arrays(blobs(48, 0), blobs(21, 1), blobs(17, 2), classes=["top", "bottom"], name="tiny")
    with pytest.raises(InputError, match="labels of the run and of this tiny differ"):
        classification(run, fewer, split="test")
    run.predictions["test"] = run.predictions["test"].clone().fill_(float("nan"))
    with pytest.raises(InputError, match="NaN"):
        classification(run, tiny, split="test")
    run.predictions.clear()
    with pytest.raises(InputError, match="none yet"):
        classification(run, tiny, split="test")


def test_sequences_are_refused():
    dataset = mt.from_arrays(*[blobs(20, seed, depth=6) for seed in range(3)]).as_sequence()
    run = Run(torch.nn.Linear(1, 2), dataset.card, mt.Recipe(), "arrays")
    with pytest.raises(InputError, match="sequences"):
        classification(run, dataset, split="test")


def test_a_move_of_the_slider_is_answered_in_time():
    """Ten times what it takes on an idle machine."""
    explorer = classification(predicted(phantoms()), phantoms(), split="test")
    seconds = []
    for step in range(20):
        start = time.perf_counter()
        explorer.threshold.value = 0.3 + 0.02 * step
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.25


def test_outcomes_ask_for_bools_and_a_score_of_each():
    truth, scores = np.array([True, False, True]), np.array([0.2, 0.8, 0.9])
    for wrong in ((truth.astype(int), scores), (truth[:1], scores), (truth, scores * np.nan), (list(truth), scores)):
        with pytest.raises(InputError, match="give bools"):
            outcomes(*wrong, 0.5)
    with pytest.raises(InputError, match="takes a Run and its Dataset, not Conv2d and str"):
        classification(torch.nn.Conv2d(1, 1, 1), "breastmnist", split="test")
