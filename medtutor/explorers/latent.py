"""The latent explorer: what a few numbers hold of an image, and what lies between the images.

An autoencoder makes a code of each image, a point in a space of a few numbers,
and decodes any point of that space to an image, also one where no image has
ever been. Here the point moves: along the directions in which the codes of real
images spread most, from one patient to another, or at random. Beside what is
decoded there stand the real images that lie nearest, and how near that is.
"""

import numpy as np
import torch

from ..checks import whole
from ..data.dataset import Dataset, normalise
from ..figures import BLUE
from ..widgets import (
    Button,
    Column,
    Explorer,
    Index,
    Several,
    Slider,
    State,
    answering,
    derived,
    drawing,
    on,
    panel,
    sentences,
)
from ..widgets.controls import number_of
from ..widgets.drawing import GAP, INK
from . import latent_panels as panels
from .latent_panels import FULL, REACH, STEPS, pixels, rms, signed, tiles
from .latent_space import Space, check_images, encoded, groups, label

MOST, MEASURED = 5000, 1000  # reference images that are used, held-out ones whose distances are the yardstick
WALK = "start", "end", "along"  # the controls of the walk
SIDE = 140  # page pixels of a tile


def latent(model: torch.nn.Module, dataset: Dataset, split: str = "val", reference: str = "train") -> "LatentExplorer":
    """The explorer of an autoencoder's codes: a `LatentExplorer`, shown by a notebook as a widget.

    model      an `Autoencoder`, a `VAE`, or a network of your own with `encode` and `decode`;
               where `encode` gives two tensors, they are mean and log variance
    dataset    a `Dataset` of images of the size that the model takes
    split      "train", "val" or "test": whose images are looked at
    reference  the split of the real images that a point is compared with; of more than
               5000 images, 5000 drawn at random

    Raises `InputError` for models without codes, codes of one number, codes that are
    all the same, images that the model does not take, volumes and sequences.

    >>> import medtutor as mt
    >>> from medtutor import explorers
    >>> from medtutor.data import phantoms
    >>> from medtutor.models.autoencoder import Autoencoder
    >>> drawn = phantoms.draw(mt.data.card("breastmnist"), {"train": 40, "val": 10, "test": 10})
    >>> explorer = explorers.latent(Autoencoder(latents=4), drawn)
    >>> explorer.axes[0].value = 2.0  # as the slider does
    >>> explorer.place
    'the code of image 1, moved to +2.0 along axis 1'
    """
    return LatentExplorer(model, dataset, split, reference)


class LatentExplorer(Explorer):
    """An image, its code, and the point that moves away from it.

    image, previous, next   whose code is the origin; the value is an index of the split, from 0
    axes                    FloatSliders: the point along the axes, in standard deviations
    back, random            Buttons: to the code of the image, to another random point; `draw(seed)` goes to the same
                            one for the same seed
    start, end, along       a walk between two images: their indices, and how far, 0…1

    space                   the `Space` of the reference's codes
    point                   float32 (latents,): the present point
    place                   where it is, in words
    neighbours, distances   the nearest reference images of the point, as indices of their split, and how far they are
    beyond                  0…1: the share of held-out real images that lie nearer to a reference image than the point
    """

    heading, width = "What is between the images?", "880px"

    image = Index("image", lambda self: len(self._cases), meaning="its number in the split")
    previous = Button("previous", icon="arrow-left", meaning="the image before, from the first on the last")
    next = Button("next", icon="arrow-right", meaning="the image after, from the last on the first")
    start = Index("from image", lambda self: len(self._cases), meaning="where the walk begins: a number in the split")
    end = Index(
        "to image",
        lambda self: len(self._cases),
        start=lambda self: self._of_another_class,
        meaning="where the walk ends: a number in the split",
    )
    along = Slider("along", 0.0, 1.0, 0.02, meaning="0: the first image's code, 1: the second's")
    origin = State(lambda self: self._at_image)  # from where the axes move it: (point, in words, is it on the walk)
    seed = State(0)  # of the last random point
    moves = State({})  # {axis: coordinate}, of the sliders that were moved since
    axes = Several(lambda self: [self._axis(number, share) for number, share in enumerate(self.space.shares)])
    back = Button("back to the image", icon="undo", meaning="the point to the code of the image")
    random = Button(
        lambda self: "random point of " + ("the prior" if self.space.is_vae else "the codes' Gaussian"),
        icon="random",
        meaning="the point to a code that is drawn, of no image",
    )

    def __init__(self, model, dataset, split="val", reference="train"):
        check_images(dataset, split, reference)
        self._card, self._split, self._reference = dataset.card, split, reference
        self._cases, self._others = getattr(dataset, split), getattr(dataset, reference)
        self._phantom = dataset.is_phantom
        count = len(self._others)
        few = count <= MOST
        self._kept = np.arange(count) if few else np.sort(np.random.default_rng(0).choice(count, MOST, replace=False))
        self.space = Space(model, self._others.images[self._kept])
        self._codes, _ = encoded(model, self._cases.images)
        self._title = f"{type(model).__name__} of {self._codes.shape[1]} numbers on {dataset.title}, {split} split"
        self.call = f'latent(model, dataset, "{split}", "{reference}")'
        _, own = groups(self._cases, self._card)
        other = np.flatnonzero(own != own[0])  # a walk from class to class, where there are classes
        self._of_another_class = int(other[0]) if len(other) else len(self._cases) - 1
        self._measure()
        super().__init__()

    def _measure(self):
        """The yardstick, how far real images are from the reference, and the map on which the point will move."""
        space, own = self.space, self._split == self._reference
        # An image of the reference itself is compared with the others of it.
        held_out = (space.codes if own else self._codes)[:MEASURED]
        self._real = np.sort(space.nearest(held_out, 2)[0][:, -1 if own else 0])
        self._classes, of_each = groups(self._others, self._card)
        self._map = panels.plotted(space, self._classes, of_each[self._kept], self._real, self._reference)

    def _axis(self, number, share):
        return Slider(
            f"axis {number + 1}, {share:.0%}",
            -REACH,
            REACH,
            0.1,
            start=lambda self: float(np.clip(self._coordinates[number], -REACH, REACH)),
            meaning="standard deviations from the mean of the codes",
            readout_format="+.1f",
        )

    # What the user did ------------------------------------------------------------------------

    @on(previous, -1)
    @on(next, +1)
    def _step(self, by):
        self.image.value = (self.image.value + by) % len(self._cases)

    @on(image)
    @on(back)
    def _go_to_image(self):
        self._go(*self._at_image)

    @on(axes)
    def _moved(self, axis):
        self.moves = {**self.moves, axis: number_of(self.axes[axis])}

    @on(random)
    def _drew(self):
        self.draw(self.seed + 1)

    @answering
    def draw(self, seed):
        """Put the point to a random one, the same for the same seed: a whole number from 0."""
        self.seed = whole("seed", seed, 0)
        self._go(self.space.random(np.random.default_rng(self.seed)), self._at_random)

    @property
    def _at_random(self):
        return f"a random point of {'the prior' if self.space.is_vae else 'the Gaussian of the codes'}"

    @on(start)
    @on(end)
    @on(along)
    def _walk(self):
        share, (first, last) = self.along.value, self._ends
        where = f"{share:.2f} of the way from image {self.start.value + 1} to image {self.end.value + 1}"
        self._go((1 - share) * first + share * last, where, walking=True)

    @answering
    def _go(self, point, place, walking=False):
        """Put the point where no slider of an axis has brought it."""
        self.origin, self.moves = (point, place, walking), {}

    def _code(self):
        """Sliders of axes follow the point: only those that were moved are lines, below what the point left."""
        *lines, last = [line for line in super()._code().split("\n") if not line.startswith("explorer.axes[")]
        if self.origin[1] == self._at_random:
            lines.append(f"explorer.draw({self.seed})")
        elif not self.origin[2] and any(f"explorer.{name}." in line for name in WALK for line in lines):
            lines.append("explorer.back.click()")
        moved = [f"explorer.axes[{axis}].value = {value!r}" for axis, value in self.moves.items()]
        return "\n".join([*lines, *moved, last])

    # What follows -----------------------------------------------------------------------------

    @derived
    def _present_code(self):
        return self._codes[self.image.value]

    @property
    def _at_image(self):
        return self._present_code, f"the code of image {self.image.value + 1}", False

    @derived
    def _image(self):
        return normalise(self._cases.images[self.image.value]).numpy()

    @derived
    def _reconstruction(self):
        return self.space.decoded(self._present_code[None])[0]

    @derived
    def point(self):
        point = self.origin[0]
        for axis, value in self.moves.items():
            point = self.space.moved(point, axis, value)
        return point

    @derived
    def place(self):
        moves = " and ".join(f"to {value:+.1f} along axis {axis + 1}" for axis, value in sorted(self.moves.items()))
        return f"{self.origin[1]}, moved {moves}" if moves else self.origin[1]

    @derived
    def _coordinates(self):
        return self.space.coordinates(self.point)

    @derived
    def _decoded(self):
        return self.space.decoded(self.point[None])[0]

    @derived
    def _nearest(self):
        """(distances, numbers among the codes of the space) of the nearest reference images."""
        distances, near = self.space.nearest(self.point[None])
        return distances[0], near[0]

    @derived
    def distances(self):
        return self._nearest[0]

    @derived
    def neighbours(self):
        return self._kept[self._nearest[1]]

    @derived
    def beyond(self):
        return float(np.searchsorted(self._real, self.distances[0]) / len(self._real))

    @derived
    def _ends(self):
        return self._codes[[self.start.value, self.end.value]]

    @derived
    def _strip(self):
        """The film strip without its mark, and the distances of its steps."""
        shares = np.linspace(0, 1, STEPS, dtype=np.float32)[:, None]
        points = (1 - shares) * self._ends[0] + shares * self._ends[1]
        distances = self.space.nearest(points, 1)[0][:, 0]
        numbers = [self.start.value, self.end.value]
        real, names = normalise(self._cases.images[numbers]).numpy(), [self._name(each)[6:] for each in numbers]
        return panels.strip(real, self.space.decoded(points), names, distances, self._reference), distances

    # Words ------------------------------------------------------------------------------------

    def _name(self, number):
        """An image of the split, with its label."""
        words = label(self._cases, self._card, number)
        return f"image {number + 1}, {words}" if words else f"image {number + 1}"

    @sentences(read_out=True)
    def _image_words(self):
        values, code = self._image.size, self._codes.shape[1]
        return (
            f"I{self._name(self.image.value)[1:]}: {values} values through {code} numbers and back. The residual's root"
            f" mean square is {rms(self._image - self._reconstruction):.3f} of the range from black to white."
            f" Vermilion: the image is brighter than its reconstruction; blue: darker; full colour from {FULL} of the"
            " range on."
        )

    @sentences(read_out=True)
    def _point_words(self):
        others = self._reference if self._split != self._reference else f"another of {self._reference}"
        verdict = panels.verdict(self.beyond, f"of the {len(self._real)} real {self._split} images", others)
        return (
            f"The point is {self.place}; decoded it differs from the reconstruction by"
            f" {rms(self._decoded - self._reconstruction):.3f}. The nearest of {self._reference} is at"
            f" {self.distances[0]:.2f}; {verdict}."
        )

    @sentences
    def _near(self):
        return (
            "Near a real code is not yet a real look: a decoded image can be a blur also where codes are many. The map"
            " shows two directions only: what lies together there may be apart along the others. Large marks: the means"
            " of the classes."
        )

    # Pictures ---------------------------------------------------------------------------------

    @panel
    def _image_shown(self):
        residual, name = self._image - self._reconstruction, self._name(self.image.value)
        shown = [pixels(self._image), pixels(self._reconstruction), signed(residual)]
        captions = [name, "reconstruction", f"residual, {rms(residual):.3f}"]
        return tiles(shown, captions, f"An image of the {self._split} split", SIDE), (
            f"Three images: {name} of the {self._split} split, its reconstruction, and the residual, whose root mean"
            f" square is {rms(residual):.3f} of the range from black to white."
        )

    @panel
    def _point_shown(self):
        change = self._decoded - self._reconstruction
        shown, captions = [pixels(self._decoded), signed(change)], ["decoded", f"change, {rms(change):.3f}"]
        here = tiles(shown, captions, "The present point", SIDE, INK)
        near = [
            (number, label(self._others, self._card, number), distance)
            for number, distance in zip(self.neighbours, self.distances)
        ]
        real = tiles(
            drawing.flat(self._others.images[self.neighbours]),
            [f"{distance:.2f}  {words or f'#{number + 1}'}" for number, words, distance in near],
            f"Real images nearest to it, of {self._reference}",
            SIDE,
            BLUE,
        )
        each = ", ".join(f"{number + 1}{words and f' ({words})'} at {distance:.2f}" for number, words, distance in near)
        return drawing.beside(here, drawing.blank(2 * GAP, 1), real), (
            f"The image decoded at the present point, {self.place}; its change since the reconstruction; and the"
            f" nearest images of {self._reference}: {each}. {self.beyond:.0%} of the real {self._split} images lie"
            " nearer to one."
        )

    @panel
    def _map_shown(self):
        return self._draw_map()

    def _draw_map(self):
        space, (first, second), nearest = self.space, self._coordinates[:2], self.distances[0]
        line = space.coordinates(self._ends)[:, :2] if self.origin[2] and not self.moves else None
        image, near = (
            space.coordinates(codes)[..., :2] for codes in (self._present_code, space.codes[self._nearest[1]])
        )
        return panels.marked(self._map, (first, second), image, near, nearest, line), (
            f"Map of the {self._reference} codes along the first two of their {space.codes.shape[1]} directions, which"
            f" hold {space.shares[:2].sum():.0%} of their variance; classes: {', '.join(self._classes)}. The point is"
            f" at {first:+.1f}, {second:+.1f} standard deviations. Below, how far real {self._split} images are from"
            f" the nearest of {self._reference}: half of them less than {np.median(self._real):.2f}; the point"
            f" {nearest:.2f}."
        )

    @panel
    def _axes_shown(self):
        """For each axis the image with that coordinate set to each of `STOPS`, all else as in its code."""
        sheet, strongest = panels.along_axes(self.space, self._present_code)
        stops = ", ".join(map(panels.signed_number, panels.STOPS))
        return sheet, (
            f"For each of {len(self.space.shares)} axes image {self.image.value + 1}, decoded with its coordinate at"
            f" {stops} standard deviations; axis {strongest + 1} changes most pixels."
        )

    @panel
    def _strip_shown(self):
        strip, distances = self._strip
        first, last = (self._name(number) for number in (self.start.value, self.end.value))
        return panels.walked(strip, self.along.value), (
            f"Film strip from {first} to {last}: {STEPS} decoded steps between the real"
            f" images, marked at {self.along.value:.2f}; distances to the nearest of {self._reference}"
            f" {', '.join(f'{distance:.2f}' for distance in distances)}. Below, the pixels of the two images mixed."
        )

    layout = [
        [image, previous, next],
        [_image_shown, Column("260px", _image_words)],
        "The present point, decoded, and the real images nearest to it",
        _point_shown,
        _point_words,
        [Column("400px", "Move the point", axes, [back, random], _near), Column("420px", _map_shown)],
        "What each axis changes in this image",
        _axes_shown,
        "Walk from one patient to another",
        [start, end, along],
        _strip_shown,
    ]
