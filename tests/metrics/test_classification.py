"""The metrics are the MedMNIST evaluator's; the intervals are scikit-learn's with weights."""

import numpy as np
import pytest
from medmnist.evaluator import getACC, getAUC
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from medtutor.metrics.classification import _weighted_auc, measure, measure_classes

TASKS = {
    "binary": "binary-class",
    "multi-class": "multi-class",
    "ordinal": "ordinal-regression",
    "multi-label": "multi-label, binary-class",
}


def example(task, n=120, ties=False):
    generator = np.random.default_rng(5)
    if task == "multi-label":
        return generator.integers(0, 2, (n, 4)), generator.random((n, 4))
    classes = 2 if task == "binary" else 5
    labels = np.arange(n) % classes
    scores = generator.random((n, classes)) + 0.3 * np.eye(classes)[labels]
    scores /= scores.sum(1, keepdims=True)
    return labels, scores.round(1) if ties else scores


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("ties", [False, True])
def test_as_the_medmnist_evaluator(task, ties):
    labels, scores = example(task, ties=ties)
    metrics = measure(labels, scores, task, resamples=0)
    column = labels if task == "multi-label" else labels[:, None]
    assert metrics.auc == pytest.approx(getAUC(column, scores, TASKS[task]), abs=1e-12)
    assert metrics.acc == pytest.approx(getACC(column, scores, TASKS[task]), abs=1e-12)
    assert metrics.n == len(labels) and metrics.auc_interval is None


def test_resampled_auc_is_the_weighted_auc_of_scikit_learn():
    labels, scores = example("binary", ties=True)
    counts = np.random.default_rng(0).multinomial(len(labels), np.full(len(labels), 1 / len(labels)), size=7)
    ours = _weighted_auc(labels == 1, scores[:, 1], counts.astype(float))
    theirs = [roc_auc_score(labels, scores[:, 1], sample_weight=row) for row in counts]
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_an_auc_without_one_case_is_the_same_to_the_last_bit_as_all_added_up_anew(ties):
    labels, scores = example("binary", ties=ties)
    counts = 1 - np.eye(len(labels) + 1, len(labels))
    counts[0] = 1
    counts[1, 0] = 3
    anew = np.concatenate([counts, counts[:1] + (np.arange(len(labels)) < 2)])  # two cases differ: none is a shortcut
    quick, slow = (_weighted_auc(labels == 1, scores[:, 1], each) for each in (counts, anew))
    assert (quick == slow[:-1]).all()
    unsigned = _weighted_auc(labels == 1, scores[:, 1], counts.astype(np.uint8))
    assert (unsigned == quick).all()
    alone = _weighted_auc(np.array([True, False, False]), np.array([0.2, 0.1, 0.3]), 1 - np.eye(3))
    assert np.isnan(alone[0]) and alone[1:].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("task", TASKS)
def test_intervals_hold_the_value_and_repeat(task):
    labels, scores = example(task)
    first, again = measure(labels, scores, task, resamples=300), measure(labels, scores, task, resamples=300)
    assert first == again
    assert first.auc_interval[0] < first.auc < first.auc_interval[1]
    assert first.acc_interval[0] < first.acc < first.acc_interval[1]


def test_interval_narrows_with_the_number_of_cases():
    def width(n):
        low, high = measure(*example("binary", n), "binary", resamples=400).auc_interval
        return high - low

    assert width(2000) < width(100) / 3


def test_interval_covers_the_truth_about_as_often_as_it_says():
    """100 samples of 150 cases from a population whose AUC is known: 95 % should cover it."""
    generator = np.random.default_rng(1)
    truth = 0.760  # P(z + 1 > z') for two standard normals, Phi(1 / sqrt 2)
    covered = 0
    for _ in range(100):
        labels = np.arange(150) % 2
        score = 1 / (1 + np.exp(-generator.normal(size=150) - labels))  # a probability, in the same order
        low, high = measure(labels, np.stack([1 - score, score], 1), "binary", resamples=200).auc_interval
        covered += low <= truth <= high
    assert covered >= 88


def test_a_class_without_cases_is_left_out_of_the_mean():
    labels, scores = example("multi-class")
    few = labels != 4
    kept = [roc_auc_score(labels[few] == i, scores[few, i]) for i in range(4)]
    assert measure(labels[few], scores[few], "multi-class", resamples=0).auc == pytest.approx(np.mean(kept))


def test_text_leads_with_auc():
    assert str(measure(*example("binary"), "binary")).startswith("AUC 0.")


def test_classes_without_an_auc_are_named():
    labels, scores = example("multi-label")
    assert measure(labels, scores, "multi-label", resamples=0).left_out == ()
    labels[:, 1], labels[:, 3] = 0, 1
    metrics = measure(labels, scores, "multi-label", resamples=20)
    assert metrics.left_out == (1, 3) and "no AUC of class 1, 3" in str(metrics)
    assert metrics.auc == pytest.approx(np.mean([roc_auc_score(labels[:, i], scores[:, i]) for i in (0, 2)]))
    labels, scores = example("multi-class")
    assert measure(labels[labels != 4], scores[labels != 4], "multi-class", resamples=0).left_out == (4,)
    assert measure(np.ones(9, int), np.full((9, 2), 0.5), "binary", resamples=0).left_out == (1,)


@pytest.mark.parametrize("task", TASKS)
def test_the_numbers_of_each_class_are_those_of_scikit_learn(task):
    labels, scores = example(task)
    found = measure_classes(labels, scores, task)
    said = scores > 0.5 if task == "multi-label" else scores.argmax(1)
    precision, recall, f1, n = precision_recall_fscore_support(labels, said)
    assert [each.precision for each in found] == pytest.approx(precision)
    assert [each.recall for each in found] == pytest.approx(recall)
    assert [each.f1 for each in found] == pytest.approx(f1)
    assert [each.n for each in found] == list(n)
    truths = labels.T if task == "multi-label" else [labels == number for number in range(scores.shape[1])]
    assert [each.auc for each in found] == pytest.approx([roc_auc_score(*pair) for pair in zip(truths, scores.T)])


def test_a_mean_auc_hides_a_class_that_is_never_found():
    """Its scores are in the right order, and never the highest."""
    labels = [0] * 90 + [1] * 10
    scores = [[0.9, 0.05, 0.05]] * 90 + [[0.5, 0.4, 0.1]] * 9 + [[0.4, 0.3, 0.3]]
    labels[-1] = 2
    found = measure_classes(labels, scores, "multi-class")
    assert measure(labels, scores, "multi-class", resamples=0).auc == 1.0
    assert [(each.recall, each.called) for each in found] == [(1.0, 100), (0.0, 0), (0.0, 0)]
    assert np.isnan(found[1].precision) and found[1].f1 == 0.0


def test_of_a_class_without_cases_there_are_no_shares():
    found = measure_classes([0, 0, 1], [[0.8, 0.2, 0.0]] * 3, "multi-class")[2]
    assert (found.n, found.called) == (0, 0)
    assert all(np.isnan(each) for each in (found.recall, found.precision, found.f1, found.auc))


def test_a_binary_run_may_give_one_column_or_two():
    one = measure_classes([0, 1, 1], [[0.2], [0.5], [0.7]], "binary")
    two = measure_classes([0, 1, 1], [[0.8, 0.2], [0.5, 0.5], [0.3, 0.7]], "binary")
    assert one == two and (one[1].recall, one[0].recall, one[1].called) == (0.5, 1.0, 1)
