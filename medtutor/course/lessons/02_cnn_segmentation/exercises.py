"""Exercises of lesson 02, CNN segmentation."""

import torch

from ...check import Exercise, Mistake

PLACES = (-2, -1)  # rows and columns of masks


def dice(masks, truths):
    """The overlap of two masks of each image: twice what they have in common, of both together.

    masks, truths (N, H, W) bool -> (N,), 0 to 1; where both are empty they are alike, 1
    """
    total = masks.sum(PLACES) + truths.sum(PLACES)
    return torch.where(total > 0, 2 * (masks & truths).sum(PLACES) / total, 1.0)


def _masks_and_truths(generator):
    count, height, width = generator.integers(4, 9, 3)
    truths = torch.tensor(generator.random((count, height, width)) < 0.4)
    masks = truths ^ torch.tensor(generator.random(truths.shape) < 0.3)
    # Each has something of its own; of one pair both are empty, of two pairs one is, and the other has a single pixel.
    masks[:, 0, :3], truths[:, 0, :3] = torch.tensor([True, True, False]), torch.tensor([True, False, True])
    masks[1:3], truths[[1, 3]] = False, False
    truths[2], masks[3] = False, False
    truths[2, 0, 0], masks[3, 0, 0] = True, True
    return masks, truths


def _or_one(shares):
    """1 where nothing was divided by nothing."""
    return shares.nan_to_num(1.0)


def _unguarded(masks, truths):
    return 2 * (masks & truths).sum(PLACES) / (masks.sum(PLACES) + truths.sum(PLACES))


def _jaccard(masks, truths):
    return _or_one((masks & truths).sum(PLACES) / (masks | truths).sum(PLACES))


def _sensitivity(masks, truths):
    return _or_one((masks & truths).sum(PLACES) / truths.sum(PLACES))


def _precision(masks, truths):
    return _or_one((masks & truths).sum(PLACES) / masks.sum(PLACES))


def _accuracy(masks, truths):
    return (masks == truths).double().mean(PLACES)


def _one_added(masks, truths):
    return (2 * (masks & truths).sum(PLACES) + 1) / (masks.sum(PLACES) + truths.sum(PLACES) + 1)


def jaccard_from_dice(dice):
    """The Jaccard index that goes with a Dice: dice (N,) in 0…1 -> (N,)."""
    return dice / (2 - dice)


def _some_dice(generator):
    return (torch.tensor(generator.uniform(0.05, 0.95, int(generator.integers(3, 8)))),)


def soft_dice_loss(probabilities, masks):
    """One minus the mean soft Dice over images and all classes but the background, 1 added above and below.

    With the cross-entropy it is what `training.losses` makes small. The 1 is for a class that an image has not.

    probabilities, masks (B, K, H, W), class 0 the background, masks of 0 and 1 -> one number
    """
    p, m = probabilities[:, 1:], masks[:, 1:]
    common, both = (p * m).sum(dim=(2, 3)), p.sum(dim=(2, 3)) + m.sum(dim=(2, 3))
    return 1 - ((2 * common + 1) / (both + 1)).mean()


def _soft_dice(probabilities, masks, axes=(2, 3), above=1, below=1):
    """(2 common + above) / (both sums + below), of sums over more or fewer axes than rows and columns."""
    both = (probabilities * masks).sum(axes)
    return (2 * both + above) / (probabilities.sum(axes) + masks.sum(axes) + below)


def _loss(**other):
    """The loss with other axes or other numbers added."""
    return lambda probabilities, masks: 1 - _soft_dice(probabilities[:, 1:], masks[:, 1:], **other).mean()


def _probabilities_and_masks(generator):
    batch, classes = generator.integers(2, 5), generator.integers(3, 6)
    height, width = generator.integers(4, 7, 2)
    probabilities = torch.tensor(generator.normal(size=(batch, classes, height, width))).softmax(dim=1)
    labels = torch.tensor(generator.integers(0, classes, (batch, height, width)))
    labels[0][labels[0] == 1] = 0  # one class is absent from one image, as at the tip of an organ
    # Whole numbers: a mask brings no gradient.
    return probabilities, torch.nn.functional.one_hot(labels, int(classes)).movedim(-1, 1)


def _squared_below(probabilities, masks):
    p, m = probabilities[:, 1:], masks[:, 1:]
    both = (p * m).sum(dim=(2, 3))
    return 1 - ((2 * both + 1) / ((p**2).sum(dim=(2, 3)) + m.sum(dim=(2, 3)) + 1)).mean()


def _soft_jaccard(probabilities, masks):
    p, m = probabilities[:, 1:], masks[:, 1:]
    both = (p * m).sum(dim=(2, 3))
    return 1 - ((both + 1) / (p.sum(dim=(2, 3)) + m.sum(dim=(2, 3)) - both + 1)).mean()


def _decided(probabilities, masks):
    """With decisions, of which no gradient is left."""
    called = (probabilities == probabilities.amax(dim=1, keepdim=True)).double()
    return soft_dice_loss(called, masks)


def _without_two(probabilities, masks):
    p, m = probabilities[:, 1:], masks[:, 1:]
    return 1 - (((p * m).sum(dim=(2, 3)) + 1) / (p.sum(dim=(2, 3)) + m.sum(dim=(2, 3)) + 1)).mean()


def _present_alone(probabilities, masks):
    """Classes that an image has not are left out of the mean."""
    present = masks[:, 1:].sum(dim=(2, 3)) > 0
    return 1 - _soft_dice(probabilities[:, 1:], masks[:, 1:])[present].mean()


def _of_labels(probabilities, masks):
    """With the background, and without the last class: `[:, :-1]`."""
    return 1 - _soft_dice(probabilities[:, :-1], masks[:, :-1]).mean()


def fuzzy_memberships(values, centres):
    """How much each value belongs to each cluster, with fuzziness 2: one over the squared distance, made to sum to 1.

    values (N,), centres (K,), no value at a centre -> (N, K)
    """
    closeness = 1 / (values[:, None] - centres) ** 2
    return closeness / closeness.sum(dim=1, keepdim=True)


def _values_and_centres(generator):
    # Distances around 1: of large ones a softmax leaves the nearest centre alone, and looks like k-means.
    centres = torch.tensor(generator.permutation([0.2, 0.9, 1.5, 2.3])[: int(generator.integers(2, 5))])
    # A third of the way between two tenths is never a centre.
    return torch.tensor((generator.integers(0, 25, int(generator.integers(5, 9))) + 1 / 3) / 10), centres


def _closeness(values, centres, power):
    return 1 / (values[:, None] - centres).abs() ** power


def _shares(values, centres, power):
    closeness = _closeness(values, centres, power)
    return closeness / closeness.sum(dim=1, keepdim=True)


def _one_below(values, centres):
    closeness = 1 / (1 + (values[:, None] - centres) ** 2)
    return closeness / closeness.sum(dim=1, keepdim=True)


def _largest_one(values, centres):
    closeness = _closeness(values, centres, 2)
    return closeness / closeness.amax(dim=1, keepdim=True)


def _nearest(values, centres):
    return torch.nn.functional.one_hot((values[:, None] - centres).abs().argmin(dim=1), len(centres)).double()


EXERCISES = [
    Exercise(
        "dice",
        dice,
        _masks_and_truths,
        (
            Mistake(
                "empty masks",
                lambda masks, truths: _unguarded(masks, truths).nan_to_num(0.0),
                "two empty masks get 0 from you. They are alike: that case counts 1.",
            ),
            Mistake(
                "Jaccard",
                _jaccard,
                "this is the Jaccard index: you divide by the pixels that either mask has. Dice divides by both counts,"
                " added.",
            ),
            Mistake(
                "half of it",
                lambda masks, truths: _or_one(_unguarded(masks, truths) / 2),
                "two equal masks get one half from you. What they have in common counts twice.",
            ),
            Mistake(
                "sensitivity",
                _sensitivity,
                "this divides by the expert's pixels alone: it is the sensitivity, and a mask of everything would be"
                " perfect.",
            ),
            Mistake(
                "accuracy",
                _accuracy,
                "this counts the pixels that agree, background too. Most pixels are background: no mask at all would do"
                " well.",
            ),
            Mistake(
                "one number",
                lambda masks, truths: _or_one(_unguarded(masks, truths)).mean(),
                "this is one number for all images. Asked for is one for each: sum over rows and columns only.",
            ),
            Mistake(
                "one sum over all",
                lambda masks, truths: 2 * (masks & truths).sum() / (masks.sum() + truths.sum()),
                "you sum over the images too, and get one number for all. Asked for is one for each.",
            ),
            Mistake(
                "nothing divided by nothing",
                _unguarded,
                "two empty masks get nan from you, nothing divided by nothing. They are alike: that case counts 1.",
            ),
            Mistake(
                "one added above and below",
                _one_added,
                "you add 1 above and below, which is right for two empty masks alone: small structures come out too"
                " well. Treat that case by itself.",
            ),
            Mistake(
                "precision",
                _precision,
                "this divides by the mask's own pixels alone: it is the precision, and one right pixel would be"
                " perfect.",
            ),
            Mistake(
                "distance",
                lambda masks, truths: 1 - dice(masks, truths),
                "this is 0 where the two masks are equal: one minus what is asked for.",
            ),
        ),
    ),
    Exercise(
        "jaccard_from_dice",
        jaccard_from_dice,
        _some_dice,
        (
            Mistake(
                "the other way",
                lambda dice: 2 * dice / (1 + dice),
                "this turns a Jaccard index into a Dice. Solve it for the other one.",
            ),
            Mistake(
                "halved", lambda dice: dice / 2, "two equal masks have Dice 1 and Jaccard 1; yours would be one half."
            ),
            Mistake(
                "squared",
                lambda dice: dice**2,
                "0 and 1 come out right, what lies between does not. Write both with the common pixels and the two"
                " counts.",
            ),
            Mistake(
                "nothing changed",
                lambda dice: dice + 0,
                "the two are the same at 0 and at 1 only; Jaccard is below Dice everywhere between.",
            ),
            Mistake(
                "added below",
                lambda dice: dice / (2 + dice),
                "two equal masks have Dice 1 and Jaccard 1; yours would be one third. What is common counts in both"
                " masks, but once in either.",
            ),
            Mistake(
                "one for two",
                lambda dice: dice / (1 - dice),
                "this grows without end as Dice nears 1. Write both with the common pixels and the two counts.",
            ),
            Mistake(
                "one over it", lambda dice: (2 - dice) / dice, "this is above 1: it is one over what is asked for."
            ),
            Mistake(
                "distance",
                lambda dice: 1 - jaccard_from_dice(dice),
                "this is one minus the Jaccard index, its distance: 0 where two masks are equal.",
            ),
        ),
    ),
    Exercise(
        "soft_dice_loss",
        soft_dice_loss,
        _probabilities_and_masks,
        (
            Mistake(
                "the Dice itself",
                lambda probabilities, masks: 1 - soft_dice_loss(probabilities, masks),
                "this is the Dice, which should be large. A loss is what training makes small.",
            ),
            Mistake(
                "with the background",
                lambda probabilities, masks: 1 - _soft_dice(probabilities, masks).mean(),
                "the background counts in your mean. It fills most of an image, is found by any network, and hides what"
                " is wrong with the organ: leave class 0 out.",
            ),
            Mistake(
                "the last class left out",
                _of_labels,
                "you leave out the last class. It is the background that is left out, class 0, the first.",
            ),
            Mistake(
                "nothing added",
                _loss(above=0, below=0),
                "nothing, or less than 1, is added above and below. Where a class is absent the loss is then 1 whatever"
                " is predicted, and has no gradient.",
            ),
            Mistake(
                "added below alone",
                _loss(above=0),
                "you add 1 below alone. Where a class is absent and none of it predicted, the loss should be 0; yours"
                " is 1.",
            ),
            Mistake(
                "added above alone",
                _loss(below=0),
                "you add 1 above alone. The fraction can then be more than 1, and divides by 0 where there is nothing.",
            ),
            Mistake(
                "added to each sum",
                _loss(below=2),
                "you add 1 to each of the two sums below, which makes 2. Add it once above and once below the bar.",
            ),
            Mistake(
                "absent classes left out",
                _present_alone,
                "you leave out the classes that an image has not. Then nothing is said against predicting them there;"
                " the 1 is what takes care of them.",
            ),
            Mistake(
                "all pixels in one sum",
                _loss(axes=(0, 1, 2, 3)),
                "you sum over images and classes before you divide: large structures drown small ones. "
                "One Dice for each image and class, then the mean.",
            ),
            Mistake(
                "decisions",
                _decided,
                "you decide on a class before you count. Decisions have no gradient; keep the probabilities.",
            ),
            Mistake(
                "common pixels once",
                _without_two,
                "a perfect prediction has a loss of about one half here. What is common counts twice.",
            ),
            Mistake(
                "per batch",
                _loss(axes=(0, 2, 3)),
                "you sum over the images of the batch before you divide: large organs drown small ones. One Dice for"
                " each image, then the mean.",
            ),
            Mistake(
                "per image",
                _loss(axes=(1, 2, 3)),
                "you sum over the classes before you divide: the largest class decides. One Dice for each class, then"
                " the mean.",
            ),
            Mistake(
                "squares below",
                _squared_below,
                "you divide by the squared probabilities, as V-Net does. Here they are summed as they are, like the"
                " pixels of a mask.",
            ),
            Mistake(
                "Jaccard",
                _soft_jaccard,
                "you divide by what either has, as the Jaccard index does. Dice divides by both sums, added.",
            ),
            Mistake(
                "summed, not averaged",
                lambda probabilities, masks: (1 - _soft_dice(probabilities[:, 1:], masks[:, 1:])).sum(),
                "this is summed over images and classes, so that a larger batch takes larger steps. Take the mean.",
            ),
        ),
        gradients=True,
    ),
    Exercise(
        "fuzzy_memberships",
        fuzzy_memberships,
        _values_and_centres,
        (
            Mistake(
                "not squared",
                lambda values, centres: _shares(values, centres, 1),
                "you take one over the distance. With fuzziness 2 the distance is squared.",
            ),
            Mistake(
                "not made to sum to 1",
                lambda values, centres: _closeness(values, centres, 2),
                "the memberships of a value do not sum to 1. Divide by their sum over the clusters.",
            ),
            Mistake(
                "sum over the values",
                lambda values, centres: _closeness(values, centres, 2) / _closeness(values, centres, 2).sum(dim=0),
                "your memberships sum to 1 for each cluster. They must do so for each value.",
            ),
            Mistake(
                "distance in place of closeness",
                lambda values, centres: _shares(values, centres, -2),
                "the farther a cluster, the more you give it. Turn the distance round.",
            ),
            Mistake(
                "nearest alone",
                _nearest,
                "each value belongs to its nearest cluster wholly: that is k-means. Here all clusters have a share.",
            ),
            Mistake(
                "softmax of the squared distance",
                lambda values, centres: (-((values[:, None] - centres) ** 2)).softmax(dim=1),
                "this is a softmax: shares go with exp(-distance squared). Here they go with one over the distance"
                " squared.",
            ),
            Mistake(
                "softmax of the distance",
                lambda values, centres: (-(values[:, None] - centres).abs()).softmax(dim=1),
                "this is a softmax: shares go with exp(-distance). Here they go with one over the distance squared.",
            ),
            Mistake(
                "one added below",
                _one_below,
                "you add 1 to the squared distance before you divide. No value lies at a centre: nothing has to be"
                " guarded.",
            ),
            Mistake(
                "squared twice",
                lambda values, centres: _shares(values, centres, 4),
                "the distance enters to the fourth power. With fuzziness 2 it is squared once.",
            ),
            Mistake(
                "the largest is 1",
                _largest_one,
                "you divide by the largest membership of a value. They must sum to 1: divide by their sum.",
            ),
        ),
    ),
]
