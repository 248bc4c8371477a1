"""Exercises of lesson 01, CNN classification."""

import torch
import torch.nn.functional as F

from ...check import Exercise, Mistake


def cross_correlate(image, kernel):
    """What a convolution layer computes: the kernel laid on every place it fits.

    image (H, W), kernel (h, w) -> (H - h + 1, W - w + 1)
    """
    return F.conv2d(image[None, None], kernel[None, None])[0, 0]


def _image_and_kernel(generator):
    height, width = generator.integers(6, 12, 2)
    # Neither square nor symmetric, no side of one: every flip and a transposition show.
    rows, columns = generator.permutation([2, 3, 4, 5])[:2]
    return torch.tensor(generator.normal(size=(height, width))), torch.tensor(generator.normal(size=(rows, columns)))


def _too_small(image, kernel):
    return cross_correlate(image, kernel)[:-1, :-1]


def _padded(image, kernel):
    (above, left), (below, right) = (
        [round_(side - 1) for side in kernel.shape] for round_ in (lambda n: n // 2, lambda n: n - n // 2)
    )
    return cross_correlate(F.pad(image, [left, right, above, below]), kernel)


def _unweighted(image, kernel):
    return cross_correlate(image, torch.ones_like(kernel))


def sensitivity_and_specificity(labels, scores, threshold):
    """(sensitivity, specificity) of calling ill what scores above the threshold.

    labels (N,) of 0 and 1, scores (N,)
    """
    called = scores > threshold
    return called[labels == 1].double().mean(), (~called[labels == 0]).double().mean()


def _labels_and_scores(generator):
    count = int(generator.integers(20, 50))
    labels = torch.arange(count) % 3 == 0
    # Rounded, so that some scores are equal to each other and to the threshold.
    scores = (torch.tensor(generator.normal(size=count)) + labels).mul(2).round() / 2
    return labels.long(), scores


def _at_a_threshold(generator):
    labels, scores = _labels_and_scores(generator)
    # One of the scores, with others on either side, and another one each time.
    return labels, scores, float(generator.choice(scores.unique()[1:-1]))


def _rates(labels, called):
    """(true positives, false positives, false negatives, true negatives), counted."""
    ill = labels == 1
    return (called & ill).sum(), (called & ~ill).sum(), (~called & ill).sum(), (~called & ~ill).sum()


def _swapped(labels, scores, threshold):
    return sensitivity_and_specificity(labels, scores, threshold)[::-1]


def _equal_counts(labels, scores, threshold):
    called = scores >= threshold
    return called[labels == 1].double().mean(), (~called[labels == 0]).double().mean()


def _predictive_values(labels, scores, threshold):
    tp, fp, fn, tn = _rates(labels, scores > threshold)
    return tp / (tp + fp), tn / (tn + fn)


def _of_all(labels, scores, threshold):
    tp, _, _, tn = _rates(labels, scores > threshold)
    return tp / len(labels), tn / len(labels)


def _false_alarms(labels, scores, threshold):
    sensitivity, specificity = sensitivity_and_specificity(labels, scores, threshold)
    return sensitivity, 1 - specificity


def _below(labels, scores, threshold):
    called = scores < threshold
    return called[labels == 1].double().mean(), (~called[labels == 0]).double().mean()


def _accuracy(labels, scores, threshold):
    return ((scores > threshold) == (labels == 1)).double().mean()


def _counted(labels, scores, threshold):
    tp, _, _, tn = _rates(labels, scores > threshold)
    return tp, tn


def auc(labels, scores):
    """The share of (ill, healthy) pairs in which the ill one scores higher; a tie counts half.

    labels (N,) of 0 and 1, scores (N,)
    """
    difference = scores[labels == 1][:, None] - scores[labels == 0][None]
    return (difference > 0).double().mean() + (difference == 0).double().mean() / 2


def _pairs(labels, scores):
    return scores[labels == 1][:, None] - scores[labels == 0][None]


def _all_pairs(labels, scores):
    difference = _pairs(labels, scores)
    wins = (difference > 0).double().sum() + (difference == 0).double().sum() / 2
    return wins / len(labels) ** 2


def _by_place(labels, scores):
    """From ranks in which equal scores stand in the order of the list."""
    ranks = scores.argsort(stable=True).argsort() + 1
    ill, healthy = (labels == 1).sum(), (labels == 0).sum()
    return (ranks[labels == 1].sum() - ill * (ill + 1) / 2) / (ill * healthy)


def _average_precision(labels, scores):
    from sklearn.metrics import average_precision_score

    return average_precision_score(labels, scores)


EXERCISES = [
    Exercise(
        "cross_correlate",
        cross_correlate,
        _image_and_kernel,
        (
            Mistake(
                "kernel flipped",
                lambda image, kernel: cross_correlate(image, kernel.flip(0, 1)),
                "this flips the kernel, as a convolution in mathematics does. The layer called convolution does not"
                " flip it.",
            ),
            Mistake(
                "padded",
                _padded,
                "the answer is as large as the image: you let the kernel hang over the border. Only places where it"
                " fits count.",
            ),
            Mistake(
                "one place short",
                _too_small,
                "the last row and column of places are missing. How often does a kernel of 3 fit into 5 pixels?",
            ),
            Mistake(
                "weights left out",
                _unweighted,
                "this sums the pixels under the kernel. Each must be multiplied by the kernel's weight first.",
            ),
            Mistake(
                "kernel transposed",
                lambda image, kernel: F.conv2d(image.T[None, None], kernel[None, None])[0, 0].T,
                "rows and columns of the kernel are exchanged. Which index goes down, and which to the right?",
            ),
            Mistake(
                "mean in place of the sum",
                lambda image, kernel: cross_correlate(image, kernel) / kernel.numel(),
                "this is the mean over the kernel's places; asked for is the sum.",
            ),
            Mistake(
                "flipped left to right",
                lambda image, kernel: cross_correlate(image, kernel.flip(1)),
                "the kernel is flipped left to right. Lay it on as it is.",
            ),
            Mistake(
                "flipped upside down",
                lambda image, kernel: cross_correlate(image, kernel.flip(0)),
                "the kernel is flipped upside down. Lay it on as it is.",
            ),
            Mistake(
                "padded all around",
                lambda image, kernel: F.conv2d(
                    image[None, None], kernel[None, None], padding=[side - 1 for side in kernel.shape]
                )[0, 0],
                "the answer is larger than the image: every place counts that the kernel touches. Only places where it"
                " fits wholly count.",
            ),
            Mistake(
                "moved by its own size",
                lambda image, kernel: F.conv2d(image[None, None], kernel[None, None], stride=kernel.shape)[0, 0],
                "you move the kernel by its own size, so that places lie side by side. It moves by one pixel.",
            ),
            Mistake(
                "the largest product",
                lambda image, kernel: (image.unfold(0, len(kernel), 1).unfold(1, kernel.shape[1], 1) * kernel).amax(
                    (2, 3)
                ),
                "you keep the largest product at each place. Asked for is the sum of all.",
            ),
        ),
    ),
    Exercise(
        "sensitivity_and_specificity",
        sensitivity_and_specificity,
        _at_a_threshold,
        (
            Mistake(
                "swapped",
                _swapped,
                "the two are in the wrong order: sensitivity is about those who are ill, and comes first.",
            ),
            Mistake(
                "at the threshold too",
                _equal_counts,
                "a score equal to the threshold is not above it. (Ties are common: many scores are rounded.)",
            ),
            Mistake(
                "predictive values",
                _predictive_values,
                "these are the predictive values: you divide by those that are called so. Divide by those that are so.",
            ),
            Mistake(
                "divided by all",
                _of_all,
                "you divide by all images. Sensitivity is a share of the ill, specificity a share of the healthy.",
            ),
            Mistake(
                "false alarms",
                _false_alarms,
                "the second number is the share of false alarms; specificity is what is left of the healthy.",
            ),
            Mistake(
                "misses",
                lambda *at: (1 - sensitivity_and_specificity(*at)[0], sensitivity_and_specificity(*at)[1]),
                "the first number is the share of the ill that are missed; sensitivity is what is left of the ill.",
            ),
            Mistake(
                "ill below the threshold",
                _below,
                "you call ill what scores below the threshold. A high score says: ill.",
            ),
            Mistake(
                "always one half",
                lambda labels, scores, threshold: sensitivity_and_specificity(labels, scores, 0.5),
                "you divide at one half, whatever the threshold is. It is given: use it.",
            ),
            Mistake(
                "accuracy",
                _accuracy,
                "this is one number, the accuracy. Two are asked for, one about the ill and one about the healthy.",
            ),
            Mistake("counts", _counted, "these are numbers of images. Of how many ill, and of how many healthy ones?"),
        ),
    ),
    Exercise(
        "auc",
        auc,
        _labels_and_scores,
        (
            Mistake(
                "ties lost",
                lambda labels, scores: (_pairs(labels, scores) > 0).double().mean(),
                "pairs with equal scores count for nothing here. A tie is half a point.",
            ),
            Mistake(
                "ties won",
                lambda labels, scores: (_pairs(labels, scores) >= 0).double().mean(),
                "pairs with equal scores count in full here. A tie is half a point.",
            ),
            Mistake(
                "upside down",
                lambda labels, scores: 1 - auc(labels, scores),
                "this counts the pairs in which the healthy one scores higher: it is one minus what is asked for.",
            ),
            Mistake(
                "divided by all pairs",
                _all_pairs,
                "you divide by the number of all pairs of images. Only pairs of one ill and one healthy image count.",
            ),
            Mistake(
                "not divided",
                lambda labels, scores: (_pairs(labels, scores) > 0).sum() + (_pairs(labels, scores) == 0).sum() / 2,
                "this is a number of pairs. The AUC is their share.",
            ),
            Mistake(
                "from -1 to 1",
                lambda labels, scores: 2 * auc(labels, scores) - 1,
                "this is 0 at chance: the Gini coefficient, or Somers' D. The AUC is 1/2 there.",
            ),
            Mistake(
                "ties by place",
                _by_place,
                "you sort, and of equal scores the one that stands first in the list gets the lower rank. They are"
                " equal: half a point each.",
            ),
            Mistake(
                "average precision",
                _average_precision,
                "this is the average precision, the area under another curve: of precision over recall. It depends on"
                " how common illness is.",
            ),
            Mistake(
                "difference of the means",
                lambda labels, scores: scores[labels == 1].mean() - scores[labels == 0].mean(),
                "this is how far the two means lie apart. Asked for is in how many pairs the ill one scores higher, no"
                " matter by how much.",
            ),
        ),
    ),
]
