"""Exercises of lesson 03, U-Net and its descendants."""

import math

import torch
import torch.nn.functional as F

from ...check import Exercise, Mistake


def skip_join(below, skip):
    """What a decoder block of a U-Net sees: the encoder's features, then those from below, made as large.

    below (B, C, h, w), skip (B, C, H, W), with h and w half of H and W, rounded up -> (B, 2 C, H, W)
    """
    return torch.cat([skip, _twice(below)[..., : skip.shape[-2], : skip.shape[-1]]], dim=1)


def _twice(x):
    return x.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)


def _levels(generator):
    batch, channels = generator.integers(1, 4, 2)
    # One side is odd: something is left to crop, and at which end shows. The other is even: nothing is too much.
    height, width = generator.permutation([2 * generator.integers(2, 5) + 1, 2 * generator.integers(2, 5)])
    below = generator.normal(size=(batch, channels, (height + 1) // 2, (width + 1) // 2))
    return torch.tensor(below), torch.tensor(generator.normal(size=(batch, channels, height, width)))


def _from_below_first(below, skip):
    return skip_join(below, skip).roll(skip.shape[1], dims=1)


def _added(below, skip):
    return skip + skip_join(below, skip)[:, skip.shape[1] :]


def _blurred(below, skip):
    larger = F.interpolate(below, scale_factor=2, mode="bilinear")
    return torch.cat([skip, larger[..., : skip.shape[-2], : skip.shape[-1]]], dim=1)


def _cropped_in_front(below, skip):
    return torch.cat([skip, _twice(below)[..., -skip.shape[-2] :, -skip.shape[-1] :]], dim=1)


def _skip_padded(below, skip):
    larger = _twice(below)
    room = [larger.shape[-1] - skip.shape[-1], larger.shape[-2] - skip.shape[-2]]
    return torch.cat([F.pad(skip, [0, room[0], 0, room[1]]), larger], dim=1)


def _skip_shrunk(below, skip):
    return torch.cat([F.max_pool2d(skip, 2, ceil_mode=True), below], dim=1)


def _tiled(below, skip):
    return torch.cat([skip, below.repeat(1, 1, 2, 2)[..., : skip.shape[-2], : skip.shape[-1]]], dim=1)


def _zeros_between(below, skip):
    apart = torch.zeros_like(_twice(below))
    apart[..., ::2, ::2] = below
    return torch.cat([skip, apart[..., : skip.shape[-2], : skip.shape[-1]]], dim=1)


def _always_cropped(below, skip):
    height, width = 2 * below.shape[-2] - 1, 2 * below.shape[-1] - 1
    return torch.cat([skip[..., :height, :width], _twice(below)[..., :height, :width]], dim=1)


def _behind_the_images(below, skip):
    return torch.cat(skip_join(below, skip).chunk(2, dim=1), dim=0)


def block_parameters(before, width, dims):
    """The number of trained numbers in a block of two 3 x 3 (in 3-D 3 x 3 x 3) convolutions.

    Each has no bias, and a batch normalisation after it, with two numbers a channel.

    before  channels that come in; width  channels of both convolutions; dims  2 or 3
    """
    kernel = 3**dims
    return before * width * kernel + width * width * kernel + 2 * 2 * width


def _a_block(generator):
    # Images and volumes: who counts the same places in both finds out.
    before, width = generator.permutation([4, 6, 9, 12, 15])[:2]
    return int(before), int(width), int(generator.integers(2, 4))


def _block_with(kernel):
    """The right number but for how many places a kernel has: dims -> places."""
    return lambda before, width, dims: (before + width) * width * kernel(dims) + 4 * width


def additive_gate(skip, below, from_skip, from_below, weights):
    """The skip, place by place times sigmoid(weights * ReLU(from_skip skip + from_below below)).

    skip, below (C, H, W), from_skip, from_below (F, C), weights (F,) -> (C, H, W)
    """
    return skip * _gate(skip, below, from_skip, from_below, weights).sigmoid()


def _inner(skip, below, from_skip, from_below):
    """(F, H, W), before the ReLU."""
    return torch.einsum("fc,chw->fhw", from_skip, skip) + torch.einsum("fc,chw->fhw", from_below, below)


def _gate(skip, below, from_skip, from_below, weights):
    """(H, W), before the sigmoid."""
    return torch.einsum("f,fhw->hw", weights, _inner(skip, below, from_skip, from_below).relu())


def _gate_inputs(generator):
    channels, inner, height, width = generator.integers(3, 7, 4)
    shapes = (channels, height, width), (channels, height, width), (inner, channels), (inner, channels), (inner,)
    return tuple(torch.tensor(generator.normal(size=shape)) for shape in shapes)


def _relu_forgotten(skip, below, from_skip, from_below, weights):
    inner = _inner(skip, below, from_skip, from_below)
    return skip * torch.einsum("f,fhw->hw", weights, inner).sigmoid()


def _softmax_over_places(skip, *others):
    gate = _gate(skip, *others)
    return skip * gate.flatten().softmax(0).reshape(gate.shape)


def _relu_on_each(skip, below, from_skip, from_below, weights):
    inner = torch.einsum("fc,chw->fhw", from_skip, skip).relu() + torch.einsum("fc,chw->fhw", from_below, below).relu()
    return skip * torch.einsum("f,fhw->hw", weights, inner).sigmoid()


def _multiplied(skip, below, from_skip, from_below, weights):
    inner = torch.einsum("fc,chw->fhw", from_skip, skip) * torch.einsum("fc,chw->fhw", from_below, below)
    return skip * torch.einsum("f,fhw->hw", weights, inner.relu()).sigmoid()


def _weights_left_out(skip, below, from_skip, from_below, weights):
    return skip * _inner(skip, below, from_skip, from_below).relu().sum(0).sigmoid()


def _exchanged(skip, below, from_skip, from_below, weights):
    return skip * _gate(skip, below, from_below, from_skip, weights).sigmoid()


def _relu_at_the_end(skip, below, from_skip, from_below, weights):
    inner = _inner(skip, below, from_skip, from_below)
    return skip * torch.einsum("f,fhw->hw", weights, inner).relu().sigmoid()


def prediction_entropy(probabilities):
    """How undecided a prediction is at each pixel: 0 where one class has all, 1 where all are alike.

    probabilities (classes, H, W), zeros among them -> (H, W)
    """
    return torch.special.entr(probabilities).sum(dim=0) / math.log(len(probabilities))


def _probabilities(generator):
    classes, height, width = generator.integers(3, 6), *generator.integers(4, 9, 2)
    p = torch.tensor(generator.normal(size=(classes, height, width)) * 2).softmax(0)
    # A network is sometimes so sure that a probability is zero.
    p[0, 0] = 0
    return (p / p.sum(0),)


EXERCISES = [
    Exercise(
        "skip_join",
        skip_join,
        _levels,
        (
            Mistake(
                "from below first",
                _from_below_first,
                "the two are in the other order: here the encoder's features come first, then what comes from below.",
            ),
            Mistake(
                "added",
                _added,
                "this adds the two. Concatenating keeps both, and leaves it to the next convolution how to mix them.",
            ),
            Mistake(
                "blurred",
                _blurred,
                "this interpolates between the places. Here each place is simply repeated, two by two.",
            ),
            Mistake(
                "cropped in front",
                _cropped_in_front,
                "you cut off the first row and column. Pooling rounded up at the end: what is too much is the last.",
            ),
            Mistake(
                "skip padded",
                _skip_padded,
                "this is larger than the skip: you padded the skip. The decoder must come back to the image's own"
                " size.",
            ),
            Mistake(
                "skip shrunk",
                _skip_shrunk,
                "this makes the skip as small as what comes from below. Then the detail that it carries is gone.",
            ),
            Mistake(
                "the whole repeated",
                _tiled,
                "you repeat the whole map, side by side with itself. Each place has to be repeated beside itself.",
            ),
            Mistake(
                "zeros between",
                _zeros_between,
                "there are zeros between the places. Each place fills all four of its pixels.",
            ),
            Mistake(
                "always cropped",
                _always_cropped,
                "you always cut off a row and a column. Where a side is even nothing is too much.",
            ),
            Mistake(
                "behind the images",
                _behind_the_images,
                "you put the two behind each other along the first axis, as more images. It is the channels that become"
                " more.",
            ),
            Mistake(
                "from below alone",
                lambda below, skip: skip_join(below, skip)[:, skip.shape[1] :],
                "this is what comes from below, made larger. The encoder's features are missing.",
            ),
        ),
    ),
    Exercise(
        "block_parameters",
        block_parameters,
        _a_block,
        (
            Mistake(
                "biases counted",
                lambda before, width, dims: block_parameters(before, width, dims) + 2 * width,
                "you count a bias for each convolution. They have none: the batch normalisation after them shifts"
                " anyway.",
            ),
            Mistake(
                "normalisation forgotten",
                lambda before, width, dims: block_parameters(before, width, dims) - 4 * width,
                "the batch normalisations are missing: each has a scale and a shift for every channel.",
            ),
            Mistake(
                "normalised once",
                lambda before, width, dims: block_parameters(before, width, dims) - 2 * width,
                "you count one batch normalisation. There is one after each of the two convolutions.",
            ),
            Mistake(
                "always 3 x 3",
                lambda before, width, dims: block_parameters(before, width, 2),
                "you count 9 places in the kernel. How many has it in a volume?",
            ),
            Mistake(
                "always 3 x 3 x 3",
                lambda before, width, dims: block_parameters(before, width, 3),
                "you count 27 places in the kernel. How many has it in an image?",
            ),
            Mistake(
                "9 for each dimension",
                _block_with(lambda dims: 9 * dims),
                "in 2-D you count 18 places in the kernel: it is 9 only in the second dimension, not for each.",
            ),
            Mistake(
                "3 for each dimension",
                _block_with(lambda dims: 3 * dims),
                "you count 3 places for each dimension and add them. A square of 3 by 3 has more than 6.",
            ),
            Mistake(
                "power turned round",
                _block_with(lambda dims: dims**3),
                "in 2-D you count 8 places in the kernel: base and power have changed places.",
            ),
            Mistake(
                "running means counted",
                lambda before, width, dims: block_parameters(before, width, dims) + 4 * width,
                "you count four numbers a channel in each normalisation. Running mean and variance are counted along,"
                " not trained.",
            ),
            Mistake(
                "one convolution",
                lambda before, width, dims: before * width * 3**dims + 2 * width,
                "this is one convolution and its normalisation. The block has two of both.",
            ),
            Mistake(
                "twice the first",
                lambda before, width, dims: 2 * before * width * 3**dims + 4 * width,
                "the second convolution gets the channels of the first, not those that came into the block.",
            ),
        ),
        tolerance=1e-9,
        trials=30,  # images and volumes are both sure to occur
    ),
    Exercise(
        "additive_gate",
        additive_gate,
        _gate_inputs,
        (
            Mistake(
                "the gate alone",
                lambda *inputs: _gate(*inputs).sigmoid(),
                "this is the gate, one number a place. What it lets through is asked for: all channels of the skip.",
            ),
            Mistake(
                "without the ReLU",
                _relu_forgotten,
                "there is no ReLU in this. Without it the gate is one straight line after another.",
            ),
            Mistake(
                "ReLU before the sum",
                _relu_on_each,
                "you take the ReLU of each part and add then. Add first: what one side speaks for the other may speak"
                " against.",
            ),
            Mistake(
                "softmax over places",
                _softmax_over_places,
                "a softmax makes the places compete for one sum of 1. Each place has a gate of its own here.",
            ),
            Mistake(
                "multiplied inside",
                _multiplied,
                "inside, you multiply the two sides. That is another attention; this one is called additive.",
            ),
            Mistake(
                "what comes from below gated",
                lambda skip, below, *others: below * _gate(skip, below, *others).sigmoid(),
                "you gate what comes from below. It is the skip that is let through or not.",
            ),
            Mistake(
                "U and V exchanged",
                _exchanged,
                "U and V have changed places: U goes with the skip, V with what comes from below.",
            ),
            Mistake(
                "w left out", _weights_left_out, "you add up what the ReLU leaves. Where do the weights w come in?"
            ),
            Mistake(
                "ReLU at the end",
                _relu_at_the_end,
                "the ReLU comes after w here, so that the gate is never below one half. It comes before.",
            ),
            Mistake(
                "not squashed",
                lambda skip, *others: skip * _gate(skip, *others),
                "there is no sigmoid in this: the gate may be negative, and more than 1.",
            ),
            Mistake(
                "added to the skip",
                lambda *inputs: inputs[0] + additive_gate(*inputs),
                "you add the gated skip to the skip itself, as a residual block does. Then nothing can be shut out.",
            ),
            Mistake(
                "turned round",
                lambda *inputs: inputs[0] - additive_gate(*inputs),
                "you let pass what the gate shuts out: the skip times one minus the gate.",
            ),
        ),
    ),
    Exercise(
        "prediction_entropy",
        prediction_entropy,
        _probabilities,
        (
            Mistake(
                "not between 0 and 1",
                lambda p: torch.special.entr(p).sum(0),
                "this does not end at 1. What is the entropy where all classes are alike, and does it depend on how"
                " many?",
            ),
            Mistake(
                "in bits",
                lambda p: torch.special.entr(p).sum(0) / math.log(2),
                "these are bits, which reach 1 at two classes and more at three. Divide by what the largest would be.",
            ),
            Mistake(
                "mean in place of the sum",
                lambda p: torch.special.entr(p).mean(0) / math.log(len(p)),
                "this is the mean over the classes. Entropy is the sum over them.",
            ),
            Mistake(
                "sign",
                lambda p: -torch.special.entr(p).sum(0) / math.log(len(p)),
                "this is never above zero: the logarithm of a probability is negative, which the minus in front turns"
                " round.",
            ),
            Mistake(
                "one minus the highest",
                lambda p: 1 - p.max(0).values,
                "this is one minus the highest probability, another measure of doubt; it does not see how the rest is"
                " spread.",
            ),
            Mistake(
                "zero times infinity",
                lambda p: -(p * p.log()).sum(0) / math.log(len(p)),
                "where a probability is exactly zero you get nan: 0 times the logarithm of 0. Such a class adds"
                " nothing.",
            ),
            Mistake(
                "divided by the number of classes",
                lambda p: torch.special.entr(p).sum(0) / len(p),
                "you divide by the number of classes. What is the entropy where all classes are alike?",
            ),
            Mistake(
                "divided by the largest that occurs",
                lambda p: torch.special.entr(p).sum(0) / torch.special.entr(p).sum(0).max(),
                "you divide by the largest value of this image: then a sure image looks as undecided as any. Divide by"
                " the largest there can be.",
            ),
            Mistake(
                "Gini",
                lambda p: (1 - (p**2).sum(0)) / (1 - 1 / len(p)),
                "this is one minus the sum of squares (Gini), another measure of doubt. Entropy has a logarithm.",
            ),
            Mistake(
                "certainty",
                lambda p: 1 - prediction_entropy(p),
                "this is 1 where one class has all. That should be 0: it is doubt that is asked for.",
            ),
        ),
    ),
]
