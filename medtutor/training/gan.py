"""`fit_gan`: a generator and a discriminator, trained against each other.

what         discriminator     losses
DCGAN        `Discriminator`   `discriminator_loss`, `generator_loss`      Goodfellow et al., NeurIPS 2014
WGAN-GP      `Critic`          `critic_loss` + 10 x `gradient_penalty`     Gulrajani et al., NeurIPS 2017

There is no validation: the losses of a GAN say who is winning, not how good
the images are. That is measured afterwards, and looked at.
"""

import copy
import math
import time
from collections.abc import Callable
from os import PathLike

import torch
import torch.nn.functional as F

from .. import checks
from ..data import as_uint8
from ..data.augmentation import cut_out
from ..errors import InputError, MedtutorError, shown
from ..models.gan import Critic, Discriminator, Generator
from ..models.inference import device_of, evaluating
from ..models.randomness import draws
from . import given, processes
from .engine import own_random, progress_bar
from .gan_run import WATCHED, GANRun, draw, gan_folder, load_gan, spread
from .losses import critic_loss, discriminator_loss, generator_loss, gradient_penalty
from .reconstruction import check_normalised

PENALTY = 10.0  # weight of the gradient penalty, and
ROUNDS = 5  # steps of a critic for one of the generator: both as in the paper of WGAN-GP


def augment(
    images: torch.Tensor,
    shift: int = 2,
    brightness: float = 0.2,
    contrast: float = 0.2,
    cutout: int = 0,
    zoom: float = 0.0,
    mirror: bool = False,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Images as the discriminator sees them: each moved, lit and covered at random.

    A discriminator of few images learns them by heart. Varying the real ones
    alone would teach the generator to draw the variations; varying real and
    drawn ones alike, with a function that gradients pass, does not (Zhao et
    al., NeurIPS 2020).

    images      float (B, C, H, W), -1…1; left as they are. What comes out may overshoot that range
    shift       pixels up, down, left and right at most; reflected at the border, since repeated pixels
                leave streaks
    brightness  added at most; from black to white is 2
    contrast    the distances from the mean become longer or shorter by this share at most
    cutout      pixels along each side of a square that becomes 0, mid-grey
    zoom        larger or smaller by this share at most
    mirror      left-right, every second image
    generator   a `torch.Generator` on the CPU; the same one, the same variations

    Raises `InputError` for what is no number, a zoom of 1 or more, and moves and squares larger than the image.

    >>> augment(torch.zeros(4, 1, 12, 10), shift=1, cutout=3).shape
    torch.Size([4, 1, 12, 10])
    """
    count, _, height, width = images.shape
    side = min(height, width)
    shift, cutout = checks.whole("shift", shift, 0, side), checks.whole("cutout", cutout)
    brightness, contrast = checks.number("brightness", brightness, 0), checks.number("contrast", contrast, 0)
    zoom, mirror = checks.number("zoom", zoom, 0, below=1), checks.flag("mirror", mirror)
    if not 0 <= cutout <= side:
        raise InputError(f"a cutout of {cutout} pixels does not fit into {height} x {width}; give 0…{side}")

    def draw(limit):
        return (2 * torch.rand(count, generator=generator) - 1) * limit

    place = torch.zeros(count, 2, 3)  # maps places of the new image to places of the old one, both -1…1
    place[:, 0, 0] = place[:, 1, 1] = 1 + draw(zoom)
    if mirror:
        place[:, 0, 0] *= 1 - 2 * torch.randint(2, (count,), generator=generator)
    place[:, 0, 2] = draw(shift + 0.5).round() * 2 / width  # whole pixels: nothing is blurred
    place[:, 1, 2] = draw(shift + 0.5).round() * 2 / height
    grid = F.affine_grid(place.to(images.device), list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    factor, offset = (
        (base + draw(limit)).view(-1, 1, 1, 1).to(images.device) for base, limit in ((1, contrast), (0, brightness))
    )
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = (images - mean) * factor + mean + offset
    return cut_out(images, cutout, generator) if cutout else images


@processes.one_thread()
def fit_gan(
    generator: Generator,
    discriminator: Discriminator,
    images: torch.Tensor,
    labels: torch.Tensor | None = None,
    *,
    steps: int,
    batch_size: int = 64,
    learning_rate: float = 2e-4,
    discriminator_rate: float | None = None,
    average: float = 0.999,
    augmentation: bool | dict = True,
    fresh: bool = False,
    seed: int = 0,
    frames: int = 24,
    progress: bool = True,
    report: Callable[[int, torch.Tensor], object] | None = None,
    folder: str | PathLike | None = None,
    about: dict | None = None,
) -> GANRun:
    """Train a generator against a discriminator; returns a `GANRun`.

    generator      a `Generator`; trained in place, on the device it is on, together with
    discriminator  a `Discriminator`, or a `Critic` for WGAN-GP
    images         float (N, C, H, W), -1…1, see `data.normalise`
    labels         whole numbers (N,), where the networks have classes
    steps          of the generator; a critic makes 5 for each of them
    batch_size, learning_rate
                   of two Adam optimisers. `discriminator_rate` is the discriminator's own, where it is to
                   differ; for an unfair game make it 10 times larger, take the safeguards off the
                   `Discriminator`, leave the augmentation out, and watch the spread
    average        share of the running mean of the generator's weights that is kept at each step: images
                   of one moment jitter, those of the mean do not
    augmentation   of what the discriminator sees: True, False, or a dict of options of `augment`
    fresh          draw other images for the generator to learn from than those that the discriminator has
                   just learned from; it takes a sixth more time
    seed           of batches, codes and augmentation, and of nothing else: initial weights are the
                   caller's. On one machine the same weights and seed give the same generator, bit for bit,
                   whatever other threads draw meanwhile
    frames         moments at which the film and the history go on, close to each other at first
    report         a function (step, images), called at each moment with uint8 (16, C, H, W)
    folder         new, empty or of a `GANRun`: where the one of now is saved at each moment
    about          dict of `provenance`, `classes` (names) and `command` for the `GANRun`

    On the CPU one thread works, as in `fit_reconstruction`; networks beside a `Critic` excepted, they compute in
    bfloat16 where it has instructions for that (`processes.precision`; the settings say so). Raises `InputError` for
    images, labels, networks and numbers that do not fit each other; both networks are then as they were.
    `MedtutorError` where a loss stops being a number.

    >>> networks = Generator(shape=(8, 8), latents=4, widths=(8, 4)), Discriminator(shape=(8, 8), widths=(4, 8))
    >>> made = fit_gan(*networks, torch.rand(20, 1, 8, 8), steps=2, batch_size=4, progress=False)
    >>> made.sample(3).shape
    torch.Size([3, 1, 8, 8])
    """
    steps, frames = given.count("steps", steps, most=10**9), given.count("frames", frames, 2, 1000)
    batch_size = given.count("batch_size", batch_size, 2, why=", since a batch of one has no statistics")
    seed, average, fresh = checks.seed(seed), given.share("average", average), checks.flag("fresh", fresh)
    rate = given.learning_rate(learning_rate)
    rates = rate, rate if discriminator_rate is None else given.learning_rate(discriminator_rate)
    about = _checked_about(about)
    _check_images(images, labels, batch_size, generator, discriminator)
    options = {True: {}, False: None}[augmentation] if isinstance(augmentation, bool) else augmentation
    _check_augmentation(images, options)
    wasserstein = isinstance(discriminator, Critic)
    device = device_of(generator)
    few = images[:2].to(device), None if labels is None else labels[:2].to(device)
    asked = (generator, torch.zeros(2, generator.latents, device=device), few[1]), (discriminator, *few)
    precision = "float32" if wasserstein else _precision(device, asked)
    settings = dict(
        images=len(images),
        batch_size=batch_size,
        learning_rate=rates[0],
        discriminator_rate=rates[1],
        average=average,
        augmentation=options,
        fresh=fresh,
        precision=precision,
        discriminator=type(discriminator).__name__,
    )
    random, layers_draw = own_random(seed, any(draws(*each) for each in asked))
    betas = (0.0, 0.9) if wasserstein else (0.5, 0.999)
    adam_g, adam_d = (
        torch.optim.Adam(network.parameters(), each, betas, fused=True)
        for network, each in zip((generator, discriminator), rates)
    )
    mean = copy.deepcopy(generator).requires_grad_(False).eval()
    record = GANRun(mean, seed=seed, settings=settings, **about)
    if folder is not None:
        gan_folder(folder).check()
    record.real_spread = spread(as_uint8(images[torch.randperm(len(images), generator=random)[:256]]))
    watch = _Watch(record, _moments(steps, frames), random, report, folder)

    def some(rows):
        return images[rows].to(device), None if labels is None else labels[rows].to(device)

    def vary(x):
        return x if options is None else augment(x, generator=random, **options)

    def ask(network, *given):
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            return network(*given).float()

    # Spectral norms begin with a guess, which every look in training mode improves: one look before the first step.
    with torch.no_grad(), layers_draw:
        discriminator(*some(slice(2)))
    bar = progress_bar(steps, "gan", progress)
    generator.to(memory_format=torch.channels_last).train()  # in this memory order convolutions are fastest
    discriminator.to(memory_format=torch.channels_last).train()
    try:
        watch(0)
        for step in range(1, steps + 1):
            for _ in range(ROUNDS if wasserstein else 1):
                real, kinds = some(torch.randperm(len(images), generator=random)[:batch_size])
                with layers_draw:
                    fake = ask(generator, generator.prior(batch_size, random), kinds)
                    real, seen = vary(real), vary(fake.detach())
                    of_real, of_fake = ask(discriminator, real, kinds), ask(discriminator, seen, kinds)
                    if wasserstein:
                        penalty = gradient_penalty(discriminator, real, seen, kinds, random)
                        loss_d = critic_loss(of_real, of_fake) + PENALTY * penalty
                    else:
                        loss_d = discriminator_loss(of_real, of_fake)
                _descend(adam_d, loss_d)

            with layers_draw:
                if fresh:
                    fake = ask(generator, generator.prior(batch_size, random), kinds)
                verdict = ask(discriminator, vary(fake), kinds)
            loss_g = -verdict.mean() if wasserstein else generator_loss(verdict)
            _descend(adam_g, loss_g)
            _average(mean, generator, max(1 - average, 1 / step))  # from the first step on, not from noise

            watch(step, loss_d.item(), loss_g.item())
            bar.set_postfix_str(f"D {loss_d.item():.3f}, G {loss_g.item():.3f}", refresh=False)
            bar.update()
        given.check_finite(mean, max(rates))
    finally:
        bar.close()
        generator.eval(), discriminator.eval()
    mean.cpu()
    return record


class _Watch:
    """Keeps the record while the networks train: losses of each step, and at each moment the rest."""

    def __init__(self, record, moments, random, report, folder):
        self.record, self.moments, self.report, self.folder = record, moments, report, folder
        self.codes = record.generator.prior(WATCHED, random)
        classes = record.generator.classes
        self.labels = torch.arange(WATCHED) * classes // WATCHED if classes else None
        self.losses, self.start = [], time.perf_counter()

    def __call__(self, step, *losses):
        for name, loss in zip(("discriminator", "generator"), losses):
            if not math.isfinite(loss):
                raise MedtutorError(f"the loss of the {name} is {loss} at step {step}; lower the learning rate")
        self.losses.append(losses)
        if step not in self.moments:
            return
        record, images = self.record, draw(self.record.generator, self.codes, self.labels)
        record.film = images[None] if record.film is None else torch.cat([record.film, images[None]])
        record.steps, record.seconds = step, time.perf_counter() - self.start
        if step:
            means = [sum(column) / len(column) for column in zip(*self.losses)]
            record.history.append(
                {"step": step, "discriminator": means[0], "generator": means[1], "spread": spread(images)}
            )
        self.losses = []
        if self.folder is not None:
            record.save(self.folder)
        if self.report is not None:
            self.report(step, images)


def _moments(steps, frames):
    """Steps at which to look, 0 and the last among them: close at first, when most happens."""
    return {round(steps * (i / (frames - 1)) ** 2) for i in range(frames)}


def _precision(device, asked):
    """What two networks are computed in. A critic's are in float32: it is punished by slopes of slopes."""
    with evaluating(asked[0][0]), evaluating(asked[1][0]):
        return processes.precision(device) if all(processes.kernels_fit(*each) for each in asked) else "float32"


def _descend(optimiser, loss):
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    optimiser.zero_grad()
    loss.backward(inputs=parameters)  # those of the other network are left alone
    optimiser.step()


@torch.no_grad()
def _average(mean, network, share):
    """Move the running mean towards the network's weights, and statistics, by a share."""
    for kept, now in zip(mean.state_dict().values(), network.state_dict().values()):
        kept.lerp_(now, share) if kept.is_floating_point() else kept.copy_(now)


def _checked_about(about):
    known = ("provenance", "classes", "command")
    if about is not None and not (isinstance(about, dict) and set(about) <= set(known)):
        raise InputError(f"about must be a dict of {', '.join(known)}, not {about!r}")
    return about or {}


def _check_images(images, labels, batch_size, generator, discriminator):
    check_normalised("images", images)
    if len(images) < batch_size:
        raise InputError(
            f"{len(images)} images are fewer than a batch of {batch_size}; give more of them, or a smaller batch_size"
        )
    for network, kind in ((generator, Generator), (discriminator, (Discriminator, Critic))):
        if not isinstance(network, kind):
            raise InputError(
                f"{shown(network)} is no network of a GAN; give a Generator, and a Discriminator or a Critic"
            )
    drawn = (generator.channels, *generator.shape)
    if drawn != tuple(images.shape[1:]):
        raise InputError(
            f"the generator draws images of shape {drawn}, but the images have {tuple(images.shape[1:])}; build it for"
            " them"
        )
    if generator.classes != discriminator.classes:
        raise InputError(
            f"the generator has {generator.classes} classes, the discriminator {discriminator.classes}; build both for"
            " the same"
        )
    _check_labels(images, labels, generator.classes)
    for network in (generator, discriminator):
        given.check_trainable(network)
    device, wrong = (
        device_of(discriminator),
        f"the discriminator does not take images of shape {tuple(images.shape[1:])}",
    )
    with given.asking(discriminator, wrong, "build it for these channels and this size"):
        discriminator(images[:2].to(device), labels[:2].to(device) if generator.classes else None)


def _check_augmentation(images, options):
    if options is None:
        return
    try:
        augment(images[:2], generator=torch.Generator().manual_seed(0), **options)
    except TypeError as error:
        raise InputError(f"the augmentation must be True, False or a dict of options of `augment` ({error})") from None


def _check_labels(images, labels, classes):
    if not classes:
        if labels is not None:
            raise InputError("the networks know no classes; leave the labels out, or build both with classes")
        return
    if labels is None:
        raise InputError(f"the networks have {classes} classes; give the labels too, or build both with classes=0")
    if not isinstance(labels, torch.Tensor) or labels.is_floating_point() or labels.shape != (len(images),):
        raise InputError(f"the labels must be a tensor of {len(images)} whole numbers, one for each image")
    out = labels[(labels < 0) | (labels >= classes)]
    if len(out):
        raise InputError(f"the labels hold {out[0].item()}, out of range 0…{classes - 1} for {classes} classes")
    if len(labels.unique()) == 1:
        raise InputError("all images are of one class, so labels say nothing; build both networks with classes=0")


__all__ = [
    "GANRun",
    "augment",
    "critic_loss",
    "discriminator_loss",
    "draw",
    "fit_gan",
    "generator_loss",
    "gradient_penalty",
    "load_gan",
    "spread",
]
