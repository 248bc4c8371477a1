"""Exercises of lesson 14, efficiency and real time."""

import torch
import torch.nn.functional as F

from ...check import Exercise, Mistake


def rounded_to_bits(values, low, high, bits):
    """Values as they are after they were stored as whole numbers 0…2^bits - 1 that stand for low…high.

    values (N,), low <= 0 <= high -> (N,)
    """
    most = 2**bits - 1
    scale = (high - low) / most
    zero_point = round(-low / scale)
    whole = (values / scale + zero_point).round().clamp(0, most)
    return (whole - zero_point) * scale


def _range(generator):
    """Values inside and outside of a range, none of them half way between two steps."""
    bits = int(generator.integers(3, 7))
    most = 2**bits - 1
    scale = float(generator.uniform(0.02, 0.2))
    zero = int(generator.integers(1, most - 1))
    low = -(zero + float(generator.choice([-1, 1]) * generator.uniform(0.2, 0.35))) * scale
    steps = generator.integers(-3, most + 4, size=40) - zero + generator.uniform(-0.1, 0.1, size=40)
    steps[0], steps[1], steps[2] = 0.0, -zero - 4.1, most - zero + 4.1
    return torch.tensor(steps * scale), low, low + most * scale, bits


def _one_step_more(values, low, high, bits):
    scale = (high - low) / 2**bits
    zero_point = round(-low / scale)
    return ((values / scale + zero_point).round().clamp(0, 2**bits - 1) - zero_point) * scale


def _not_cut_off(values, low, high, bits):
    scale = (high - low) / (2**bits - 1)
    zero_point = round(-low / scale)
    return ((values / scale + zero_point).round() - zero_point) * scale


def _zero_between_two_steps(values, low, high, bits):
    scale = (high - low) / (2**bits - 1)
    return ((values - low) / scale).round().clamp(0, 2**bits - 1) * scale + low


def _rounded_down(values, low, high, bits):
    scale = (high - low) / (2**bits - 1)
    zero_point = round(-low / scale)
    return ((values / scale + zero_point).floor().clamp(0, 2**bits - 1) - zero_point) * scale


def _no_zero_point(values, low, high, bits):
    scale = (high - low) / (2**bits - 1)
    return (values / scale).round().clamp(0, 2**bits - 1) * scale


def _never_back(values, low, high, bits):
    scale = (high - low) / (2**bits - 1)
    return (values / scale + round(-low / scale)).round().clamp(0, 2**bits - 1)


def without_the_smallest(first, second, share):
    """The weights of two layers with a share of all of them zero: those of the smallest size.

    first, second: tensors of any shape; share * their number is whole -> tensors of the same shapes
    """
    sizes = torch.cat([first.abs().flatten(), second.abs().flatten()])
    limit = sizes.sort().values[round(share * len(sizes)) - 1]
    return first * (first.abs() > limit), second * (second.abs() > limit)


def _layers(generator):
    """A layer of small weights and one of large ones: forty together, no two of one size."""
    sizes = 0.05 + generator.permutation(40) / 40
    weights = torch.tensor(sizes * generator.choice([-1, 1], size=40))
    return weights[:24].view(4, 6) * 0.4717, weights[24:].view(4, 2, 2), float(generator.choice([0.25, 0.4, 0.7, 0.9]))


def _each_layer_alone(first, second, share):
    kept = []
    for layer in (first, second):
        count = max(1, round(share * layer.numel()))
        kept.append(layer * (layer.abs() > layer.abs().flatten().sort().values[count - 1]))
    return tuple(kept)


def _by_sign(first, second, share):
    values = torch.cat([first.flatten(), second.flatten()])
    limit = values.sort().values[round(share * len(values)) - 1]
    return first * (first > limit), second * (second > limit)


def _the_largest(first, second, share):
    sizes = torch.cat([first.abs().flatten(), second.abs().flatten()])
    limit = sizes.sort(descending=True).values[round(share * len(sizes)) - 1]
    return first * (first.abs() < limit), second * (second.abs() < limit)


def _share_is_kept(first, second, share):
    return without_the_smallest(first, second, 1 - share)


def _masks(first, second, share):
    return tuple((layer != 0).to(layer.dtype) for layer in without_the_smallest(first, second, share))


def taught(student, teacher, labels, temperature, weight):
    """weight * T² * KL(teacher || student, both at temperature T) + (1 - weight) * cross-entropy: the mean over the
    batch.

    student, teacher: logits (B, classes); labels (B,) -> a number
    """
    said = F.log_softmax(student / temperature, dim=1)
    wanted = F.softmax(teacher / temperature, dim=1)
    soft = temperature**2 * F.kl_div(said, wanted, reduction="batchmean")
    return weight * soft + (1 - weight) * F.cross_entropy(student, labels)


def _logits(generator):
    student, teacher = torch.tensor(generator.normal(scale=2, size=(2, 6, 3)))
    labels = torch.tensor(generator.integers(0, 3, size=6))
    return student, teacher, labels, float(generator.uniform(2, 5)), float(generator.uniform(0.6, 0.9))


def _without_the_square(student, teacher, labels, temperature, weight):
    soft, hard = taught(student, teacher, labels, temperature, 1), F.cross_entropy(student, labels)
    return weight * soft / temperature**2 + (1 - weight) * hard


def _other_way_round(student, teacher, labels, temperature, weight):
    soft, hard = taught(teacher, student, labels, temperature, 1), F.cross_entropy(student, labels)
    return weight * soft + (1 - weight) * hard


def _weights_swapped(student, teacher, labels, temperature, weight):
    return taught(student, teacher, labels, temperature, 1 - weight)


def _labels_at_temperature(student, teacher, labels, temperature, weight):
    soft = taught(student, teacher, labels, temperature, 1)
    return weight * soft + (1 - weight) * F.cross_entropy(student / temperature, labels)


def _student_not_softened(student, teacher, labels, temperature, weight):
    return taught(student * temperature, teacher, labels, temperature, weight) + (1 - weight) * (
        F.cross_entropy(student, labels) - F.cross_entropy(student * temperature, labels)
    )


def _sum_over_the_batch(student, teacher, labels, temperature, weight):
    soft, hard = taught(student, teacher, labels, temperature, 1), F.cross_entropy(student, labels)
    return weight * soft * len(labels) + (1 - weight) * hard


def _mean_over_classes_too(student, teacher, labels, temperature, weight):
    soft, hard = taught(student, teacher, labels, temperature, 1), F.cross_entropy(student, labels)
    return weight * soft / student.shape[1] + (1 - weight) * hard


EXERCISES = [
    Exercise(
        "rounded_to_bits",
        rounded_to_bits,
        _range,
        (
            Mistake(
                "2^bits steps",
                _one_step_more,
                "count the distances, not the numbers: how many steps lie between 0 and 2^bits - 1?",
            ),
            Mistake(
                "not cut off",
                _not_cut_off,
                "some values lie outside of the range. Which whole numbers can be stored at all?",
            ),
            Mistake(
                "zero between two steps",
                _zero_between_two_steps,
                "what becomes of 0.0? Zeros are what ReLU and padding make, so 0 must be met exactly: the zero point is"
                " a whole number.",
            ),
            Mistake(
                "rounded down", _rounded_down, "you always round down. The nearest whole number loses half as much."
            ),
            Mistake(
                "no zero point",
                _no_zero_point,
                "all your negative values have become 0. Which whole number stands for 0.0, so that there is room"
                " below it?",
            ),
            Mistake(
                "whole numbers given back",
                _never_back,
                "those are the whole numbers as they are stored. Which numbers do they stand for?",
            ),
        ),
    ),
    Exercise(
        "without_the_smallest",
        without_the_smallest,
        _layers,
        (
            Mistake(
                "each layer alone",
                _each_layer_alone,
                "you take the same share of every layer. One limit for all layers together leaves more where weights"
                " are large.",
            ),
            Mistake("by sign", _by_sign, "a weight of -2 does as much as one of +2. By what do you sort?"),
            Mistake("the largest", _the_largest, "you take away the largest weights. Which ones matter least?"),
            Mistake(
                "share is kept", _share_is_kept, "the share says how many weights become zero, not how many are left."
            ),
            Mistake(
                "masks", _masks, "those are masks of 0 and 1. Asked are the weights themselves, with zeros among them."
            ),
        ),
        trials=10,
    ),
    Exercise(
        "taught",
        taught,
        _logits,
        (
            Mistake(
                "without T²",
                _without_the_square,
                "at temperature T the slopes are about T² times smaller. What brings the teacher's part back to its"
                " size?",
            ),
            Mistake(
                "the other way round",
                _other_way_round,
                "the divergence is not symmetric. Whose probabilities stand in front of the logarithms?",
            ),
            Mistake(
                "weights swapped", _weights_swapped, "the weight is the teacher's share; the labels get what is left."
            ),
            Mistake(
                "labels at temperature T",
                _labels_at_temperature,
                "the temperature is for the teacher's part. The labels know only one class, and are read at"
                " temperature 1.",
            ),
            Mistake(
                "student not softened",
                _student_not_softened,
                "student and teacher are compared at the same temperature. Which of them have you left at 1?",
            ),
            Mistake(
                "sum over the batch",
                _sum_over_the_batch,
                "the teacher's part grows with the batch. Both parts are means over its images.",
            ),
            Mistake(
                "mean over classes, too",
                _mean_over_classes_too,
                'reduction="mean" divides by images and classes. A divergence is a sum over the classes.',
            ),
        ),
    ),
]
