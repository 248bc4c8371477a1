"""Labels bought one batch after another."""

import numpy as np
import pytest

from medtutor.errors import InputError
from medtutor.training import label_budget
from medtutor.training.label_budget import buy_labels


def cases(count=300, seed=0, rare=2):
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % rare == 0).astype(int)
    return labels[:, None] * 1.5 + random.normal(size=(count, 3)), labels


def test_every_label_is_counted_and_the_budget_kept():
    assert list(buy_labels(*cases(), *cases(seed=1), budget=45, first=12, batch=10)) == [12, 22, 32, 42, 45]


def test_labels_that_were_not_bought_are_not_read():
    features, labels = cases()
    order = np.random.default_rng(0).permutation(len(labels))
    changed = labels.copy()
    changed[order[20:]] = 1 - changed[order[20:]]
    one, other = (buy_labels(features, each, *cases(seed=1), choose="random", budget=20) for each in (labels, changed))
    assert one == other


def test_both_begin_with_the_same_labels_and_then_ask_for_others():
    random, unsure = (buy_labels(*cases(), *cases(seed=1), choose=each, budget=60) for each in ("random", "unsure"))
    assert random[10] == unsure[10] and random[60] != unsure[60]


def test_the_first_ones_are_as_many_as_it_takes_for_both_classes():
    found = buy_labels(*cases(rare=50), *cases(seed=1), budget=200, first=2, batch=50)
    assert min(found) > 2


def test_the_unsure_ones_are_asked_for(monkeypatch):
    """With a probe that gives the one feature as probability."""
    learned = []

    class Probe:
        def fit(self, features, labels):
            learned.append(features[:, 0])

        def predict_proba(self, features):
            return np.concatenate([1 - features, features], axis=1)

    monkeypatch.setattr(label_budget, "make_pipeline", lambda *parts: Probe())
    features = np.linspace(0, 1, 101)[:, None]
    labels = np.arange(101) % 2
    buy_labels(features, labels, features, labels, budget=25, first=10, batch=15)
    first, asked = learned[1][:10], learned[1][10:]
    assert np.abs(asked - 0.5).max() <= 0.13 and np.abs(first - 0.5).max() > 0.3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget": 5}, "budget must be"),
        ({"budget": 1000}, "budget must be"),
        ({"choose": "best"}, "unknown way to choose"),
        ({"first": 1}, "first must be"),
    ],
)
def test_what_cannot_be_bought_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        buy_labels(*cases(), *cases(seed=1), **changes)


def test_labels_of_one_class_are_refused():
    features, labels = cases()
    with pytest.raises(InputError, match="both 0 and 1"):
        buy_labels(features, np.ones_like(labels), features, labels)
