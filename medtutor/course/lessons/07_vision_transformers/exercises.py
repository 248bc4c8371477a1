"""Exercises of lesson 07, vision transformers."""

from math import sqrt

import torch

from ....models.vit import attend
from ...check import Exercise, Mistake


def patchify(images, patch):
    """Images cut into patches: (B, C, H, W), whose sides the patch divides -> (B, N, C * patch * patch).

    Patches in reading order, rows from above; the numbers of one patch channel by channel, each row by row.
    """
    return _cut(images, patch).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def _cut(images, patch):
    """(B, C, rows, patch, columns, patch)"""
    batch, channels, height, width = images.shape
    return images.reshape(batch, channels, height // patch, patch, width // patch, patch)


def _images_and_patch(generator):
    """Colour images that are no squares, of a grid that is no square either: every order shows."""
    patch = int(generator.integers(2, 4))
    rows, columns = generator.permutation([2, 3, 4, 5])[:2]
    batch, channels = generator.permutation([2, 3, 4])[:2]
    return torch.tensor(generator.normal(size=(batch, channels, rows * patch, columns * patch))), patch


def _reshaped_only(images, patch):
    return images.reshape(len(images), -1, images.shape[1] * patch * patch)


def _column_by_column(images, patch):
    return _cut(images, patch).permute(0, 4, 2, 1, 3, 5).flatten(3).flatten(1, 2)


def _channels_last(images, patch):
    return _cut(images, patch).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def _lying_on_their_side(images, patch):
    return _cut(images, patch).permute(0, 2, 4, 1, 5, 3).flatten(3).flatten(1, 2)


def _each_channel_a_token(images, patch):
    return _cut(images, patch).permute(0, 1, 2, 4, 3, 5).flatten(4).flatten(1, 3)


def _still_a_grid(images, patch):
    return _cut(images, patch).permute(0, 2, 4, 1, 3, 5).flatten(3)


def _pixels_before_patches(images, patch):
    return patchify(images, patch).transpose(1, 2)


def _overlapping(images, patch):
    return torch.nn.functional.unfold(images, patch).transpose(1, 2)


def _far_apart(images, patch):
    """Each token takes every so many-th pixel of the whole image."""
    batch, channels, height, width = images.shape
    apart = images.reshape(batch, channels, patch, height // patch, patch, width // patch)
    return apart.permute(0, 3, 5, 1, 2, 4).flatten(3).flatten(1, 2)


def _from_below(images, patch):
    rows = _still_a_grid(images, patch).flip(1)
    return rows.flatten(1, 2)


def _scores(queries, keys):
    return queries @ keys.transpose(-2, -1)


def _scaled(queries, keys):
    return _scores(queries, keys) / sqrt(queries.shape[-1])


def _tokens(generator):
    """Queries, keys and values of a few heads; as many queries as keys, but not as many as numbers in each."""
    batch, heads = generator.integers(2, 4, 2)
    tokens, width = generator.permutation([3, 5, 6, 8])[:2]
    return tuple(torch.tensor(generator.normal(size=(batch, heads, tokens, width))) for _ in range(3))


def _keys_reshaped(queries, keys, values):
    turned = keys.reshape(*keys.shape[:-2], keys.shape[-1], keys.shape[-2])
    return (queries @ turned / sqrt(queries.shape[-1])).softmax(-1) @ values


def _not_softmax_but_shares(queries, keys, values):
    scores = _scaled(queries, keys)
    return scores / scores.sum(dim=-1, keepdim=True) @ values


def _over_all_pairs(queries, keys, values):
    scores = _scaled(queries, keys)
    return scores.flatten(-2).softmax(-1).view(scores.shape) @ values


def _scaled_after_softmax(queries, keys, values):
    return _scores(queries, keys).softmax(-1) / sqrt(queries.shape[-1]) @ values


def _causal(queries, keys, values):
    later = torch.ones(queries.shape[-2], keys.shape[-2], dtype=torch.bool).triu(1)
    return _scaled(queries, keys).masked_fill(later, -torch.inf).softmax(-1) @ values


def _directions_alone(queries, keys, values):
    scores = torch.nn.functional.normalize(queries, dim=-1) @ torch.nn.functional.normalize(keys, dim=-1).transpose(
        -2, -1
    )
    return scores.softmax(-1) @ values


def _best_alone(queries, keys, values):
    best = _scores(queries, keys).argmax(-1)
    return torch.nn.functional.one_hot(best, keys.shape[-2]).to(values.dtype) @ values


EXERCISES = [
    Exercise(
        "patchify",
        patchify,
        _images_and_patch,
        (
            Mistake(
                "reshaped only",
                _reshaped_only,
                "a reshape alone takes pixels as they lie in memory: whole rows of the image, no squares. "
                "Give rows and columns of patches axes of their own first, and then bring the axes into order.",
            ),
            Mistake(
                "column by column",
                _column_by_column,
                "each patch is right, but they stand column by column. Reading order goes along a row first.",
            ),
            Mistake(
                "channels last",
                _channels_last,
                "inside a patch the channels stand last, pixel by pixel. Here a patch is written channel by channel.",
            ),
            Mistake(
                "patches on their side",
                _lying_on_their_side,
                "inside a patch, rows and columns have changed places: every patch lies on its side.",
            ),
            Mistake(
                "a token for each channel",
                _each_channel_a_token,
                "each channel of a patch has become a token of its own. One token holds all that is in its place.",
            ),
            Mistake(
                "still a grid",
                _still_a_grid,
                "the patches are right, but still laid out as rows and columns. A transformer takes one list of"
                " tokens.",
            ),
            Mistake(
                "pixels before patches",
                _pixels_before_patches,
                "the last two axes have changed places (unfold gives them like that): first which patch, then its"
                " pixels.",
            ),
            Mistake(
                "overlapping",
                _overlapping,
                "these patches overlap: the window moves by one pixel. It has to move by a whole patch.",
            ),
            Mistake(
                "pixels from afar",
                _far_apart,
                "each of your tokens takes every so many-th pixel of the whole image. In the reshape, which comes"
                " first: the patches, or the pixels in one?",
            ),
            Mistake(
                "all images in one list",
                lambda images, patch: patchify(images, patch).flatten(0, 1),
                "the patches of all images are in one list. Each image keeps a list of its own.",
            ),
            Mistake(
                "from below", _from_below, "the rows of patches stand from below upwards. Reading order begins above."
            ),
            Mistake(
                "the first channel alone",
                lambda images, patch: patchify(images[:, :1], patch),
                "only the first channel is there. A patch holds the numbers of all channels.",
            ),
            Mistake(
                "averaged",
                lambda images, patch: patchify(images, patch).unflatten(2, (images.shape[1], -1)).mean(3),
                "you average each patch. A token holds all of its pixels.",
            ),
        ),
    ),
    Exercise(
        "attend",
        attend,
        _tokens,
        (
            Mistake(
                "not scaled",
                lambda queries, keys, values: _scores(queries, keys).softmax(-1) @ values,
                "the scores are not scaled. A sum of d products grows with d, and the softmax with it becomes all or"
                " nothing.",
            ),
            Mistake(
                "scaled by d",
                lambda queries, keys, values: (_scores(queries, keys) / queries.shape[-1]).softmax(-1) @ values,
                "you divide by d. Of d independent products it is the variance that grows with d, so what is the"
                " standard deviation?",
            ),
            Mistake(
                "scaled by the number of tokens",
                lambda queries, keys, values: (_scores(queries, keys) / sqrt(queries.shape[-2])).softmax(-1) @ values,
                "you divide by the root of the number of tokens. How large a score is depends on how many numbers a"
                " query has.",
            ),
            Mistake(
                "multiplied by the root",
                lambda queries, keys, values: (_scores(queries, keys) * sqrt(queries.shape[-1])).softmax(-1) @ values,
                "you multiply by the root of d, so that the scores grow even more. What was the scaling meant to"
                " prevent?",
            ),
            Mistake(
                "scaled after the softmax",
                _scaled_after_softmax,
                "you scale after the softmax: the weights no longer add up to 1. It is the scores that are too large.",
            ),
            Mistake(
                "softmax forgotten",
                lambda queries, keys, values: _scaled(queries, keys) @ values,
                "there is no softmax in this: scores may be negative, and add up to anything. Weights of a mean do"
                " not.",
            ),
            Mistake(
                "shares of the scores",
                _not_softmax_but_shares,
                "you divide each score by their sum, and scores may be negative or cancel. A softmax takes the"
                " exponential first.",
            ),
            Mistake(
                "softmax over the queries",
                lambda queries, keys, values: _scaled(queries, keys).softmax(-2) @ values,
                "the softmax runs over the wrong axis: each column adds up to 1. It is each query's row of weights that"
                " has to.",
            ),
            Mistake(
                "softmax over the heads",
                lambda queries, keys, values: _scaled(queries, keys).softmax(1) @ values,
                "the softmax runs over axis 1, which is that of the heads here. Count the axes from the end: which one"
                " are the keys?",
            ),
            Mistake(
                "softmax over all pairs",
                _over_all_pairs,
                "this is one softmax over all pairs together. Each query has a sum of 1 to give away for itself.",
            ),
            Mistake(
                "keys reshaped",
                _keys_reshaped,
                "the keys are reshaped, not transposed: a reshape keeps the order in memory and mixes the numbers of"
                " different tokens.",
            ),
            Mistake(
                "weights transposed",
                lambda queries, keys, values: _scaled(queries, keys).softmax(-1).transpose(-2, -1) @ values,
                "the weights are right, but transposed when they meet the values: each value is handed out by its own"
                " token's row. Row i has to gather for token i.",
            ),
            Mistake(
                "queries and keys exchanged",
                lambda queries, keys, values: _scaled(keys, queries).softmax(-1) @ values,
                "queries and keys have changed places: row i has to hold how well query i fits each of the keys.",
            ),
            Mistake(
                "keys gathered",
                lambda queries, keys, values: _scaled(queries, keys).softmax(-1) @ keys,
                "you gather the keys. They only say who fits; what is gathered are the values.",
            ),
            Mistake(
                "only what comes before",
                _causal,
                "each query sees only the tokens before it, as in a model of language. In an image every token sees"
                " all.",
            ),
            Mistake(
                "directions alone",
                _directions_alone,
                "you make queries and keys as long as each other: a cosine. Here long ones count more; what is divided"
                " by is the same for all.",
            ),
            Mistake(
                "each for itself",
                lambda queries, keys, values: _scaled(queries, keys).sigmoid() @ values,
                "a sigmoid looks at each score for itself, and the weights add up to anything. Each query has a sum of"
                " 1 to give away.",
            ),
            Mistake(
                "the best alone",
                _best_alone,
                "each query takes the value of the best key alone. Here all take part, by how well they fit.",
            ),
            Mistake(
                "added to the values",
                lambda queries, keys, values: values + attend(queries, keys, values),
                "you add what is gathered to the values. A block does so later; this is what is gathered alone.",
            ),
        ),
    ),
]
