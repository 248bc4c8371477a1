"""What the generator explorer computes: codes, the nearest real images, the turns of the game."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binomtest

from ..errors import InputError
from ..models.inference import device_of, evaluating

AXES = 3  # directions along which a code moves
PLACES, TRIED = 8, 0.5  # codes at which the response is measured, and how far each number is moved there
NEAREST, SHORTLIST = 3, 8  # real neighbours that are asked for; those whose distance is computed with care
SEARCHED = 2**26  # pixels of real images that are searched at most: 256 MB
MEASURED = 1000  # held-out images of the yardstick
NO_PATIENT = "drawn by a network, no patient"


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


# The game -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    """An image of the game, uint8 (C, H, W), and the truth about it."""

    image: torch.Tensor
    is_real: bool
    name: str  # where it is from
    said_real: bool | None = None  # the answer

    @property
    def is_right(self):
        return self.is_real == self.said_real


class Game:
    """Real or drawn? Each image is one or the other by the toss of a coin, so that there is nothing to count.

    turn      the present `Turn`
    answered  list of `Turn`s
    """

    def __init__(self, adversary, images, labels, split, seed=0):
        self._adversary, self._images, self._labels, self._split = adversary, images, labels, split
        self._random = np.random.default_rng(seed)
        self.answered, self._waiting = [], []
        self.turn = self._next()

    def answer(self, is_real):
        turn = self.turn
        self.answered.append(Turn(turn.image, turn.is_real, turn.name, is_real))
        self.turn = self._next()

    def _next(self):
        if not self._waiting:
            self._waiting = list(self._random.permutation(len(self._images)))
        # Of drawn ones too the label is that of a real image: classes are as frequent among both.
        number = int(self._waiting.pop())
        if self._random.random() < 0.5:
            return Turn(self._images[number], True, f"real: image {number} of {self._split}")
        label = None if self._labels is None else int(self._labels[number])
        image = self._adversary.sample(1, label, seed=int(self._random.integers(2**31)))[0]
        return Turn(image, False, NO_PATIENT)

    @property
    def right(self):
        return sum(turn.is_right for turn in self.answered)

    @property
    def interval(self):
        """95 % interval of the share of right answers (Wilson), or None before the first."""
        if not self.answered:
            return None
        found = binomtest(self.right, len(self.answered)).proportion_ci(method="wilson")
        return float(found.low), float(found.high)
