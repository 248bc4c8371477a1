"""`fit_reconstruction`: images learned from images, without labels.

what            inputs         targets        more
autoencoder     images         left out
denoising       images         left out       corrupt
VAE             images         left out       beta
translation     one contrast   the other one
masks           images, clips  masks, as images

The models are those of `models.autoencoder`. There is no validation and no
`Run` here: what an autoencoder is worth is measured afterwards, by whoever
wants something of it.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from ..errors import InputError, shown
from ..models.inference import device_of
from . import given
from .engine import Trainer
from .losses import reconstruction_loss
from .processes import one_thread

Model = TypeVar("Model", bound=nn.Module)


@one_thread()
def fit_reconstruction(
    model: Model,
    inputs: torch.Tensor,
    targets: torch.Tensor | None = None,
    *,
    epochs: int = 6,
    batch_size: int = 32,
    learning_rate: float = 6e-3,
    corrupt: Callable[..., torch.Tensor] | None = None,
    beta: float | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Model:
    """Train a model to draw the targets from the inputs; returns the model, in eval mode.

    model    images in, images out, such as `Autoencoder` or `Translator`; a `VAE` with beta.
             Trained in place, on the device it is on
    inputs   float (N, C, H, W), or clips (N, T, C, H, W), -1…1, see `data.normalise`
    targets  the same of what shall come out; left out: the inputs themselves
    epochs, batch_size, learning_rate
             of AdamW without weight decay on a one-cycle schedule; the rate is its highest
    corrupt  a function (images, generator=…) -> images, applied to each batch of inputs anew: a denoising
             autoencoder, with `functools.partial(data.augmentation.corrupt, noise=0.5)`
    beta     of a VAE, see `reconstruction_loss`
    seed     of the batch order, the corruption and the noise of a VAE, and of nothing else: initial weights
             are the caller's. On one machine the same weights and seed give the same model, bit for bit, whatever
             other threads draw meanwhile; torch's own random state is left as it was

    On the CPU one thread works: the steps of such small networks are too short to be shared, and on a busy
    machine two threads that wait for each other took ten times as long.

    Raises `InputError` for inputs, targets, numbers and models that do not fit each other; the model is
    then as it was. `MedtutorError` where the loss stops being a number.

    >>> from medtutor.models.autoencoder import Autoencoder
    >>> images = torch.rand(8, 1, 12, 12) * 2 - 1
    >>> model = Autoencoder(shape=(12, 12), latents=4, widths=(4, 8))
    >>> fit_reconstruction(model, images, epochs=1, progress=False)(images).shape
    torch.Size([8, 1, 12, 12])
    """
    targets = inputs if targets is None else targets
    if beta is not None:
        beta = given.amount("beta", beta, "a number from 0, or leave it out where the model is no VAE")
    _check_images(inputs, targets)
    _check_model(model, inputs, targets, corrupt, beta)
    device = device_of(model)

    def loss_of(rows, generator):
        seen = inputs[rows] if corrupt is None else corrupt(inputs[rows], generator=generator)
        return reconstruction_loss(model(seen.to(device)), targets[rows].to(device), beta)

    Trainer(
        model,
        torch.arange(len(inputs)),
        loss_of,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=0.0,
        seed=seed,
        title=type(model).__name__,
        progress=progress,
    ).train()
    return model


def check_normalised(name: str, images: object, clips: bool = False) -> None:
    """Raises `InputError`, which calls them `name`, for anything but finite float images (N, C, H, W), or with `clips`
    clips.
    """
    if (
        not isinstance(images, torch.Tensor)
        or not images.is_floating_point()
        or images.dim() not in ((4, 5) if clips else (4,))
    ):
        held = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, torch.Tensor) else type(images).__name__
        raise InputError(f"the {name} are {held}; give a float tensor (N, C, H, W) in -1…1, such as normalise(images)")
    if not images.isfinite().all():
        raise InputError(f"the {name} hold values that are no finite numbers; take those images out")


def _check_images(inputs, targets):
    check_normalised("inputs", inputs, clips=True)
    check_normalised("targets", targets, clips=True)
    if len(inputs) < 2:
        raise InputError(f"the inputs hold {len(inputs)} images; give at least 2 to learn from")
    if len(inputs) != len(targets):
        raise InputError(f"there are {len(inputs)} inputs but {len(targets)} targets; give one target for each input")


@torch.no_grad()
def _check_model(model, inputs, targets, corrupt, beta):
    """Two images through the model: what comes out must be what the loss asks for."""
    given.check_trainable(model)
    two = inputs[:2]
    if corrupt is not None and not callable(corrupt):
        raise InputError(
            f"corrupt is {shown(corrupt)}; give a function of images, such as data.augmentation.corrupt, or leave"
            " it out"
        )
    if corrupt is not None:
        two = corrupt(two, generator=torch.Generator().manual_seed(0))
        if two.shape != inputs[:2].shape:
            raise InputError(
                f"corrupt makes {tuple(two.shape)} of images {tuple(inputs[:2].shape)}; the shape has to stay"
            )
    wrong = f"the model does not take images of shape {tuple(inputs.shape[1:])}"
    with given.asking(model, wrong, "build it for these channels and this size"):
        answer = model(two.to(device_of(model)))
    if isinstance(answer, tuple) != (beta is not None):
        raise InputError(
            "beta is for a VAE, and this model gives images alone; leave beta out"
            if beta is not None
            else "the model gives more than images, as a VAE does; give beta, 1 for example"
        )
    drawn = answer[0] if beta is not None else answer
    if drawn.shape[1:] != targets.shape[1:]:
        raise InputError(
            f"the model draws images of shape {tuple(drawn.shape[1:])}, but the targets have"
            f" {tuple(targets.shape[1:])}; build it for the targets' channels and size"
        )
