"""`fit_diffusion`: a denoiser learns to take noise of every strength out; its `DiffusionRun` draws new images."""

import time
from dataclasses import dataclass
from os import PathLike
from typing import NotRequired, TypedDict

import torch
from numpy.typing import ArrayLike

from .. import checks
from ..data import as_uint8
from ..errors import InputError, shown, unknown
from ..files import Folder, resolve
from ..models.diffusion import Denoiser, denoising_loss, sample
from ..models.inference import device_of
from ..models.randomness import seeded
from ..records import typed
from . import given, processes
from .engine import Trainer
from .gan_run import CHECKPOINTS, SAMPLES, labels_for
from .reconstruction import check_normalised

AT_ONCE = 128  # images that are drawn together


@dataclass(eq=False)
class DiffusionRun:
    """What came of the training of a denoiser, which it holds in eval mode.

    epochs, seed, seconds  of its training
    command                that makes the same again, or ""
    """

    denoiser: Denoiser
    epochs: int = 0
    seed: int = 0
    seconds: float = 0.0
    command: str = ""

    def sample(
        self, count: int, labels: ArrayLike | torch.Tensor | None = None, seed: int = 0, steps: int = 50
    ) -> torch.Tensor:
        """New images, uint8 (count, C, H, W).

        count   1…100,000
        labels  one for all, or (count,); left out: each class in turn
        seed    the same seed, the same noise
        steps   in which noise becomes an image: fewer are quicker, and blurred

        Raises `InputError` for other numbers, and labels that the denoiser does not know.

        >>> DiffusionRun(Denoiser(shape=(8, 8), widths=(8, 8), classes=2)).sample(3, labels=1, steps=2).shape
        torch.Size([3, 1, 8, 8])
        """
        denoiser, count = self.denoiser, checks.whole("count", count, 1, SAMPLES)
        kinds = labels_for(denoiser.classes, count, labels)
        generator = torch.Generator().manual_seed(checks.seed(seed))
        noise = torch.randn(count, denoiser.channels, *denoiser.shape, generator=generator)
        device, drawn = device_of(denoiser), []
        for rows in torch.arange(count).split(AT_ONCE):
            asked = None if kinds is None else kinds[rows].to(device)
            drawn.append(as_uint8(sample(denoiser, noise[rows], asked, steps).cpu()))
        return torch.cat(drawn)

    def save(self, folder: str | PathLike) -> None:
        """Write it to a folder, new, empty or of a `DiffusionRun`; `InputError` and `MedtutorError` as of `GANRun`."""
        network = self.denoiser
        record = {
            "network": {name: getattr(network, name) for name in ("channels", "shape", "classes", "widths")},
            "epochs": self.epochs,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "command": self.command,
            "torch": torch.__version__,
        }
        _folder(folder).save(record, {"denoiser": network.state_dict()})


def _folder(path):
    again = "copy the folder again"
    remedies = {"absent": "give a folder that DiffusionRun.save wrote", "damaged": again, "outdated": "train again"}
    return Folder(resolve(path), "diffusion.json", "denoiser", 1, remedies)


class _Network(TypedDict):
    channels: int
    shape: tuple[int, int]
    classes: int
    widths: tuple[int, ...]


class _Record(TypedDict):
    format: int
    network: _Network
    epochs: int
    seed: int
    seconds: float
    command: str
    torch: str
    files: dict
    sha256: NotRequired[str]


def read_diffusion(folder: str | PathLike) -> DiffusionRun:
    """A `DiffusionRun` from a folder. Raises `InputError` where a file is missing, damaged or altered."""
    source = _folder(folder)
    record, groups = source.load()
    with source.checked():
        read = typed("", record, _Record)
        source.verify(record)
        with seeded(0):  # the first weights, which are replaced
            denoiser = Denoiser(**read["network"])
        denoiser.load_state_dict(groups["denoiser"])
        kept = {name: read[name] for name in ("epochs", "seed", "seconds", "command")}  # type: ignore[literal-required]
        return DiffusionRun(denoiser.eval(), **kept)


def load_diffusion(name: str) -> DiffusionRun:
    """A `DiffusionRun` that ships with medtutor: "pneumoniamnist". Raises `InputError` for an unknown name.

    >>> load_diffusion("pneumoniamnist").denoiser.classes
    2
    """
    if name != "pneumoniamnist":
        raise unknown("diffusion model", name, ["pneumoniamnist"])
    return read_diffusion(CHECKPOINTS / f"{name}_diffusion")


@processes.one_thread()
def fit_diffusion(
    denoiser: Denoiser,
    images: torch.Tensor,
    labels: torch.Tensor | None = None,
    *,
    epochs: int,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
    progress: bool = True,
    command: str = "",
) -> DiffusionRun:
    """Train a denoiser on images with noise of every strength, see `denoising_loss`; returns a `DiffusionRun`.

    denoiser  trained in place, on the device it is on
    images    float (N, C, H, W), -1…1, see `data.normalise`
    labels    whole numbers (N,), where the denoiser knows classes
    epochs, batch_size, learning_rate
              of AdamW without weight decay on a one-cycle schedule; the rate is its highest
    seed      of batches, times and noise, and of nothing else: initial weights are the caller's
    command   that makes the same again, for the `DiffusionRun`

    On the CPU one thread works, in bfloat16 where it has instructions for that (`processes.precision`).
    Raises `InputError` for images, labels and numbers that do not fit; the denoiser is then as it was.
    `MedtutorError` where the loss stops being a number.

    >>> tiny = Denoiser(shape=(8, 8), widths=(8, 8))
    >>> fit_diffusion(tiny, torch.rand(4, 1, 8, 8), epochs=1, progress=False).sample(3, steps=2).shape
    torch.Size([3, 1, 8, 8])
    """
    if not isinstance(denoiser, Denoiser):
        raise InputError(f"{shown(denoiser)} is no denoiser; give a Denoiser")
    check_normalised("images", images)
    if tuple(images.shape[1:]) != (denoiser.channels, *denoiser.shape):
        raise InputError(
            f"the denoiser is for images {(denoiser.channels, *denoiser.shape)}, these are {tuple(images.shape[1:])};"
            " build it for them"
        )
    if denoiser.classes and labels is None:
        raise InputError(f"the denoiser knows {denoiser.classes} classes; give labels, or build it with classes=0")
    labels_for(denoiser.classes, len(images), labels)
    given.check_trainable(denoiser)
    device = device_of(denoiser)
    quick = processes.precision(device) == "bfloat16"

    def loss_of(rows, generator):
        kinds = labels[rows].to(device) if denoiser.classes else None
        with torch.autocast(device.type, torch.bfloat16, enabled=quick):
            return denoising_loss(denoiser, images[rows].to(device), kinds, generator)

    start = time.perf_counter()
    rows, decay = torch.arange(len(images)), 0.0
    Trainer(denoiser, rows, loss_of, epochs, batch_size, learning_rate, decay, seed, "diffusion", progress).train()
    return DiffusionRun(denoiser, epochs, seed, time.perf_counter() - start, command)
