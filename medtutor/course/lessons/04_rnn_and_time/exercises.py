"""Exercises of lesson 04, RNNs and time."""

import torch

from ....models.recurrent import lstm_step
from ...check import Exercise, Mistake


def ejection_fraction(volumes):
    """How much of the blood is ejected: one minus the smallest over the largest volume.

    volumes (N, T) -> (N,)
    """
    return 1 - volumes.amin(1) / volumes.amax(1)


def _volumes(generator):
    clips, frames = generator.integers(3, 7), generator.integers(8, 14)
    return (torch.tensor(generator.uniform(40, 150, (clips, frames))),)


def highest_and_lowest(features, lengths):
    """The largest and then the smallest value of each feature over a clip's real frames.

    features (N, T, F), lengths (N,): how many frames of each clip are real -> (N, 2F)
    """
    real = [clip[:length] for clip, length in zip(features, lengths)]
    return torch.stack([torch.cat([frames.amax(0), frames.amin(0)]) for frames in real])


def _clips_of_unequal_length(generator):
    # Three different sizes: a sum along the wrong axis shows.
    clips, frames, numbers = generator.permutation([4, 7, 5])
    lengths = torch.tensor(generator.integers(2, frames, clips))
    lengths[:2] = torch.tensor([1, int(frames)])  # the shortest there can be, and one without padding
    # The padding is larger and smaller than what is real, and real numbers are seldom 0.
    features = torch.tensor(generator.normal(size=(clips, frames, numbers))) + 3
    there = torch.arange(int(frames)) < lengths[:, None]
    padding = torch.tensor(generator.normal(size=features.shape)) * 20
    return torch.where(there[:, :, None], features, padding), lengths


def _pooled_to(features, lengths):
    """The reference with other lengths, none of them beyond the last frame."""
    return highest_and_lowest(features, lengths.clamp(1, features.shape[1]))


def _padding_as_zero(features, lengths):
    there = torch.arange(features.shape[1]) < lengths[:, None]
    return _pooled_to(features * there[:, :, None], torch.full_like(lengths, features.shape[1]))


def _over_the_features(features, lengths):
    return torch.cat([features.amax(2), features.amin(2)], 1)


def _infinity_for_both(features, lengths):
    padding = (torch.arange(features.shape[1]) >= lengths[:, None])[:, :, None]
    held = features.masked_fill(padding, -torch.inf)
    return torch.cat([held.amax(1), held.amin(1)], 1)


def _side_by_side(features, lengths):
    return highest_and_lowest(features, lengths).unflatten(1, (2, -1)).transpose(1, 2).flatten(1)


def _frame_numbers(features, lengths):
    real = [clip[:length] for clip, length in zip(features, lengths)]
    return torch.stack([torch.cat([frames.argmax(0), frames.argmin(0)]) for frames in real])


def _averaged(features, lengths):
    return torch.stack([clip[:length].mean(0).repeat(2) for clip, length in zip(features, lengths)])


def _step(generator):
    batch, numbers, memory = generator.permutation([3, 4, 5])
    shapes = [
        (batch, numbers),
        (batch, memory),
        (batch, memory),
        (4 * memory, numbers),
        (4 * memory, memory),
        (4 * memory,),
    ]
    return tuple(torch.tensor(generator.normal(size=shape)) for shape in shapes)


def _gates(x, h, weight_x, weight_h, bias):
    """input gate, forget gate, candidate, output gate, before their squashing; each (N, H)"""
    return (x @ weight_x.T + h @ weight_h.T + bias).chunk(4, dim=1)


def _first_two_gates_exchanged(x, h, c, weight_x, weight_h, bias):
    keep, write, candidate, show = _gates(x, h, weight_x, weight_h, bias)
    c = keep.sigmoid() * c + write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c


def _last_two_gates_exchanged(x, h, c, weight_x, weight_h, bias):
    write, keep, show, candidate = _gates(x, h, weight_x, weight_h, bias)
    c = keep.sigmoid() * c + write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c


def _candidate_squashed_like_a_gate(x, h, c, weight_x, weight_h, bias):
    write, keep, candidate, show = _gates(x, h, weight_x, weight_h, bias)
    c = keep.sigmoid() * c + write.sigmoid() * candidate.sigmoid()
    return show.sigmoid() * c.tanh(), c


def _nothing_kept(x, h, c, weight_x, weight_h, bias):
    write, _, candidate, show = _gates(x, h, weight_x, weight_h, bias)
    c = write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c


def _everything_kept(x, h, c, weight_x, weight_h, bias):
    write, _, candidate, show = _gates(x, h, weight_x, weight_h, bias)
    c = c + write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c


def _memory_shown_bare(x, h, c, weight_x, weight_h, bias):
    _, c = lstm_step(x, h, c, weight_x, weight_h, bias)
    return _gates(x, h, weight_x, weight_h, bias)[3].sigmoid() * c, c


def _old_memory_shown(x, h, c, weight_x, weight_h, bias):
    _, new = lstm_step(x, h, c, weight_x, weight_h, bias)
    return _gates(x, h, weight_x, weight_h, bias)[3].sigmoid() * c.tanh(), new


def _one_gate_for_two(x, h, c, weight_x, weight_h, bias):
    write, _, candidate, show = _gates(x, h, weight_x, weight_h, bias)
    c = (1 - write.sigmoid()) * c + write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c


def _gates_through_tanh(x, h, c, weight_x, weight_h, bias):
    write, keep, candidate, show = _gates(x, h, weight_x, weight_h, bias)
    c = keep.tanh() * c + write.tanh() * candidate.tanh()
    return show.tanh() * c.tanh(), c


def _multiplied(x, h, c, weight_x, weight_h, bias):
    write, keep, candidate, show = _gates(x, h, weight_x, weight_h, bias)
    c = keep.sigmoid() * c * write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c


def _rows_interleaved(x, h, c, weight_x, weight_h, bias):
    rows = x @ weight_x.T + h @ weight_h.T + bias
    write, keep, candidate, show = rows.unflatten(1, (-1, 4)).unbind(2)
    c = keep.sigmoid() * c + write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c


EXERCISES = [
    Exercise(
        "ejection_fraction",
        ejection_fraction,
        _volumes,
        (
            Mistake(
                "what is left",
                lambda volumes: volumes.amin(1) / volumes.amax(1),
                "this is the share that stays in the ventricle. The ejection fraction is the share that is ejected.",
            ),
            Mistake(
                "a volume, no share",
                lambda volumes: volumes.amax(1) - volumes.amin(1),
                "this is the ejected volume (the stroke volume). Divide it by the full volume to get a fraction.",
            ),
            Mistake(
                "of the smallest volume",
                lambda volumes: volumes.amax(1) / volumes.amin(1) - 1,
                "you divide by the smallest volume. The fraction is of the full ventricle.",
            ),
            Mistake(
                "first and last frame",
                lambda volumes: 1 - volumes[:, -1] / volumes[:, 0],
                "you compare the first frame with the last. A clip starts anywhere in a beat.",
            ),
            Mistake(
                "in percent",
                lambda volumes: 100 * ejection_fraction(volumes),
                "this is in percent; a fraction lies between 0 and 1.",
            ),
            Mistake(
                "over all clips",
                lambda volumes: 1 - volumes.amin(1) / volumes.max(),
                "you divide by the largest volume of all clips. Each heart has its own.",
            ),
            Mistake(
                "from the first frame",
                lambda volumes: 1 - volumes.amin(1) / volumes[:, 0],
                "you take the first frame for the fullest heart. A clip starts anywhere in a beat.",
            ),
            Mistake(
                "to the last frame",
                lambda volumes: 1 - volumes[:, -1] / volumes.amax(1),
                "you take the last frame for the emptiest heart. A clip ends anywhere in a beat.",
            ),
            Mistake(
                "of the mean volume",
                lambda volumes: (volumes.amax(1) - volumes.amin(1)) / volumes.mean(1),
                "you divide by the mean volume. The fraction is of the full ventricle.",
            ),
            Mistake(
                "of both together",
                lambda volumes: (volumes.amax(1) - volumes.amin(1)) / (volumes.amax(1) + volumes.amin(1)),
                "you divide by both volumes, added. The fraction is of the full ventricle.",
            ),
            Mistake(
                "over the wrong axis",
                lambda volumes: 1 - volumes.amin(0) / volumes.amax(0),
                "you compare clips with each other, frame by frame: one number a frame. Compare the frames of each"
                " clip.",
            ),
        ),
    ),
    Exercise(
        "highest_and_lowest",
        highest_and_lowest,
        _clips_of_unequal_length,
        (
            Mistake(
                "padding counted",
                lambda features, lengths: _pooled_to(features, torch.full_like(lengths, features.shape[1])),
                "you look at the padding, too. Only the first `lengths` frames of a clip are real.",
            ),
            Mistake(
                "padding as zero",
                _padding_as_zero,
                "with zeros in place of the padding, 0 takes part. Where all values are above 0, it is the smallest.",
            ),
            Mistake(
                "one frame too many",
                lambda features, lengths: _pooled_to(features, lengths + 1),
                "you look at one frame too many: frames are counted from 0, so that the last real one is lengths - 1.",
            ),
            Mistake(
                "one frame too few",
                lambda features, lengths: _pooled_to(features, lengths - 1),
                "the last real frame is missing. A slice [:n] ends before n.",
            ),
            Mistake(
                "lowest first",
                lambda features, lengths: highest_and_lowest(features, lengths).roll(features.shape[2], 1),
                "the smallest values come first here; asked for are the largest, and then the smallest.",
            ),
            Mistake(
                "only the range",
                lambda features, lengths: (
                    highest_and_lowest(features, lengths)[:, : features.shape[2]]
                    - highest_and_lowest(features, lengths)[:, features.shape[2] :]
                ),
                "this is the difference of the two. Give both: a difference alone does not tell the ratio.",
            ),
            Mistake(
                "over the features",
                _over_the_features,
                "you take the largest over the features of a frame. Go over time: one value for each feature.",
            ),
            Mistake(
                "cut to the shortest clip",
                lambda features, lengths: _pooled_to(features, torch.full_like(lengths, int(lengths.min()))),
                "you cut all clips to the length of the shortest. Each has its own number of real frames, and all of"
                " them count.",
            ),
            Mistake(
                "one filling for both",
                _infinity_for_both,
                "minus infinity in place of the padding never is the largest value, but always the smallest. The two"
                " need different fillings.",
            ),
            Mistake(
                "side by side",
                _side_by_side,
                "you put the smallest value of each feature beside its largest. Asked for are all the largest, and then"
                " all the smallest.",
            ),
            Mistake(
                "which frames", _frame_numbers, "these are the numbers of the frames. Asked for are the values in them."
            ),
            Mistake(
                "averaged",
                _averaged,
                "this is the mean over the real frames, twice. Asked for are the largest and the smallest value.",
            ),
        ),
    ),
    Exercise(
        "lstm_step",
        lstm_step,
        _step,
        (
            Mistake(
                "the two in the wrong order",
                lambda *step: lstm_step(*step)[::-1],
                "you return the memory first. Asked for is (h, c).",
            ),
            Mistake(
                "input and forget gate exchanged",
                _first_two_gates_exchanged,
                "input gate and forget gate are exchanged: of the four blocks of rows, the first writes, the second"
                " keeps.",
            ),
            Mistake(
                "candidate and output gate exchanged",
                _last_two_gates_exchanged,
                "candidate and output gate are exchanged: of the four blocks of rows, the third is the candidate.",
            ),
            Mistake(
                "candidate through a sigmoid",
                _candidate_squashed_like_a_gate,
                "the candidate goes through a sigmoid here, so that the memory could only grow. It may be negative:"
                " tanh.",
            ),
            Mistake("nothing kept", _nothing_kept, "the old memory is lost. What does the forget gate multiply?"),
            Mistake(
                "everything kept",
                _everything_kept,
                "the old memory is kept whole. That was the LSTM of 1997; the forget gate came later.",
            ),
            Mistake(
                "memory shown without tanh",
                _memory_shown_bare,
                "the memory is shown as it is. It may be large: squash it with tanh before the output gate.",
            ),
            Mistake("old memory shown", _old_memory_shown, "you show the old memory. First write, then show."),
            Mistake(
                "bias left out",
                lambda x, h, c, weight_x, weight_h, bias: lstm_step(
                    x, h, c, weight_x, weight_h, torch.zeros_like(bias)
                ),
                "the bias is missing.",
            ),
            Mistake(
                "last state left out",
                lambda x, h, c, weight_x, weight_h, bias: lstm_step(
                    x, torch.zeros_like(h), c, weight_x, weight_h, bias
                ),
                "the gates look at the frame only. They also look at h, what was shown after the last step.",
            ),
            Mistake(
                "one gate for two",
                _one_gate_for_two,
                "you keep one minus what you write, as a GRU does. The forget gate has a block of rows of its own.",
            ),
            Mistake(
                "gates through tanh",
                _gates_through_tanh,
                "the gates go through tanh, and may be negative. A gate is a share, from 0 to 1.",
            ),
            Mistake(
                "kept times written",
                _multiplied,
                "you multiply what is kept by what is written. The new memory is their sum.",
            ),
            Mistake(
                "bias added twice",
                lambda x, h, c, weight_x, weight_h, bias: lstm_step(x, h, c, weight_x, weight_h, 2 * bias),
                "the bias is added twice: once for both matrices is enough.",
            ),
            Mistake(
                "rows one by one",
                _rows_interleaved,
                "you take the rows in turn, the first for the input gate, the second for the forget gate. They"
                " stand in four blocks.",
            ),
            Mistake(
                "old memory handed on",
                lambda x, h, c, *layers: (lstm_step(x, h, c, *layers)[0], c),
                "what is shown is right, but the memory that you return is still the old one.",
            ),
        ),
    ),
]
