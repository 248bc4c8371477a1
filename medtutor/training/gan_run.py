"""`GANRun`: what came of the training of a GAN, and its folder on disk."""

from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import NotRequired, Self, TypedDict

import torch
from numpy.typing import ArrayLike

from .. import checks
from ..checks import number, one_of, whole
from ..data import as_uint8
from ..data.dataset import PROVENANCES
from ..errors import InputError, unknown
from ..files import Folder, resolve
from ..models.gan import Generator
from ..models.inference import device_of, evaluating
from ..models.randomness import seeded
from ..records import typed
from .run_record import LARGEST

FORMAT = 1
SAMPLES = 100_000  # drawn at once, at most
WATCHED = 16  # codes that are drawn again and again while the generator learns
CHECKPOINTS = Path(__file__).parent / "checkpoints"


def spread(images: torch.Tensor) -> float:
    """How much images differ from each other: the mean distance of two of them, in grey levels.

    images  uint8 (N, C, H, W), at least 2
    The distance is the root of the mean squared difference of their pixels. A
    generator that has collapsed draws nearly the same image each time: its
    spread is near 0, or far below that of real images.

    >>> spread(torch.tensor([0, 30], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 1, 4, 4))
    30.0
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

    def sample(
        self, count: int, labels: ArrayLike | torch.Tensor | None = None, seed: int = 0, truncation: float = 1.0
    ) -> torch.Tensor:
        """New images, uint8 (count, C, H, W).

        count       1…100,000
        labels      one for all, or (count,); left out: each class in turn
        seed        the same seed, the same codes
        truncation  codes are multiplied by it, 0 or more: below 1 they lie nearer to the middle, and the
                    images are more alike, often cleaner

        Raises `InputError` for other numbers, and labels that the generator does not know.

        >>> GANRun(Generator(shape=(16, 16), classes=2)).sample(3, labels=1).shape
        torch.Size([3, 1, 16, 16])
        """
        seed, truncation = checks.seed(seed), checks.number("truncation", truncation, 0)
        try:
            count = checks.whole("count", count, 1, SAMPLES)
        except InputError:
            raise InputError(f"{count!r} samples cannot be drawn; give a count from 1 to {SAMPLES:,}") from None
        codes = truncation * self.generator.prior(count, torch.Generator().manual_seed(seed))
        return draw(self.generator, codes, labels_for(self.generator.classes, count, labels))

    def save(self, folder: str | PathLike) -> None:
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
    def load(cls, folder: str | PathLike) -> Self:
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
                **{field.name: read[field.name] for field in fields(cls) if field.name in read},
            )
            _check(loaded)
        return loaded


def gan_folder(path: str | PathLike) -> Folder:
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


def load_gan(name: str) -> GANRun:
    """A `GANRun` that ships with medtutor, trained for longer than a lesson has time.

    name  "pneumoniamnist", "breastmnist", or "pneumoniamnist_memorised", which was trained on a few images
          until it knew them by heart
    How each was made is in its `command` and `settings`. Raises `InputError` for an unknown name.

    >>> load_gan("breastmnist").classes
    ('malignant', 'normal, benign')
    """
    known = sorted(path.parent.name for path in CHECKPOINTS.glob("*/gan.json"))
    if name not in known:
        raise unknown("generator", name, known)
    return GANRun.load(CHECKPOINTS / name)


def draw(generator: Generator, codes: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
    """Images of codes (N, latents), and labels (N,) where there are classes: uint8 (N, C, H, W), on the CPU.

    The generator is put in eval mode and back.

    >>> drawer = Generator(shape=(16, 16))
    >>> draw(drawer, drawer.prior(2)).shape
    torch.Size([2, 1, 16, 16])
    """
    device = device_of(generator)
    with torch.no_grad(), evaluating(generator):
        parts = [
            generator(codes[i : i + 256].to(device), None if labels is None else labels[i : i + 256].to(device))
            for i in range(0, len(codes), 256)
        ]
    return as_uint8(torch.cat(parts).cpu())


def labels_for(classes, count, labels):
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
