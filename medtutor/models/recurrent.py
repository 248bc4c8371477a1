"""Networks for sequences of frames: the ladder from one frame to recurrence.

A clip is a float tensor (B, T, C, H, W) in the range -1…1; the answer is
(B, outputs): logits of classes, or numbers. `FrameSequence` has two parts. A
`FrameEncoder`, the same for every frame, turns each into 48 numbers; a head
reads the 48 numbers over time. A head is a model of its own, features
(B, T, F) in and answer out, so that heads can be compared on the same features:

    features = model.features(clips)  # (B, T, 48)
    model.head(features)              # (B, outputs), the same as model(clips)

Every model that answers, and every head, also has

    hidden(x)             (B, T, ...): what it holds after each frame
    answers_over_time(x)  (B, T, outputs): its answer, had the clip ended there

Clips of unequal length are padded to one T, and `lengths` (B,) says how many
frames of each are real; what stands behind them is never looked at. There is no
batch normalisation and no dropout: clips do not influence each other.

Sizes below are for one grey channel, 28 x 28 pixels, 16 frames and two outputs.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..errors import InputError, unknown
from .options import check, check_shape

FEATURES = 48  # numbers a frame becomes
HIDDEN = 32  # numbers that a recurrent layer remembers


def lstm_step(
    x: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    weight_x: torch.Tensor,
    weight_h: torch.Tensor,
    bias: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of an LSTM, by hand: the new (h, c), each (B, H).

    x (B, F) the frame, h (B, H) the state that is shown, c (B, H) the memory;
    weight_x (4H, F), weight_h (4H, H), bias (4H,), rows in torch's order: input
    gate, forget gate, candidate, output gate.
    Hochreiter & Schmidhuber, Neural Comput. 9:1735 (1997), with the forget gate
    of Gers et al., Neural Comput. 12:2451 (2000).

    >>> h = c = torch.zeros(2, 3)
    >>> h, c = lstm_step(torch.ones(2, 5), h, c, torch.ones(12, 5), torch.ones(12, 3), torch.zeros(12))
    >>> h.shape
    torch.Size([2, 3])
    """
    write, keep, candidate, show = (x @ weight_x.T + h @ weight_h.T + bias).chunk(4, dim=1)
    c = keep.sigmoid() * c + write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c


class FrameEncoder(nn.Module):
    """One frame to 48 numbers: three convolutions that halve the sides, and a linear layer.

    (B, C, H, W) -> (B, 48). 39 k parameters.

    >>> FrameEncoder()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 48])
    """

    def __init__(self, channels: int = 1, shape: Sequence[int] = (28, 28), features: int = FEATURES) -> None:
        super().__init__()
        check(channels=channels, features=features)
        check_shape(shape, volumes=False)
        height, width = ((side + 7) // 8 for side in shape)  # halved three times, rounded up
        self.layers = nn.Sequential(
            *_halving(channels, 16),  # (B, 16, 14, 14)
            *_halving(16, 32),  # (B, 32, 7, 7)
            *_halving(32, 32),  # (B, 32, 4, 4)
            nn.Flatten(),  # (B, 512)
            nn.Linear(32 * height * width, features),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def _halving(in_channels, out_channels):
    return nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1), nn.ReLU()


# Heads that forget the order ---------------------------------------------------------------


class Head(nn.Module):
    """Reads features over time: (B, T, F), lengths (B,) or None -> (B, outputs).

    Sums the clip up in one row of numbers, and answers from that with two linear
    layers. Each kind of head has its own `summary`.

    >>> MeanFrames()(torch.zeros(2, 16, 48), lengths=[16, 4]).shape
    torch.Size([2, 2])
    """

    def __init__(self, numbers: int, outputs: int, width: int = 64) -> None:
        super().__init__()
        check(features=numbers, outputs=outputs, width=width)
        self.answer = nn.Sequential(nn.Linear(numbers, width), nn.ReLU(), nn.Linear(width, outputs))

    def summary(self, features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, T, F), lengths (B,) -> (B, numbers)."""
        raise NotImplementedError

    def forward(self, features: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        return self.answer(self.summary(features, _checked_lengths(features, lengths)))

    def hidden(self, features: torch.Tensor) -> torch.Tensor:
        """(B, T, numbers): the summary, had the clip ended after each frame."""
        return _at_every_end(self.summary, features)

    def answers_over_time(self, features: torch.Tensor) -> torch.Tensor:
        """(B, T, outputs): the answer, had the clip ended after each frame."""
        return _at_every_end(self, features)


class SingleFrame(Head):
    """One frame decides: any one in training, the middle one later. 3 k parameters."""

    def __init__(self, features: int = FEATURES, outputs: int = 2, frames: int = 16) -> None:
        super().__init__(features, outputs)

    def summary(self, features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        place = torch.rand(features.shape[0], device=features.device) if self.training else torch.tensor(0.5)
        return _at(features, (place * lengths).long())


class MeanFrames(Head):
    """The mean of each feature over the frames. 3 k parameters."""

    def __init__(self, features: int = FEATURES, outputs: int = 2, frames: int = 16) -> None:
        super().__init__(features, outputs)

    def summary(self, features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return _mean(features, lengths)


class MaxMinFrames(Head):
    """The largest and the smallest value of each feature over the frames. 6 k parameters."""

    def __init__(self, features: int = FEATURES, outputs: int = 2, frames: int = 16) -> None:
        super().__init__(2 * features, outputs)

    def summary(self, features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        there = _there(features, lengths)
        highest = features.masked_fill(~there, -torch.inf).amax(1)
        lowest = features.masked_fill(~there, torch.inf).amin(1)
        return torch.cat([highest, lowest], 1)


class Fourier(Head):
    """How strongly each feature swings once, twice, … in a clip, whenever it does. 28 k parameters.

    The mean, and the magnitude of the discrete Fourier transform over time. The
    phase, which holds the order, is thrown away.
    """

    def __init__(self, features: int = FEATURES, outputs: int = 2, frames: int = 16) -> None:
        check(features=features, frames=frames)
        super().__init__(features * (frames // 2 + 1), outputs)
        self.frames = frames

    def summary(self, features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        if features.shape[1] > self.frames:
            raise InputError(
                f"this Fourier head was made for {self.frames} frames, not {features.shape[1]}; shorten the clips"
            )
        mean = _mean(features, lengths)[:, None]
        # A short clip is continued with its mean, which does not swing.
        swings = _only(features - mean, lengths)
        magnitude = torch.fft.rfft(swings, n=self.frames, dim=1).abs()  # (B, 9, 48)
        return torch.cat([mean, magnitude[:, 1:]], 1).flatten(1)


# Heads that know the order -----------------------------------------------------------------


class Recurrent(nn.Module):
    """A recurrent layer and, after the last frame, a linear one."""

    layer: Callable[..., nn.RNNBase] = nn.LSTM
    both_ways = False

    def __init__(self, features: int = FEATURES, outputs: int = 2, frames: int = 16, hidden: int = HIDDEN) -> None:
        super().__init__()
        check(features=features, outputs=outputs, frames=frames, hidden=hidden)
        self.recurrence = self.layer(features, hidden, batch_first=True, bidirectional=self.both_ways)
        self.answer = nn.Linear(hidden * (1 + self.both_ways), outputs)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        states = self.hidden(features, lengths)
        last = _at(states, _checked_lengths(features, lengths) - 1)
        if self.both_ways:  # the way back ends at the first frame
            size = self.recurrence.hidden_size
            last = torch.cat([last[:, :size], states[:, 0, size:]], 1)
        return self.answer(last)

    def hidden(self, features: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """(B, T, hidden): the state after each frame; 0 where a clip has ended.

        In a `BiLSTM` the second half of the numbers comes from the way back, and
        knows the frames from this one to the end.
        """
        if lengths is None:
            return self.recurrence(features)[0]
        lengths = _checked_lengths(features, lengths).cpu()
        packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.recurrence(packed)[0], batch_first=True, total_length=features.shape[1])[0]

    def answers_over_time(self, features: torch.Tensor) -> torch.Tensor:
        """(B, T, outputs): the answer, had the clip ended after each frame."""
        return _at_every_end(self, features)


class LSTM(Recurrent):
    """Long short-term memory; one step of it is `lstm_step`. 11 k parameters."""


class GRU(Recurrent):
    """Gated recurrent unit (Cho et al., arXiv:1406.1078, 2014). 8 k parameters."""

    layer = nn.GRU


class BiLSTM(Recurrent):
    """Two LSTMs, one of which reads from the end. 21 k parameters.

    Graves & Schmidhuber, Neural Networks 18:602 (2005).
    """

    both_ways = True


class TemporalConv(nn.Module):
    """Two convolutions over time, 5 frames wide, then the mean over time. 13 k parameters."""

    def __init__(self, features: int = FEATURES, outputs: int = 2, frames: int = 16, hidden: int = HIDDEN) -> None:
        super().__init__()
        check(features=features, outputs=outputs, frames=frames, hidden=hidden)
        self.conv1, self.relu1 = nn.Conv1d(features, hidden, 5, padding=2), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv1d(hidden, hidden, 5, padding=2), nn.ReLU()
        self.answer = nn.Linear(hidden, outputs)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        return self.answer(_mean(self.hidden(features, lengths), _checked_lengths(features, lengths)))

    def hidden(self, features: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """(B, T, hidden): what the second convolution finds around each frame; 0 where a clip has ended."""
        # Zeros stand before the first frame and behind the last: what `padding` puts there too.
        lengths = _checked_lengths(features, lengths)
        x = _only(features, lengths).transpose(1, 2)
        x = _only(self.relu1(self.conv1(x)).transpose(1, 2), lengths).transpose(1, 2)
        return _only(self.relu2(self.conv2(x)).transpose(1, 2), lengths)

    def answers_over_time(self, features: torch.Tensor) -> torch.Tensor:
        """(B, T, outputs): the answer, had the clip ended after each frame."""
        return _at_every_end(self, features)


HEADS = {
    "single_frame": SingleFrame,
    "mean_frames": MeanFrames,
    "max_min_frames": MaxMinFrames,
    "fourier": Fourier,
    "lstm": LSTM,
    "gru": GRU,
    "bilstm": BiLSTM,
    "temporal_conv": TemporalConv,
}


# From clips to answers -----------------------------------------------------------------------


class FrameSequence(nn.Module):
    """A `FrameEncoder` for every frame, and a head that reads its features over time.

    head     a name of `HEADS`
    encoder  a `FrameEncoder` trained before, on whatever task: this model gets a
             copy, which is not trained further
    options  passed on to the head, such as `hidden=16` for "lstm"

    39 k parameters and the head's: 49 k with an LSTM.

    >>> clips = torch.zeros(2, 16, 1, 28, 28)
    >>> FrameSequence(head="gru").answers_over_time(clips).shape
    torch.Size([2, 16, 2])
    """

    def __init__(
        self,
        channels: int = 1,
        shape: Sequence[int] = (28, 28),
        outputs: int = 2,
        frames: int = 16,
        head: str = "lstm",
        encoder: nn.Module | None = None,
        **options: int,
    ) -> None:
        super().__init__()
        check(channels=channels, outputs=outputs, frames=frames)
        check_shape(shape, volumes=False)
        if head not in HEADS:
            raise unknown("head", head, list(HEADS))
        self.encoder = deepcopy(encoder).requires_grad_(False) if encoder else FrameEncoder(channels, shape)
        self.head = HEADS[head](FEATURES, outputs, frames, **options)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, C, H, W) -> (B, T, 48)"""
        _check_clips(x)
        return self.encoder(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        return self.head(self.features(x), lengths)

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, ...): what the head holds after each frame."""
        return self.head.hidden(self.features(x))

    def answers_over_time(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, outputs): the answer, had the clip ended after each frame."""
        return self.head.answers_over_time(self.features(x))


class ConvLSTM(nn.Module):
    """An LSTM whose state is a stack of maps: it remembers what was where.

    Shi et al., arXiv:1506.04214 (2015), without the peephole weights: the linear
    layers of `lstm_step` become one 3 x 3 convolution. Two convolutions make the
    maps of a frame; two linear layers read the state after the last. 83 k
    parameters.

    >>> ConvLSTM(hidden=4)(torch.zeros(2, 3, 1, 28, 28)).shape
    torch.Size([2, 2])
    """

    def __init__(
        self, channels: int = 1, shape: Sequence[int] = (28, 28), outputs: int = 2, frames: int = 16, hidden: int = 16
    ) -> None:
        super().__init__()
        check(channels=channels, outputs=outputs, frames=frames, hidden=hidden)
        check_shape(shape, volumes=False)
        height, width = ((side + 3) // 4 for side in shape)  # halved twice, rounded up
        self.maps = nn.Sequential(*_halving(channels, 16), *_halving(16, 32))  # (B, 32, 7, 7)
        self.gates = nn.Conv2d(32 + hidden, 4 * hidden, 3, padding=1)
        self.answer = nn.Sequential(nn.Linear(hidden * height * width, 64), nn.ReLU(), nn.Linear(64, outputs))

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        last = _at(self.hidden_maps(x), _checked_lengths(x, lengths) - 1)
        return self.answer(last.flatten(1))

    def hidden_maps(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, hidden, H/4, W/4): the state after each frame."""
        _check_clips(x)
        frames = self.maps(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        h = c = frames.new_zeros(x.shape[0], self.gates.out_channels // 4, *frames.shape[3:])
        states = []
        for frame in frames.unbind(1):
            h, c = _map_step(self.gates, frame, h, c)
            states.append(h)
        return torch.stack(states, 1)

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, hidden): the mean over all places of each map, after each frame."""
        return self.hidden_maps(x).mean((3, 4))

    def answers_over_time(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, outputs): the answer, had the clip ended after each frame."""
        return self.answer(self.hidden_maps(x).flatten(2))


class NextFrame(nn.Module):
    """A ConvLSTM that draws what comes next: the frame itself, changed by what the state says.

    It starts as "copy the last frame", since the changes start at 0, and learns
    from frames alone: (B, T, C, H, W) -> (B, T, C, H, W), after each frame a
    forecast of the one that follows. Any brightness scale; standardised frames
    are best. 773 parameters for one channel and 4 maps of state.

    >>> clips = torch.rand(1, 3, 1, 8, 8)
    >>> torch.equal(NextFrame()(clips), clips)  # before any training: each frame again
    True
    """

    def __init__(self, channels: int = 1, hidden: int = 4) -> None:
        super().__init__()
        check(channels=channels, hidden=hidden)
        self.gates = nn.Conv2d(channels + hidden, 4 * hidden, 3, padding=1)
        self.change = nn.Conv2d(hidden, channels, 3, padding=1)
        for weight in self.change.parameters():
            nn.init.zeros_(weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _check_clips(x)
        h = c = x.new_zeros(x.shape[0], self.change.in_channels, *x.shape[3:])
        forecasts = []
        for frame in x.unbind(1):
            h, c = _map_step(self.gates, frame, h, c)
            forecasts.append(frame + self.change(h))
        return torch.stack(forecasts, 1)


def _map_step(gates, frame, h, c):
    """`lstm_step` with one convolution in place of the linear layers: maps (B, _, H, W) -> the new (h, c)."""
    write, keep, candidate, show = gates(torch.cat([frame, h], 1)).chunk(4, dim=1)
    c = keep.sigmoid() * c + write.sigmoid() * candidate.tanh()
    return show.sigmoid() * c.tanh(), c


# Frames and lengths ------------------------------------------------------------------------


def _check_clips(x):
    if x.ndim != 5:
        raise InputError(f"a sequence model takes clips (B, T, C, H, W), not {tuple(x.shape)}")


def _checked_lengths(x, lengths):
    """(B,) int64: every clip has all its T frames where no lengths are given."""
    count, frames = x.shape[:2]
    if lengths is None:
        return torch.full((count,), frames, device=x.device)
    lengths = torch.as_tensor(lengths, device=x.device)
    if lengths.shape != (count,) or lengths.is_floating_point() or lengths.min() < 1 or lengths.max() > frames:
        raise InputError(f"lengths must be {count} whole numbers 1…{frames}, one for each clip")
    return lengths.long()


def _there(features, lengths):
    """bool (B, T, 1): true where a frame is real."""
    return (torch.arange(features.shape[1], device=features.device) < lengths[:, None])[:, :, None]


def _only(features, lengths):
    """(B, T, F), 0 where a clip has ended. No product with 0: NaN may stand there."""
    return features.masked_fill(~_there(features, lengths), 0)


def _mean(features, lengths):
    """(B, F): the mean over the real frames."""
    return _only(features, lengths).sum(1) / lengths[:, None]


def _at(states, frame):
    """(B, T, F) and the number of a frame for each (B,) -> (B, F)."""
    return states[torch.arange(states.shape[0], device=states.device), frame]


def _at_every_end(answer, features):
    """`answer` to the first frame, the first two, …, all: (B, T, ...)."""
    ends = range(1, features.shape[1] + 1)
    return torch.stack([answer(features[:, :end], _full(features, end)) for end in ends], 1)


def _full(features, frames):
    return torch.full((features.shape[0],), frames, device=features.device)
