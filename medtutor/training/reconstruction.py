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

import torch
import torch.nn.functional as F
from tqdm import tqdm

from .. import checks
from ..errors import InputError, MedtutorError, shown
from ..models.autoencoder import kl
from ..models.inference import device_of, evaluating
from ..models.randomness import seeded
from . import given
from .processes import one_thread


@one_thread()
def fit_reconstruction(
    model,
    inputs,
    targets=None,
    *,
    epochs=6,
    batch_size=32,
    learning_rate=6e-3,
    corrupt=None,
    beta=None,
    seed=0,
    progress=True,
):
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
    """
    targets = inputs if targets is None else targets
    epochs, batch_size, seed = given.count("epochs", epochs), given.count("batch_size", batch_size), checks.seed(seed)
    learning_rate = given.learning_rate(learning_rate)
    if beta is not None:
        beta = given.amount("beta", beta, "a number from 0, or leave it out where the model is no VAE")
    _check_images(inputs, targets)
    _check_model(model, inputs, targets, corrupt, beta)
    layers_draw = seeded(seed)  # the noise of a VAE, and dropout
    generator = torch.Generator().manual_seed(seed)
    device = device_of(model)
    # The last partial batch is left out, as in `fit`.
    batch = min(batch_size, len(inputs))
    steps = len(inputs) // batch
    optimiser = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps * epochs + 1)
    bar = tqdm(total=steps * epochs, unit="step", dynamic_ncols=True, desc=type(model).__name__, disable=not progress)
    model.train()
    try:
        for epoch in range(epochs):
            order = torch.randperm(len(inputs), generator=generator)
            for step in range(steps):
                rows = order[step * batch : (step + 1) * batch]
                with layers_draw:
                    seen = inputs[rows] if corrupt is None else corrupt(inputs[rows], generator=generator)
                    answer = model(seen.to(device))
                loss = reconstruction_loss(answer, targets[rows].to(device), beta)
                if not loss.isfinite():
                    raise MedtutorError(
                        f"the loss is {loss.item()} in epoch {epoch + 1}, step {step + 1}; "
                        f"the learning rate {learning_rate:g} is probably too high"
                    )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                bar.set_postfix_str(f"loss {loss.item():.4g}", refresh=False)
                bar.update()
        given.check_finite(model, learning_rate)
    finally:
        bar.close()
        model.eval()
    return model


def reconstruction_loss(answer, targets, beta=None):
    """The loss of a batch: one number, the mean over its images.

    answer   what the model gave: images like the targets, (B, C, H, W); with beta the three of a `VAE`:
             images, mean and log variance of the codes, (B, latents) each
    beta     None: the squared error, mean over the pixels. Else the squared error, summed over the pixels,
             + beta * KL, summed over the latents: there the two have to be weighed against each other
    """
    if beta is None:
        return F.mse_loss(answer, targets)
    images, mean, log_variance = answer
    return (images - targets).square().flatten(1).sum(1).mean() + beta * kl(mean, log_variance).sum(1).mean()


def check_normalised(name, images, clips=False):
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
    try:
        with evaluating(model):
            answer = model(two.to(device_of(model)))
    except RuntimeError as error:
        raise InputError(
            f"the model does not take images of shape {tuple(inputs.shape[1:])} ({str(error).splitlines()[0]}); "
            "build it for these channels and this size"
        ) from error
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
