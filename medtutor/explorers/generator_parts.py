"""What the generator explorer computes: codes, the nearest real images, and what may be given."""

from dataclasses import dataclass

import numpy as np
import torch

from ..data.card import SPLITS
from ..errors import InputError, unknown
from ..models.inference import device_of, evaluating
from ..training.gan import GANRun

AXES = 3  # directions along which a code moves
PLACES, TRIED = 8, 0.5  # codes at which the response is measured, and how far each number is moved there
NEAREST, SHORTLIST = 3, 8  # real neighbours that are asked for; those whose distance is computed with care
SEARCHED = 2**26  # pixels of real images that are searched at most: 256 MB
MEASURED = 1000  # held-out images of the yardstick
NO_PATIENT = "drawn by a network, no patient"
WALK, GAME, FILM = "walk", "game", "film"
PARTS = {WALK: "walk among the codes", GAME: "real or drawn?", FILM: "the training as a film"}


# Codes ----------------------------------------------------------------------------------------


@torch.no_grad()
def directions(generator, count=AXES):
    """(axes (count, latents), shares (count,)): the directions of a code to which the pixels respond most.

    At a few random codes each number is moved up and down; the squared changes of all
    pixels make a matrix (latents, latents), of which these are the first eigenvectors
    (after Wang & Ponce, ICLR 2021). A share is that of an axis in the whole response.
    Each points to where the images get brighter.
    """
    with evaluating(generator):
        return _directions(generator, count)


def _directions(generator, count):
    latents, device = generator.latents, device_of(generator)
    codes = generator.prior(PLACES, torch.Generator().manual_seed(0))
    steps = TRIED * torch.eye(latents, device=device)
    response = torch.zeros(latents, latents, dtype=torch.float64)
    for number, code in enumerate(codes):
        labels = labels_of(generator, number, 2 * latents)
        up, down = generator(torch.cat([code + steps, code - steps]), labels).flatten(1).chunk(2)
        change = (up - down).cpu().double()
        response += change @ change.T
    if not response.isfinite().all():
        raise InputError("the generator draws NaN or infinity, no images; train it anew, with a smaller learning rate")
    sizes, vectors = torch.linalg.eigh(response)  # rising
    axes = vectors.T.flip(0)[:count].float()
    shares = sizes.flip(0)[:count] / sizes.sum().clamp(min=1e-12)
    for number, axis in enumerate(axes):
        ends = [generator(codes + sign * axis.to(device), labels_of(generator, 0, PLACES)).mean() for sign in (1, -1)]
        axes[number] = axis if ends[0] >= ends[1] else -axis
    return axes, shares.numpy()


def labels_of(generator, first, count):
    """`count` times the same label; None where there are no classes."""
    if not generator.classes:
        return None
    return torch.full((count,), first % generator.classes, device=device_of(generator))


def seeded(generator, seed):
    """The code (latents,) that `GANRun.sample` draws first with this seed."""
    return generator.prior(1, torch.Generator().manual_seed(seed))[0].cpu()


def on_arc(first, last, share):
    """A code between two, on the arc from one to the other (spherical interpolation: Shoemake, 1985).

    Random codes of many numbers have nearly the same length; halfway on the straight
    line a code is shorter than any that the generator has learned with.
    """
    cosine = torch.nn.functional.cosine_similarity(first, last, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if torch.sin(angle) < 1e-3:  # in line with each other: there is no one arc
        return (1 - share) * first + share * last
    return (torch.sin((1 - share) * angle) * first + torch.sin(share * angle) * last) / torch.sin(angle)


def code_of(generator, seed=0, towards=None, along=0.0, truncation=1.0, moves=(), axes=None):
    """The code (1, latents) that the sliders of the explorer stand for.

    seed, towards  of two random codes; along 0…1 is how far on the arc to the second
    truncation     what that code is multiplied by; moves, in standard deviations of the prior,
                   along the `directions` (axes, computed where they are left out) come on top
    """
    code = seeded(generator, seed)
    if towards is not None and along:
        code = on_arc(code, seeded(generator, towards), along)
    code = truncation * code
    if any(moves):
        axes = directions(generator)[0] if axes is None else axes
        code = code + torch.tensor(moves, dtype=torch.float32) @ axes[: len(moves)]
    return code[None]


@dataclass(frozen=True)
class Place:
    """A code as the sliders have it; see `code_of`. `kind` is the number of the class, or None."""

    seed: int
    towards: int
    along: float
    truncation: float
    moves: tuple = ()
    kind: int | None = None

    def code(self, generator, axes):
        """float (1, latents)"""
        return code_of(generator, self.seed, self.towards, self.along, self.truncation, self.moves, axes)

    def words(self, names):
        place = f"seed {self.seed}"
        if self.along:
            place = f"{self.along:.2f} of the way from seed {self.seed} to seed {self.towards}"
        kind = "" if self.kind is None else f", class {names[self.kind]}"
        moves = [f"{move:+.1f} along axis {number}" for number, move in enumerate(self.moves, start=1) if move]
        moved = f", moved {' and '.join(moves)}" if moves else ""
        return f"{place}{kind}, truncation {self.truncation:.2f}{moved}"

    def lines(self):
        """Lines of Python that draw it."""
        given = [f"seed={self.seed}"]
        given += [f"towards={self.towards}", f"along={self.along:.2f}"] if self.along else []
        given += [f"truncation={self.truncation:.2f}"]
        given += [f"moves=({', '.join(f'{move:.1f}' for move in self.moves)},)"] if any(self.moves) else []
        label = "" if self.kind is None else f", torch.tensor([{self.kind}])"
        return f"""\
import torch
from medtutor.explorers.generator import code_of
from medtutor.training.gan import draw

# adversary: as you gave it to generator()
code = code_of(adversary.generator, {", ".join(given)})
image = draw(adversary.generator, code{label})[0]"""


# Real images ----------------------------------------------------------------------------------


class Reference:
    """The real images that a generator learned from, to be searched, and the yardstick of what is near.

    images    uint8 (N, C, H, W)
    held_out  uint8 (M, C, H, W): real images that it did not learn from

    numbers   (K,): which images are searched; all, but where they are too many
    real      sorted distances of held-out images (at most MEASURED) to their nearest image
    ratios    sorted, of the same: how many times as far the second nearest is; None where there is one image only
    """

    def __init__(self, images, held_out):
        self.images = images
        most, order = max(1, SEARCHED // images[0, 0].numel()), np.random.default_rng(0)
        many = len(images) > most
        self.numbers = np.sort(order.choice(len(images), most, replace=False)) if many else np.arange(len(images))
        self._grey = _grey(images[self.numbers] if many else images)
        self._squares = self._grey.square().sum(dim=1)
        distances = np.concatenate([self.nearest(part, 2)[0] for part in held_out[:MEASURED].split(100)])
        self.real = np.sort(distances[:, 0])
        self.ratios = np.sort(ratio(distances)) if distances.shape[1] > 1 else None

    def nearest(self, images, count=NEAREST):
        """(distances, numbers), (N, count) each: the nearest of the real images, the nearest first.

        The distance is that of `metrics.generative.nearest`: the root of the squared
        differences, summed over the pixels, of grey values 0…1.
        """
        asked = _grey(images)
        # By products, which is quick; an image is then a little away from itself. So the first few again, with care.
        rough = self._squares - 2 * asked @ self._grey.T
        short = rough.topk(min(SHORTLIST, len(self._grey)), largest=False).indices
        exact = (self._grey[short] - asked[:, None]).square().sum(dim=2).sqrt()
        distances, order = exact.sort(dim=1)
        found = short.gather(1, order)[:, :count].numpy()
        return distances[:, :count].numpy(), self.numbers[found]

    def nearer(self, distance):
        """0…1: the share of held-out real images that are nearer than that to one learned from."""
        return float(np.searchsorted(self.real, distance) / len(self.real))

    def alone(self, distances):
        """0…1: the share of held-out real images that are as near to one image alone; None where there is one only.

        distances  (2 or more,) to the nearest images, as `nearest` returns them
        """
        return None if self.ratios is None else float(np.mean(self.ratios >= ratio(distances)))


def ratio(distances):
    """How many times as far the second nearest is, of distances (…, 2 or more); a copy is near to one image only."""
    return distances[..., 1] / np.maximum(distances[..., 0], 1e-6)


def _grey(images):
    """uint8 (N, C, H, W) to float (N, H * W), 0…1: the mean of the channels."""
    return images.float().mean(dim=1).flatten(1) / 255


# What is given --------------------------------------------------------------------------------


def check(adversary, dataset, split, trained_on, two_sample, part):
    if not isinstance(adversary, GANRun):
        raise InputError(f"{type(adversary).__name__} is no GANRun; give what fit_gan or load_gan returns")
    if part not in PARTS:
        raise unknown("part", part, list(PARTS))
    if split not in SPLITS or split == "train":
        raise InputError(f"the split is {split!r}; give 'val' or 'test', whose images the generator did not learn from")
    if two_sample is not None and not 0 <= two_sample <= 1:
        raise InputError(f"two_sample is {two_sample!r}; give an accuracy 0…1, or leave it out")
    film, history = adversary.film, adversary.history
    if film is not None and len(film) != len(history) + 1:
        raise InputError(
            f"the film has {len(film)} moments, the history {len(history)} after the first; train anew with fit_gan"
        )
    if dataset is None:
        if trained_on is not None:
            raise InputError(
                "trained_on needs the data set too, to compare with; give generator(adversary, dataset, …)"
            )
        return
    card, shape = dataset.card, (adversary.generator.channels, *adversary.generator.shape)
    if card.dims == 3 or card.frames:
        raise InputError(
            f"{card.name} holds {'sequences' if card.frames else 'volumes'}; this explorer shows single images only"
        )
    if (card.channels, *card.shape) != shape:
        size = " x ".join(map(str, shape))
        raise InputError(
            f"the generator draws {size} pixels, unlike {card.name}; give the data set that it learned from"
        )
    if trained_on is not None:
        given = (
            isinstance(trained_on, torch.Tensor)
            and trained_on.dtype == torch.uint8
            and tuple(trained_on.shape[1:]) == shape
        )
        if not given or not len(trained_on):
            size = ", ".join(map(str, shape))
            raise InputError(
                f"trained_on must be the images that it learned from, a uint8 tensor (N, {size}), at least one"
            )
    classes = adversary.generator.classes
    labels = getattr(dataset, split).labels
    if classes and (labels is None or labels.dim() != 1 or labels.is_floating_point() or int(labels.max()) >= classes):
        raise InputError(
            f"the generator has {classes} classes, {card.name} has others; give the data set that it learned from"
        )


def class_names(adversary, dataset):
    """Names of the generator's classes, () where it has none."""
    classes = adversary.generator.classes
    for names in (adversary.classes, () if dataset is None else dataset.card.classes):
        if len(names) == classes:
            return tuple(names)
    return tuple(f"class {number}" for number in range(classes))
