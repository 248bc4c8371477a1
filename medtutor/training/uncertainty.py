"""What a network says when parts of it are left out, and what several networks say together.

Two ways to ask how sure an answer is, both a mean over many answers: dropout that stays on (MC dropout, Gal &
Ghahramani 2016), and networks that were trained with other seeds (deep ensembles, Lakshminarayanan et al. 2017).
"""

import copy

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import entr
from torch import nn

from ..checks import as_probabilities, number, whole
from ..checks import seed as checked_seed
from ..data.dataset import normalise
from ..errors import InputError
from ..models.inference import device_of, to_model
from ..models.randomness import seeded
from .run import Run

BATCH = 64  # images at once

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
# No smoothing and no averages, which change how sure a network is; nothing moved, so that it is quick.
AS_IT_IS = dict(
    epochs=4,
    optimiser="muon",
    label_smoothing=0.0,
    rotation=0.0,
    scale=0.0,
    shift=0.0,
    shift_at_test=0,
    mirror=False,
    average=0.0,
)


def with_dropout(model: nn.Module, share: float = 0.4) -> nn.Module:
    """A `CNN`, before it is trained, whose features go through dropout on their way to the last layer; the same object.

    share  of the features that are set to 0 at random while it learns, above 0 and below 1

    Raises `InputError` for a model without `flatten`, behind which the features stand.

    >>> import medtutor as mt
    >>> from medtutor.data import card
    >>> with_dropout(mt.build("cnn", card("pneumoniamnist"))).flatten
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Dropout(p=0.4, inplace=False)
    )
    """
    share = number("share", share, above=0, below=1)
    flatten = getattr(model, "flatten", None)
    if not isinstance(flatten, nn.Flatten):
        raise InputError(f"{type(model).__name__} has no layer `flatten` before its last one; give build('cnn', …)")
    model.flatten = nn.Sequential(flatten, nn.Dropout(share))
    return model


def has_dropout(model: nn.Module) -> bool:
    """Whether any module of a model is dropout.

    >>> has_dropout(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)))
    True
    """
    return any(isinstance(module, DROPOUTS) for module in model.modules())


def _with_dropout_on(model):
    """A copy in which dropout alone is as in training: batch normalisation goes on with what it has learned.

    A copy, since another thread may ask the model itself meanwhile.
    """
    network = copy.deepcopy(model).eval()
    for module in network.modules():
        if isinstance(module, DROPOUTS):
            module.training = True
    return network


def dropout_passes(run: Run, images: torch.Tensor, passes: int = 10, seed: int = 0) -> torch.Tensor:
    """Probabilities with dropout left on, another draw in each pass: (passes, N, classes). Their mean is MC dropout.

    run     a `Run` of a network with dropout
    images  uint8 (N, C, H, W)
    passes  1…1000
    seed    of what is left out

    Source: Gal & Ghahramani 2016, https://arxiv.org/abs/1506.02142. Raises `InputError` where the network has no
    dropout, and as `predict_logits` does.

    >>> import medtutor as mt
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = Run(with_dropout(mt.build("cnn", xray, widths=(4, 8, 8))), xray.card, mt.Recipe(), "phantom")
    >>> dropout_passes(run, xray.val.images[:3], passes=5).shape
    torch.Size([5, 3, 2])
    """
    passes = whole("passes", passes, 1, 1000)
    images = run._checked(images)
    if not has_dropout(run.model):
        raise InputError(f"{type(run.model).__name__} has no dropout, so all passes are alike; train with_dropout(…)")
    network = _with_dropout_on(run.model)
    with seeded(checked_seed(seed)):
        return torch.stack([run.read(_logits(network, images)) for _ in range(passes)])


def _logits(model, images):
    # Not predict_logits: that puts the whole network into eval mode.
    with torch.no_grad():  # in inference mode `seeded` would not see dropout draw
        parts = [model(to_model(normalise(some), device_of(model))).float().cpu() for some in images.split(BATCH)]
    return torch.cat(parts)


def disagreement(answers: ArrayLike) -> np.ndarray:
    """By how many nats the members of a committee disagree on each case, (N,): 0 where all say the same.

    answers  probabilities (members, N, classes): passes with dropout, or networks

    It is the entropy of the mean less the mean entropy (mutual information; Houlsby et al. 2011, arXiv:1112.5745): an
    image on which all say "one half" is uncertain, too, but nobody disagrees. Raises `InputError` for another shape.

    >>> disagreement([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]).round(3)
    array([0.693, 0.   ])
    """
    found = as_probabilities("answers", answers)
    if found.ndim != 3 or not len(found):
        raise InputError(f"answers have shape {found.shape}; give (members, N, classes), one member or more")
    return np.maximum(entr(found.mean(axis=0)).sum(axis=-1) - entr(found).sum(axis=-1).mean(axis=0), 0.0)
