"""`as_input`: a `Reading` as a run's model takes it, or a sentence why not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from .readings import Reading


@dataclass(frozen=True, eq=False)
class ModelInput:
    """What a run's model is given.

    images     uint8 (B, C, H, W), (B, C, D, H, W) or (B, T, C, H, W), as the run's data set has them
    sentences  what was done to the reading, and in what it differs from what the model was trained on
    unusual    (B,) bool: whose features lie beyond nearly all of the validation images'; None where not asked
    back       of a segmentation: its class numbers (B, H, W) as uint8 (N, H, W) on the reading's frames
    """

    images: torch.Tensor
    sentences: tuple[str, ...] = ()
    unusual: np.ndarray | None = None
    back: Callable[[np.ndarray], np.ndarray] | None = field(default=None, repr=False)


def as_input(reading: Reading, run: Any, known: Any = None) -> ModelInput:
    """A reading as a run's model takes it."""
    raise NotImplementedError
