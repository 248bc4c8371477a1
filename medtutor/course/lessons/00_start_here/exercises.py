"""Exercises of lesson 00, start here."""

import torch

from ...check import Exercise, Mistake


def accuracy_of_the_commonest(labels):
    """The accuracy of calling every image the class that is commonest.

    labels  (N,) whole numbers from 0
    """
    return labels.bincount().max() / len(labels)


def _labels(generator):
    # Three classes of different size, so that the commonest and the rarest are any of them.
    counts = generator.permutation([7, 12, 21]) + generator.integers(0, 4, 3)
    labels = torch.arange(3).repeat_interleave(torch.tensor(counts))
    return (labels[torch.tensor(generator.permutation(len(labels)))],)


EXERCISES = [
    Exercise(
        "accuracy_of_the_commonest",
        accuracy_of_the_commonest,
        _labels,
        (
            Mistake(
                "share of class 1",
                lambda labels: (labels == 1).double().mean(),
                "this is the share of class 1, which need not be the commonest class. Count every class first.",
            ),
            Mistake(
                "count, no share",
                lambda labels: labels.bincount().max(),
                "this is a number of images. Accuracy is the share of images that are called right.",
            ),
            Mistake(
                "the class itself",
                lambda labels: labels.bincount().argmax(),
                "this is the number of the commonest class. Asked for is how often calling it is right.",
            ),
            Mistake(
                "the rarest class",
                lambda labels: labels.bincount().min() / len(labels),
                "this is the share of the rarest class, the worst one to call.",
            ),
            Mistake(
                "chance",
                lambda labels: 1 / (labels.max() + 1),
                "this is the accuracy of guessing classes at random. If you know which class is common, you do better.",
            ),
            Mistake(
                "the first class",
                lambda labels: (labels == 0).double().mean(),
                "this is the share of class 0, which need not be the commonest class. Count every class first.",
            ),
            Mistake(
                "the share called wrong",
                lambda labels: 1 - labels.bincount().max() / len(labels),
                "this is the share of images that are called wrong. Accuracy is what is left.",
            ),
            Mistake(
                "in percent",
                lambda labels: 100 * labels.bincount().max() / len(labels),
                "this is in percent; an accuracy lies between 0 and 1.",
            ),
            Mistake(
                "whole numbers divided",
                lambda labels: labels.bincount().max() // len(labels),
                "you divide whole numbers with //, which leaves no fraction. One stroke, /, keeps it.",
            ),
        ),
    )
]
