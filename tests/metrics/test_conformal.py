"""Conformal sets: those of MAPIE, and the promise that is kept where calibration and test are exchangeable."""

import numpy as np
import pytest

from medtutor.errors import InputError
from medtutor.metrics.calibration import at_temperature
from medtutor.metrics.conformal import SplitConformal, conformal_threshold, coverage, coverage_expected


def cases(n, seed=0, classes=2, wrong=3.0):
    """(probabilities, labels) of a model that is far too sure: the promise does not hang on that."""
    generator = np.random.default_rng(seed)
    logits = 1.5 * generator.normal(size=(n, classes))
    p = at_temperature(logits, 1.0)
    labels = (generator.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)
    return at_temperature(wrong * logits, 1.0), labels


@pytest.mark.parametrize("classes, asked", [(2, 0.9), (2, 0.6), (4, 0.8)])
def test_the_sets_are_those_of_mapie(classes, asked):
    from mapie.classification import SplitConformalClassifier
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Known(ClassifierMixin, BaseEstimator):
        """A model whose inputs are its probabilities."""

        def fit(self, X, y):
            self.classes_, self.is_fitted_ = np.arange(X.shape[1]), True
            return self

        def predict_proba(self, X):
            return X

        def predict(self, X):
            return X.argmax(1)

    p, labels = cases(150, classes=classes)
    new, _ = cases(80, seed=1, classes=classes)
    made = SplitConformalClassifier(
        Known().fit(p, labels), confidence_level=asked, conformity_score="lac", prefit=True
    ).conformalize(p, labels)
    theirs = made.predict_set(new)[1][:, :, 0]
    ours = SplitConformal.fit(p, labels, asked).sets(new)
    assert (ours == theirs).all() and 0 < ours.mean() < 1


@pytest.mark.parametrize("by_class", [False, True])
def test_the_promise_is_kept_in_200_splits_of_exchangeable_cases(by_class):
    p, labels = cases(624)
    of_rows = {0: labels == 0, 1: labels == 1} if by_class else {"all": np.ones(624, bool)}
    within = dict.fromkeys(of_rows, 0)
    for seed in range(200):
        half = np.random.default_rng(seed).permutation(624) % 2 == 0
        sets = SplitConformal.fit(p[half], labels[half], 0.9, by_class).sets(p)
        for name, rows in of_rows.items():
            low, high = coverage_expected(int((rows & half).sum()), int((rows & ~half).sum()), 0.9)
            within[name] += low <= coverage(sets[rows & ~half], labels[rows & ~half]).share <= high
    # 190 are expected of new cases each time; all splits are of the same 624.
    assert all(count >= 180 for count in within.values()), within


def test_the_promise_is_broken_under_a_shift():
    p, labels = cases(600)
    made = SplitConformal.fit(p, labels, 0.9)
    shifted, of_shifted = cases(600, seed=1, wrong=12.0)
    low, _ = coverage_expected(600, 600, 0.9)
    assert coverage(made.sets(cases(600, seed=2)[0]), cases(600, seed=2)[1]).share > low
    assert coverage(made.sets(shifted), of_shifted).share < low


def test_a_class_calibrated_on_its_own_keeps_its_promise():
    generator = np.random.default_rng(0)
    labels = (generator.random(4000) < 0.8).astype(int)  # one class is rarer, and harder
    score = np.where(labels == 1, generator.normal(2, 1, 4000), generator.normal(0.5, 1, 4000))
    p = at_temperature(np.stack([np.zeros(4000), score], 1), 1.0)
    first, rest = slice(0, 2000), slice(2000, None)
    together, apart = (
        coverage(SplitConformal.fit(p[first], labels[first], 0.9, by).sets(p[rest]), labels[rest])
        for by in (False, True)
    )
    assert together.by_class[0] < 0.7 and together.share == pytest.approx(0.9, abs=0.03)
    assert apart.by_class == pytest.approx([0.9, 0.9], abs=0.04)


def test_the_rank_is_of_the_new_case_too_and_rounding_lifts_none():
    scores = np.arange(1, 10) / 10
    assert conformal_threshold(scores, 0.9) == 0.9  # the ninth of ten
    assert conformal_threshold(scores, 0.91) == np.inf
    assert conformal_threshold(np.arange(1, 100) / 100, 0.29) == 0.29  # 100 * .29 is 28.999…


def test_too_few_cases_put_every_class_in():
    made = SplitConformal.fit([[0.9, 0.1], [0.2, 0.8]], [0, 1], 0.9)
    assert made.sets([[1.0, 0.0]]).all() and coverage_expected(2, 10, 0.9) == (1.0, 1.0)


def test_a_class_without_calibration_cases_is_in_every_set():
    made = SplitConformal.fit([[0.9, 0.1]] * 20, [0] * 20, 0.9, by_class=True)
    assert made.sets([[0.95, 0.05]]).tolist() == [[True, True]]


def test_what_is_expected_is_what_is_simulated():
    generator, found = np.random.default_rng(0), []
    for _ in range(4000):
        threshold = conformal_threshold(generator.random(40), 0.8)
        found.append((generator.random(60) <= threshold).mean())
    low, high = coverage_expected(40, 60, 0.8)
    assert (np.array(found) < low).mean() < 0.035 and (np.array(found) > high).mean() < 0.035


def test_a_class_without_cases_has_no_coverage():
    found = coverage(np.array([[True, False], [True, True]]), [0, 0])
    assert np.isnan(found.by_class[1]) and found.mean_size == 1.5 and found.single == 0.5


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: SplitConformal.fit(np.zeros((0, 2)), []), "no case"),
        (lambda: SplitConformal.fit([[0.5, 0.5]], [0], 1.0), "coverage"),
        (lambda: SplitConformal.fit([[np.nan, 0.5]], [0]), "NaN"),
        (lambda: SplitConformal.fit([[0.5, 0.5]], [0]).sets([[0.2, 0.3, 0.5]]), "give"),
        (lambda: coverage([[0.5, 0.5]], [0]), "give bools"),
        (lambda: coverage(np.zeros((0, 2), bool), []), "no case"),
        (lambda: conformal_threshold([np.nan], 0.9), "finite"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
