"""Right answers of lesson 00."""

from collections import Counter

import numpy as np
import torch
from sklearn.dummy import DummyClassifier

from . import right


@right("accuracy_of_the_commonest")
def by_counting_in_numpy(labels):
    return np.bincount(labels).max() / len(labels)


@right("accuracy_of_the_commonest")
def by_a_counter(labels):
    ((_, count),) = Counter(labels.tolist()).most_common(1)
    return count / len(labels)


@right("accuracy_of_the_commonest")
def by_the_mode(labels):
    return (labels == labels.mode().values).float().mean()


@right("accuracy_of_the_commonest")
def by_a_classifier_that_learns_nothing(labels):
    images = np.zeros((len(labels), 1))
    return DummyClassifier().fit(images, labels).score(images, labels)


@right("accuracy_of_the_commonest")
def by_a_loop(labels):
    best = 0
    for each in labels.unique():
        best = max(best, int((labels == each).sum()))
    return torch.tensor(best / len(labels))
