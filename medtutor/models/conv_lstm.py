"""Networks whose memory is a stack of maps: they remember what was where.

Clips are as in `recurrent`, (B, T, C, H, W). Sizes are for one grey channel, 28 x 28 pixels, 16 frames and two outputs.
"""

from collections.abc import Sequence

import torch
from torch import nn

from .options import check, check_shape
from .recurrent import at, check_clips, checked_lengths, halving


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
        self.maps = nn.Sequential(*halving(channels, 16), *halving(16, 32))  # (B, 32, 7, 7)
        self.gates = nn.Conv2d(32 + hidden, 4 * hidden, 3, padding=1)
        self.answer = nn.Sequential(nn.Linear(hidden * height * width, 64), nn.ReLU(), nn.Linear(64, outputs))

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        last = at(self.hidden_maps(x), checked_lengths(x, lengths) - 1)
        return self.answer(last.flatten(1))

    def hidden_maps(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, hidden, H/4, W/4): the state after each frame."""
        check_clips(x)
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
        check_clips(x)
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
