"""`fit_gan`: a generator and a discriminator, trained against each other.

what         discriminator     losses
DCGAN        `Discriminator`   `discriminator_loss`, `generator_loss`      Goodfellow et al., NeurIPS 2014
WGAN-GP      `Critic`          `critic_loss` + 10 x `gradient_penalty`     Gulrajani et al., NeurIPS 2017

There is no validation: the losses of a GAN say who is winning, not how good
the images are. That is measured afterwards, and looked at.
"""

import copy
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NotRequired, TypedDict

import torch
import torch.nn.functional as F
from tqdm import tqdm

from .. import checks
from ..checks import number, one_of, whole
from ..data import as_uint8
from ..errors import InputError, MedtutorError, shown, unknown
from ..files import Folder, resolve, typed
from ..models.gan import Critic, Discriminator, Generator
from ..models.inference import device_of, evaluating
from ..models.randomness import seeded
from . import given
from .processes import one_thread
from .reconstruction import check_normalised
from .run import LARGEST, PROVENANCES

FORMAT = 1
SAMPLES = 100_000  # drawn at once, at most
WATCHED = 16  # codes that are drawn again and again while the generator learns
PENALTY = 10.0  # weight of the gradient penalty, and
ROUNDS = 5  # steps of a critic for one of the generator: both as in the paper of WGAN-GP
CHECKPOINTS = Path(__file__).parent / "checkpoints"


def discriminator_loss(real, fake):
    """What the discriminator wants small: the cross-entropy of its verdicts, one number.

    real, fake  logits (B,) of real and of drawn images; real ones should be above 0, drawn ones below
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake):
    """What the generator wants small: -log of the probability that its images (logits (B,)) are real, one number.

    The original game would have it make log(1 - probability) small: the same
    aim, but nearly without slope as long as the images are bad. This one is
    called non-saturating (Goodfellow et al., 2014).
    """
    return F.softplus(-fake).mean()


def critic_loss(real, fake):
    """What a critic wants small: the mean score of drawn images less that of real ones, one number."""
    return fake.mean() - real.mean()


def gradient_penalty(critic, real, fake, labels=None, generator=None):
    """How far the slopes of a critic's score are from 1, squared, between real and drawn images: one number.

    real, fake  images (B, C, H, W); a random place on the line between each two is tried
    labels      (B,) of both
    """
    share = torch.rand(len(real), 1, 1, 1, generator=generator).to(real.device)
    between = (share * real + (1 - share) * fake).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between, labels).sum(), between, create_graph=True)
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()


def augment(images, shift=2, brightness=0.2, contrast=0.2, cutout=0, zoom=0.0, mirror=False, generator=None):
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
    grid = F.affine_grid(place.to(images.device), images.shape, align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    factor, offset = (
        (base + draw(limit)).view(-1, 1, 1, 1).to(images.device) for base, limit in ((1, contrast), (0, brightness))
    )
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = (images - mean) * factor + mean + offset
    if not cutout:
        return images
    top = torch.randint(height - cutout + 1, (count, 1, 1, 1), generator=generator)
    left = torch.randint(width - cutout + 1, (count, 1, 1, 1), generator=generator)
    rows, columns = torch.arange(height).view(-1, 1), torch.arange(width)
    inside = (rows >= top) & (rows < top + cutout) & (columns >= left) & (columns < left + cutout)  # (B, 1, H, W)
    return images.masked_fill(inside.to(images.device), 0.0)


def spread(images):
    """How much images differ from each other: the mean distance of two of them, in grey levels.

    images  uint8 (N, C, H, W), at least 2
    The distance is the root of the mean squared difference of their pixels. A
    generator that has collapsed draws nearly the same image each time: its
    spread is near 0, or far below that of real images.
    """
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8 or images.dim() != 4:
        found = f"{getattr(images, 'dtype', type(images).__name__)} of shape {tuple(getattr(images, 'shape', ()))}"
        raise InputError(f"the images are {found}; give a uint8 tensor (N, C, H, W)")
    if len(images) < 2:
        raise InputError(f"{len(images)} image has no distance to another; give at least 2")
    flat = images.flatten(1).float()
    return (torch.pdist(flat).mean() / flat.shape[1] ** 0.5).item()


@dataclass(eq=False)
class GANRun:
    """What came of the training of a GAN.

    generator    in eval mode, on the CPU; its weights are a running mean over the last steps
    history      one dict per moment: step, discriminator and generator (their mean losses since
                 the moment before), spread (of the watched samples)
    film         uint8 (moments, 16, C, H, W): the same 16 codes, drawn at each moment; the first
                 before any training
    real_spread  of real images, to compare the samples' with
    seconds      wall time
    steps, seed, settings
                 how it was trained; settings are those of `fit_gan`
    provenance   what the images were: "medmnist", "phantom" or "arrays"
    classes      names of the labels, or ()
    command      that makes the same again, or ""
    """

    generator: Generator
    history: list = field(default_factory=list)
    film: torch.Tensor | None = None
    real_spread: float = 0.0
    seconds: float = 0.0
    steps: int = 0
    seed: int = 0
    settings: dict = field(default_factory=dict)
    provenance: str = "arrays"
    classes: tuple = ()
    command: str = ""

    def sample(self, count, labels=None, seed=0, truncation=1.0):
        """New images, uint8 (count, C, H, W).

        count       1…100,000
        labels      one for all, or (count,); left out: each class in turn
        seed        the same seed, the same codes
        truncation  codes are multiplied by it, 0 or more: below 1 they lie nearer to the middle, and the
                    images are more alike, often cleaner

        Raises `InputError` for other numbers, and labels that the generator does not know.
        """
        seed, truncation = checks.seed(seed), checks.number("truncation", truncation, 0)
        try:
            count = checks.whole("count", count, 1, SAMPLES)
        except InputError:
            raise InputError(f"{count!r} samples cannot be drawn; give a count from 1 to {SAMPLES:,}") from None
        codes = truncation * self.generator.prior(count, torch.Generator().manual_seed(seed))
        return draw(self.generator, codes, _labels_for(self.generator.classes, count, labels))

    def save(self, folder):
        """Write it to a folder; an older one there is replaced in one step.

        Raises `InputError` for a folder that holds other files, and for what could not be read again; `MedtutorError`
        where the folder cannot be written. Then what stood there before still stands.
        """
        target, network = gan_folder(folder), self.generator
        try:
            _check(self)
        except InputError as error:
            raise InputError(f"the generator cannot be saved: {error}; train again") from None
        tensors = {"generator": network.state_dict(), "film": {} if self.film is None else {"film": self.film}}
        record = {
            "command": self.command,
            "provenance": self.provenance,
            "classes": list(self.classes),
            "network": {name: getattr(network, name) for name in ("channels", "shape", "classes", "latents", "widths")},
            "steps": self.steps,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "settings": self.settings,
            "torch": torch.__version__,
            "real_spread": self.real_spread,
            "history": self.history,
        }
        target.save(record, tensors)

    @classmethod
    def load(cls, folder):
        """Read it from a folder. Raises `InputError` where a file is missing, damaged or altered."""
        source = gan_folder(folder)
        record, groups = source.load()
        with source.checked():
            read = typed("", record, _Record)
            if set(groups) != {"generator", "film"}:
                raise InputError(f"files must name generator and film, not {', '.join(groups)}")
            for name, value in read["network"].items():
                for size in value if isinstance(value, tuple) else (value,):
                    whole(f"network.{name}", size, 0, LARGEST)
            source.verify(record)
            with seeded(0):  # the first weights, which are replaced
                generator = Generator(**read["network"])
            generator.load_state_dict(groups["generator"])
            loaded = cls(
                generator=generator.eval(),
                film=groups["film"].get("film"),
                **{
                    name: read[name]
                    for name in (
                        "classes",
                        "history",
                        "real_spread",
                        "seconds",
                        "steps",
                        "seed",
                        "settings",
                        "provenance",
                        "command",
                    )
                },
            )
            _check(loaded)
        return loaded


def gan_folder(path):
    """The `Folder` of a `GANRun`. Raises `InputError` for what can be no path."""
    absent, again = "give a folder that GANRun.save wrote", "copy the folder again"
    remedies = {"absent": absent, "damaged": again, "outdated": "train the generator again"}
    return Folder(resolve(path), "gan.json", "generator", FORMAT, remedies)


class _Network(TypedDict):
    channels: int
    shape: tuple[int, int]
    classes: int
    latents: int
    widths: tuple[int, ...]


class _Record(TypedDict):
    """`gan.json`: what it takes to build the `GANRun` again."""

    format: int
    command: str
    provenance: str
    classes: tuple[str, ...]
    network: _Network
    steps: int
    seed: int
    seconds: float
    settings: dict
    torch: str
    real_spread: float
    history: list[dict[str, float]]
    files: dict
    sha256: NotRequired[str]


def _check(made):
    """Raises `InputError`, which names the part, for a `GANRun` whose parts cannot be or do not fit each other."""
    network, film = made.generator, made.film
    one_of("provenance", made.provenance, PROVENANCES)
    number("seconds", made.seconds, 0)
    number("real_spread", made.real_spread, 0, 255)
    whole("steps", made.steps, 0)
    if made.classes and network.classes and len(made.classes) != network.classes:
        raise InputError(f"classes must name the {network.classes} of the network, not {len(made.classes)}")
    before = 0
    for i, row in enumerate(made.history):
        if set(row) != {"step", "discriminator", "generator", "spread"}:
            raise InputError(f"history[{i}] must hold step, discriminator, generator and spread")
        before = whole(f"history[{i}].step", row["step"], before + 1, made.steps)
        number(f"history[{i}].discriminator", row["discriminator"])
        number(f"history[{i}].generator", row["generator"])
        number(f"history[{i}].spread", row["spread"], 0, 255)
    if not all(tensor.isfinite().all() for tensor in network.state_dict().values()):
        raise InputError("generator holds numbers that are not finite")
    drawn = (WATCHED, network.channels, *network.shape)
    if film is not None and (
        film.dtype != torch.uint8 or film.shape[1:] != drawn or len(film) != len(made.history) + 1
    ):
        raise InputError(
            f"film must be uint8 ({len(made.history) + 1}, {', '.join(map(str, drawn))}), not {film.dtype}"
            f" {tuple(film.shape)}"
        )


def load_gan(name):
    """A `GANRun` that ships with medtutor, trained for longer than a lesson has time.

    name  "pneumoniamnist", "breastmnist", or "pneumoniamnist_memorised", which was trained on a few images
          until it knew them by heart
    How each was made is in its `command` and `settings`. Raises `InputError` for an unknown name.
    """
    known = sorted(path.parent.name for path in CHECKPOINTS.glob("*/gan.json"))
    if name not in known:
        raise unknown("generator", name, known)
    return GANRun.load(CHECKPOINTS / name)


@one_thread()
def fit_gan(
    generator,
    discriminator,
    images,
    labels=None,
    *,
    steps,
    batch_size=64,
    learning_rate=2e-4,
    discriminator_rate=None,
    average=0.999,
    augmentation=True,
    seed=0,
    frames=24,
    progress=True,
    report=None,
    folder=None,
    about=None,
):
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
    seed           of batches, codes and augmentation, and of nothing else: initial weights are the
                   caller's. On one machine the same weights and seed give the same generator, bit for bit,
                   whatever other threads draw meanwhile
    frames         moments at which the film and the history go on, close to each other at first
    report         a function (step, images), called at each moment with uint8 (16, C, H, W)
    folder         new, empty or of a `GANRun`: where the one of now is saved at each moment
    about          dict of `provenance`, `classes` (names) and `command` for the `GANRun`

    On the CPU one thread works, as in `fit_reconstruction`. Raises `InputError` for images, labels, networks
    and numbers that do not fit each other; both networks are then as they were. `MedtutorError` where a loss
    stops being a number.
    """
    steps, frames, seed = (
        given.count("steps", steps, most=10**9),
        given.count("frames", frames, 2, 1000),
        checks.seed(seed),
    )
    batch_size = given.count("batch_size", batch_size, 2, why=", since a batch of one has no statistics")
    rates = [
        given.learning_rate(rate)
        for rate in (learning_rate, learning_rate if discriminator_rate is None else discriminator_rate)
    ]
    average = given.share("average", average)
    about = _checked_about(about)
    _check_images(images, labels, batch_size, generator, discriminator)
    options = {True: {}, False: None}[augmentation] if isinstance(augmentation, bool) else augmentation
    _check_augmentation(images, options)
    wasserstein, classes = isinstance(discriminator, Critic), generator.classes
    settings = dict(
        images=len(images),
        batch_size=batch_size,
        learning_rate=rates[0],
        discriminator_rate=rates[1],
        average=average,
        augmentation=options,
        discriminator=type(discriminator).__name__,
    )
    random, layers_draw = torch.Generator().manual_seed(seed), seeded(seed)
    device = device_of(generator)
    betas = (0.0, 0.9) if wasserstein else (0.5, 0.999)
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), r, betas) for n, r in zip((generator, discriminator), rates))
    mean = copy.deepcopy(generator).requires_grad_(False).eval()
    record = GANRun(mean, seed=seed, settings=settings, **about)
    if folder is not None:
        gan_folder(folder).check()
    record.real_spread = spread(as_uint8(images[torch.randperm(len(images), generator=random)[:256]]))
    watch = _Watch(record, _moments(steps, frames), random, report, folder)

    def batch():
        rows = torch.randperm(len(images), generator=random)[:batch_size]
        return images[rows].to(device), labels[rows].to(device) if classes else None

    def vary(x):
        return x if options is None else augment(x, generator=random, **options)

    # Spectral norms begin with a guess, which every look in training mode improves: one look before the first step.
    with torch.no_grad(), layers_draw:
        discriminator(images[:2].to(device), labels[:2].to(device) if classes else None)
    bar = tqdm(total=steps, desc="gan", unit="step", disable=not progress)
    generator.to(memory_format=torch.channels_last).train()  # in this memory order convolutions are fastest
    discriminator.to(memory_format=torch.channels_last).train()
    try:
        watch(0)
        for step in range(1, steps + 1):
            for _ in range(ROUNDS if wasserstein else 1):
                real, kinds = batch()
                with layers_draw:
                    with torch.no_grad():
                        fake = generator(generator.prior(batch_size, random), kinds)
                    real, fake = vary(real), vary(fake)
                    of_real, of_fake = discriminator(real, kinds), discriminator(fake, kinds)
                    if wasserstein:
                        loss_d = critic_loss(of_real, of_fake) + PENALTY * gradient_penalty(
                            discriminator, real, fake, kinds, random
                        )
                    else:
                        loss_d = discriminator_loss(of_real, of_fake)
                _descend(adam_d, loss_d)

            with layers_draw:
                fake = generator(generator.prior(batch_size, random), kinds)
                verdict = discriminator(vary(fake), kinds)
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


@torch.no_grad()
def draw(generator, codes, labels=None):
    """Images of codes (N, latents), and labels (N,) where there are classes: uint8 (N, C, H, W), on the CPU.

    The generator is put in eval mode and back.
    """
    device = device_of(generator)
    with evaluating(generator):
        parts = [
            generator(codes[i : i + 256].to(device), None if labels is None else labels[i : i + 256].to(device))
            for i in range(0, len(codes), 256)
        ]
    return as_uint8(torch.cat(parts).cpu())


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
            if not abs(loss) < float("inf"):
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


def _labels_for(classes, count, labels):
    """Labels (count,) for a generator of that many classes, or None; checked."""
    if not classes:
        if labels is not None:
            raise InputError("this generator knows no classes; leave the labels out")
        return None
    if labels is None:
        return torch.arange(count) % classes
    labels = torch.as_tensor(labels)
    labels = labels.expand(count) if labels.dim() == 0 else labels
    if labels.shape != (count,) or labels.is_floating_point() or not ((labels >= 0) & (labels < classes)).all():
        raise InputError(f"the labels must be {count} whole numbers 0…{classes - 1}, or one of them for all")
    return labels


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
    device = device_of(discriminator)
    try:
        with torch.no_grad(), evaluating(discriminator):
            discriminator(images[:2].to(device), labels[:2].to(device) if generator.classes else None)
    except RuntimeError as error:
        raise InputError(
            f"the discriminator does not take images of shape {tuple(images.shape[1:])} ({str(error).splitlines()[0]});"
            " build it for these channels and this size"
        ) from error


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
