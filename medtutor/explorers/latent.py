"""The latent explorer: what a few numbers hold of an image, and what lies between the images.

An autoencoder makes a code of each image, a point in a space of a few numbers,
and decodes any point of that space to an image, also one where no image has
ever been. Here the point moves: along the directions in which the codes of real
images spread most, from one patient to another, or at random. Beside what is
decoded there stand the real images that lie nearest, and how near that is.
"""

import html
from dataclasses import dataclass

import ipywidgets
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import ImageDraw
from sklearn.neighbors import NearestNeighbors

from ..data.card import SPLITS
from ..data.dataset import normalise
from ..errors import InputError, unknown
from ..figures import BLUE, GREEN, GREY, ORANGE, OUTLINES, VERMILION
from ..models.inference import device_of, evaluating
from ..widgets import drawing, panels
from ..widgets.controls import column, heading, number_of, slider, status
from ..widgets.drawing import GAP, INK, SCALE
from ..widgets.explorer import Explorer, answering

AXES, REACH = 6, 4.0  # sliders, and how far each goes, in standard deviations
STOPS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # of an axis, where the sheet of the axes shows it
STEPS = 7  # of the film strip
NEAREST = 3  # real neighbours shown
MOST, MEASURED = 5000, 1000  # reference images that are used, held-out ones whose distances are the yardstick
PLOTTED = 1500  # codes on the map: of more, one sees no shapes
FULL = 0.25  # share of the range from black to white that gets the full colour in a difference

SIDE, SMALL, FRAME = 140, 70, 84  # page pixels of a tile: of image and point, of the axes, of the film strip
MAP = 420, 400  # page pixels
POINT = "#F0E442"  # the present point: Okabe & Ito's yellow, which no class has
# Classes differ in colour and in shape: Okabe & Ito (2008), without the yellow.
COLOURS = (
    BLUE,
    ORANGE,
    GREEN,
    VERMILION,
    *(colour for colour in OUTLINES[1:] if colour not in (GREEN, VERMILION, POINT)),
)
SHAPES = "o^sDvPX*"
NEAR = (
    "Near a real code is not yet a real look: a decoded image can be a blur also where codes are many. "
    "The map shows two directions only: what lies together there may be apart along the others. "
    "Large marks: the means of the classes."
)
SIGNED = panels.COLOURS["vermilion and blue"]


def latent(model, dataset, split="test", reference="train"):
    """The explorer of an autoencoder's codes: a `LatentExplorer`, shown by a notebook as a widget.

    model      an `Autoencoder`, a `VAE`, or a network of your own with `encode` and `decode`;
               where `encode` gives two tensors, they are mean and log variance
    dataset    a `Dataset` of images of the size that the model takes
    split      "train", "val" or "test": whose images are looked at
    reference  the split of the real images that a point is compared with; of more than
               5000 images, 5000 drawn at random

    Raises `InputError` for models without codes, codes of one number, codes that are
    all the same, images that the model does not take, volumes and sequences.
    """
    return LatentExplorer(model, dataset, split, reference)


class Space:
    """The codes of real images: where they lie, along which directions they spread, how near one is to the next.

    model    with `encode` and `decode`
    images   uint8 (N, C, H, W), the reference

    codes       float32 (N, latents); of a VAE the means
    axes        (K, latents): the principal directions, the most spread first. Each points
                to where the decoded mean gets brighter
    spreads     (K,): standard deviation of the codes along each
    shares      (K,): of the codes' whole variance, 0…1
    weights     (latents,): how much a number counts in a distance. 1, but for a VAE the share
                of its variance that comes from the images: numbers that have collapsed into
                the prior, and that the decoder ignores, keep no two images apart

    Raises `InputError` where there are no codes, or all are the same.
    """

    def __init__(self, model, images):
        self.model = model
        self.codes, variances = encoded(model, images)
        self.is_vae = variances is not None
        count, latents = self.codes.shape
        if latents < 2:
            raise InputError("a code of one number has no map and no second axis; give a model of at least 2 latents")
        self.mean = self.codes.mean(axis=0)
        self._centred = self.codes - self.mean
        _, sizes, axes = np.linalg.svd(self._centred, full_matrices=False)
        spreads = sizes / np.sqrt(max(count - 1, 1))
        if (spreads > 1e-4).sum() < 2:
            raise InputError(
                "the codes of all images are the same, or on one line: they say nothing; train longer, or a VAE with a"
                " smaller beta"
            )
        kept = min(AXES, int((spreads > 1e-4).sum()))
        self.shares = (spreads**2 / (spreads**2).sum())[:kept]
        self.axes, self.spreads = axes[:kept], spreads[:kept]
        ends = (
            self.decoded(self.mean + sign * self.spreads[:, None] * self.axes).mean(axis=(1, 2, 3)) for sign in (1, -1)
        )
        self.axes = self.axes * np.where(np.subtract(*ends) < 0, -1, 1)[:, None].astype(np.float32)
        variance = self.codes.var(axis=0)
        self.weights = variance / (variance + variances.mean(axis=0)) if self.is_vae else np.ones(latents, np.float32)
        # A tree, not matrix products: with these an image is a little away from itself.
        self._near = NearestNeighbors(algorithm="kd_tree").fit(self._weighted(self.codes))

    def _weighted(self, codes):
        return codes * np.sqrt(self.weights)

    def coordinates(self, codes):
        """Codes (…, latents) along the axes, in standard deviations from the mean: (…, K)."""
        return (codes - self.mean) @ self.axes.T / self.spreads

    def moved(self, code, axis, value):
        """The code with another coordinate along one axis; what the other axes say stays."""
        return code + (value - self.coordinates(code)[axis]) * self.spreads[axis] * self.axes[axis]

    def decoded(self, codes):
        """Codes (N, latents) to images, float32 (N, C, H, W), clamped to -1…1."""
        device = device_of(self.model)
        with torch.inference_mode(), evaluating(self.model):
            images = self.model.decode(torch.as_tensor(codes, dtype=torch.float32, device=device))
        return images.clamp(-1, 1).cpu().numpy()

    def nearest(self, codes, count=NEAREST):
        """(distances, numbers), (N, count) each: the nearest reference codes of codes (N, latents), the nearest
        first.
        """
        return self._near.kneighbors(self._weighted(codes), min(count, len(self.codes)))

    def random(self, generator):
        """A code of no image: from the prior of a VAE, else from the Gaussian with the mean and covariance of the
        codes.
        """
        if self.is_vae:
            return generator.standard_normal(self.codes.shape[1]).astype(np.float32)
        noise = generator.standard_normal(len(self.codes)).astype(np.float32)
        return self.mean + noise @ self._centred / np.sqrt(len(self.codes) - 1)  # its covariance is theirs


def encoded(model, images):
    """The codes of uint8 images, float32 (N, latents), and their variances: None but for a VAE.

    Raises `InputError` where the model does not take the images, or gives no code.
    """
    size = " x ".join(map(str, images.shape[1:]))
    if not isinstance(model, torch.nn.Module) or not hasattr(model, "encode") or not hasattr(model, "decode"):
        raise InputError(
            f"{type(model).__name__} has no encode and decode; give an Autoencoder or a VAE (of a run: its model)"
        )
    device, found = device_of(model), []
    try:
        with torch.inference_mode(), evaluating(model):
            for batch in images.split(500):
                given = model.encode(normalise(batch).to(device))
                found.append((given,) if isinstance(given, torch.Tensor) else tuple(given))
            is_code = len(found[0]) <= 2 and all(part.dim() == 2 for part in found[0])
            back = model.decode(found[0][0][:1]).shape[1:] if is_code else None
    except RuntimeError:
        raise InputError(
            f"the model does not take images of {size}; give the data set that it was trained on"
        ) from None
    if not is_code:
        raise InputError(
            f"{type(model).__name__} gives maps, not a code of a few numbers; give an Autoencoder or a VAE"
        )
    if back != images.shape[1:]:
        raise InputError(f"the model does not decode to images of {size}; give the data set that it was trained on")
    codes, *log_variance = (torch.cat(parts).cpu().float().numpy() for parts in zip(*found))
    if not np.isfinite(codes).all():
        raise InputError("the model's codes hold NaN or infinity; train it anew, with a smaller learning rate")
    return codes, np.exp(log_variance[0]) if log_variance else None


class LatentExplorer(Explorer):
    """An image, its code, and the point that moves away from it.

    image, previous, next   whose code is the origin; numbers in the split, from 0
    axes                    FloatSliders: the point along the axes, in standard deviations
    back, random            Buttons: to the code of the image, to a random point
    start, end, along       a walk between two images: their numbers, and how far, 0…1

    space                   the `Space` of the reference's codes
    point                   float32 (latents,): the present point
    place                   where it is, in words
    neighbours, distances   the nearest reference images of the point, as numbers in their split, and how far they are
    beyond                  0…1: the share of held-out real images that lie nearer to a reference image than the point
    """

    def __init__(self, model, dataset, split="test", reference="train"):
        super().__init__()
        for name in (split, reference):
            if name not in SPLITS:
                raise unknown("split", name, list(SPLITS))
        card = dataset.card
        if card.dims == 3 or card.frames:
            what = "sequences" if card.frames else "volumes"
            raise InputError(f"{card.name} holds {what}; this explorer shows single images only")
        self._card, self._split, self._reference = card, split, reference
        self._cases, self._others = getattr(dataset, split), getattr(dataset, reference)
        self._phantom = dataset.is_phantom
        generator = np.random.default_rng(0)
        count = len(self._others)
        self._kept = np.sort(generator.choice(count, MOST, replace=False)) if count > MOST else np.arange(count)
        self.space = Space(model, self._others.images[self._kept])
        self._codes, _ = encoded(model, self._cases.images)
        self._generator = generator
        self._title = f"{type(model).__name__} of {self._codes.shape[1]} numbers on {dataset.title}, {split} split"
        self._measure()
        self._make_controls()
        self._arrange()
        self._take_image()
        self._take_walk()

    def _composed(self):
        width = self._image_sheet.width / SCALE
        words = drawing.written([self._image_sentence(), self._point_sentence()], width)
        sheet = drawing.below(
            drawing.written([f"{self._title}."], 2 * width),
            drawing.beside(drawing.below(self._image_sheet, words), self._map_sheet),
            self._point_sheet,
            self._axes_sheet,
            self._strip_sheet,
        )
        alt = f"{self._title}. {self._image_alt} {self._point_alt} {self._map_alt} {self._axes_alt} {self._strip_alt}"
        return sheet, alt

    # What there is ----------------------------------------------------------------------------

    def _measure(self):
        """The yardstick, how far real images are from the reference, and the map on which the point will move."""
        space, own = self.space, self._split == self._reference
        # An image of the reference itself is compared with the others of it.
        held_out = (space.codes if own else self._codes)[:MEASURED]
        self._real = np.sort(space.nearest(held_out, 2)[0][:, -1 if own else 0])
        names, groups = _groups(self._others, self._card)
        self._map = _plotted(space, names, groups[self._kept], self._real, self._reference)

    def _beyond(self, distances):
        """0…1: the share of held-out real images that lie nearer to the reference."""
        return np.searchsorted(self._real, distances) / len(self._real)

    # The controls -----------------------------------------------------------------------------

    def _make_controls(self):
        last = len(self._cases) - 1
        self.image = _number("image", 0, last)
        self.previous = ipywidgets.Button(description="previous", icon="arrow-left", layout={"width": "7em"})
        self.next = ipywidgets.Button(description="next", icon="arrow-right", layout={"width": "7em"})
        self.axes = [
            slider(
                f"axis {number + 1}, {share:.0%}",
                0.0,
                -REACH,
                REACH,
                0.1,
                "standard deviations from the mean of the codes",
            )
            for number, share in enumerate(self.space.shares)
        ]
        for axis in self.axes:
            axis.readout_format = "+.1f"
        self.back = ipywidgets.Button(description="back to the image", icon="undo", layout={"width": "12em"})
        of_what = "the prior" if self.space.is_vae else "the codes' Gaussian"
        self.random = ipywidgets.Button(
            description=f"random point of {of_what}", icon="random", layout={"width": "20em"}
        )
        _, groups = _groups(self._cases, self._card)
        other = np.flatnonzero(groups != groups[0])  # a walk from class to class, where there are classes
        self.start, self.end = (
            _number("from image", 0, last),
            _number("to image", int(other[0]) if len(other) else last, last),
        )
        self.along = slider("along", 0.0, 0.0, 1.0, 0.02, "0: the first image's code, 1: the second's")
        self._on(self.image, self._other_image)
        self._on(self.previous, self._step, -1)
        self._on(self.next, self._step, +1)
        for number, axis in enumerate(self.axes):
            self._on(axis, self._moved, number)
        self._on(self.back, self._went_back)
        self._on(self.random, self._drew)
        for control in (self.start, self.end):
            self._on(control, self._other_walk)
        self._on(self.along, self._walked)

    def _arrange(self):
        self._image_shown, self._point_shown, self._map_shown, self._axes_shown, self._strip_shown = (
            ipywidgets.HTML(layout={"max_width": "100%"}) for _ in range(5)
        )
        self._image_words, self._point_words = ipywidgets.HTML(), ipywidgets.HTML()
        wrapping = ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="98%", max_width="880px")
        halves = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="98%", max_width="880px")
        choosing = ipywidgets.HBox(
            [self.image, self.previous, self.next], layout=ipywidgets.Layout(flex_flow="row wrap")
        )
        buttons = ipywidgets.HBox([self.back, self.random], layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.box.children = (
            ipywidgets.HTML(f"<h3 style='margin:0'>What is between the images?</h3>{html.escape(self._title)}"),
            self.message,
            choosing,
            ipywidgets.HBox([self._image_shown, column("260px", self._image_words)], layout=wrapping),
            heading("The present point, decoded, and the real images nearest to it"),
            self._point_shown,
            self._point_words,
            ipywidgets.HTML(f"<small>{NEAR}</small>"),
            ipywidgets.HBox(
                [column("400px", heading("Move the point"), *self.axes, buttons), column("420px", self._map_shown)],
                layout=halves,
            ),
            heading("What each axis changes in this image"),
            self._axes_shown,
            heading("Walk from one patient to another"),
            ipywidgets.HBox([self.start, self.end, self.along], layout=wrapping),
            self._strip_shown,
            self.keys,
        )

    # What the user did ------------------------------------------------------------------------

    def _step(self, by):
        self.image.value = (self.image.value + by) % len(self._cases)

    @answering
    def _other_image(self, _):
        self._take_image()

    @answering
    def _moved(self, axis):
        self._moves[axis] = value = number_of(self.axes[axis])
        moves = " and ".join(f"to {value:+.1f} along axis {axis + 1}" for axis, value in sorted(self._moves.items()))
        self._go(self.space.moved(self.point, axis, value), f"{self._origin}, moved {moves}")

    @answering
    def _went_back(self, _):
        self._go_to_image()

    @answering
    def _drew(self, _):
        of_what = "the prior" if self.space.is_vae else "the Gaussian of the codes"
        self._start(self.space.random(self._generator), f"a random point of {of_what}")

    @answering
    def _other_walk(self, _):
        self._take_walk()
        self._walk()

    @answering
    def _walked(self, _):
        self._walk()

    # The state --------------------------------------------------------------------------------

    def _take_image(self):
        """The image of the chosen number, and the point at its code."""
        number = self.image.value
        code = self._codes[number]
        self._image = normalise(self._cases.images[number]).numpy()
        self._reconstruction = self.space.decoded(code[None])[0]
        self._draw_image()
        self._draw_axes()
        self._go_to_image()

    def _go_to_image(self):
        self._start(self._codes[self.image.value], f"the code of image {self.image.value}")

    def _take_walk(self):
        """The codes from one image to the other, decoded."""
        self._ends = self._codes[[self.start.value, self.end.value]]
        self._draw_strip()
        self._mark_strip()

    def _walk(self):
        share = self.along.value
        first, last = self._ends
        where = f"{share:.2f} of the way from image {self.start.value} to image {self.end.value}"
        self._start((1 - share) * first + share * last, where, walking=True)
        self._mark_strip()

    def _start(self, point, place, walking=False):
        """Put the point where no slider of an axis has brought it."""
        self._origin, self._moves = place, {}
        self._go(point, place, walking)

    def _go(self, point, place, walking=False):
        """Move the point, and all that follows it."""
        self.point, self.place = point, place
        distances, near = self.space.nearest(point[None])
        self.neighbours, self.distances = self._kept[near[0]], distances[0]
        self.beyond = float(self._beyond(self.distances[0]))
        self._decoded = self.space.decoded(point[None])[0]
        for axis, value in zip(self.axes, self.space.coordinates(point)):
            self._set(axis, value=float(np.clip(value, -REACH, REACH)))
        self._draw_point()
        self._draw_map(near[0], walking)

    # Words ------------------------------------------------------------------------------------

    def _name(self, number):
        """An image of the split, with its label."""
        label = _label(self._cases, self._card, number)
        return f"image {number}, {label}" if label else f"image {number}"

    def _image_sentence(self):
        values, code = self._image.size, self._codes.shape[1]
        return (
            f"I{self._name(self.image.value)[1:]}: {values} values through {code} numbers and back. The residual's root"
            f" mean square is {_rms(self._image - self._reconstruction):.3f} of the range from black to white."
            f" Vermilion: the image is brighter than its reconstruction; blue: darker; full colour from {FULL} of the"
            " range on."
        )

    def _point_sentence(self):
        change = _rms(self._decoded - self._reconstruction)
        what, others = f"of the {len(self._real)} real {self._split} images", self._reference
        if self._split == self._reference:
            others = f"another of {others}"
        if self.beyond == 1:
            verdict = f"none {what} is as far from {others}: this point is near nothing real"
        elif self.beyond >= 0.95:
            verdict = f"{1 - self.beyond:.1%} {what} are as far from {others}: hardly near anything real"
        else:
            verdict = f"{1 - self.beyond:.0%} {what} are as far from {others}, or farther: as near as real images are"
        return (
            f"The point is {self.place}; decoded it differs from the reconstruction by {change:.3f}. "
            f"The nearest of {self._reference} is at {self.distances[0]:.2f}; {verdict}."
        )

    # Pictures ---------------------------------------------------------------------------------

    def _draw_image(self):
        residual = self._image - self._reconstruction
        pixels = [_pixels(self._image), _pixels(self._reconstruction), _signed(residual)]
        name = self._name(self.image.value)
        captions = [name, "reconstruction", f"residual, {_rms(residual):.3f}"]
        self._image_sheet = _tiles(pixels, captions, f"An image of the {self._split} split", SIDE, GREY)
        self._image_alt = (
            f"Three images: {name} of the {self._split} split, its reconstruction, and the residual, whose root mean"
            f" square is {_rms(residual):.3f} of the range from black to white."
        )
        self._put(self._image_shown, self._image_sheet, self._image_alt)
        self._image_words.value = status(self._image_sentence())

    def _draw_point(self):
        change = self._decoded - self._reconstruction
        here = _tiles(
            [_pixels(self._decoded), _signed(change)],
            ["decoded", f"change, {_rms(change):.3f}"],
            "The present point",
            SIDE,
            INK,
        )
        labels = [_label(self._others, self._card, number) for number in self.neighbours]
        near = _tiles(
            drawing.flat(self._others.images[self.neighbours]),
            [
                f"{far:.2f}  {label or f'#{number}'}"
                for number, label, far in zip(self.neighbours, labels, self.distances)
            ],
            f"Real images nearest to it, of {self._reference}",
            SIDE,
            BLUE,
        )
        self._point_sheet = drawing.beside(here, drawing.blank(2 * GAP, 1), near)
        each = ", ".join(
            f"{number}{f' ({label})' if label else ''} at {distance:.2f}"
            for number, label, distance in zip(self.neighbours, labels, self.distances)
        )
        self._point_alt = (
            f"The image decoded at the present point, {self.place}; its change since the reconstruction; and the"
            f" nearest images of {self._reference}: {each}. {self.beyond:.0%} of the real {self._split} images lie"
            " nearer to one."
        )
        self._put(self._point_shown, self._point_sheet, self._point_alt)
        self._point_words.value = status(self._point_sentence())

    def _draw_map(self, near, walking):
        space = self.space
        first, second = space.coordinates(self.point)[:2]
        line = space.coordinates(self._ends)[:, :2] if walking else None
        self._map_sheet = self._map.at(
            (first, second),
            space.coordinates(self._codes[self.image.value])[:2],
            space.coordinates(space.codes[near])[:, :2],
            self.distances[0],
            line,
        )
        self._map_alt = (
            f"Map of the {self._reference} codes along the first two of their {space.codes.shape[1]} directions, which"
            f" hold {space.shares[:2].sum():.0%} of their variance; classes: {self._map.words}. The point is at"
            f" {first:+.1f}, {second:+.1f} standard deviations. Below, how far real {self._split} images are from the"
            f" nearest of {self._reference}: half of them less than {np.median(self._real):.2f}; the point"
            f" {self.distances[0]:.2f}."
        )
        self._put(self._map_shown, self._map_sheet, self._map_alt)

    def _draw_axes(self):
        """For each axis the image with that coordinate set to each of `STOPS`, all else as in its code."""
        code = self._codes[self.image.value]
        points = [self.space.moved(code, axis, stop) for axis in range(len(self.axes)) for stop in STOPS]
        images = self.space.decoded(np.stack(points)).reshape(len(self.axes), len(STOPS), *self._image.shape)
        own, captions = self.space.coordinates(code), [f"{stop:+g}" if stop else "0" for stop in STOPS]
        blocks = [
            _tiles(
                [_pixels(image) for image in row],
                captions,
                f"axis {number + 1}, {share:.0%} of the variance (here {round(float(at), 1) + 0.0:+.1f})",
                SMALL,
                GREY,
            )
            for number, (row, share, at) in enumerate(zip(images, self.space.shares, own))
        ]
        self._axes_sheet = drawing.below(*(drawing.beside(*blocks[i : i + 2]) for i in range(0, len(blocks), 2)))
        strongest = int(np.argmax([_rms(row[-1] - row[0]) for row in images]))
        self._axes_alt = (
            f"For each of {len(self.axes)} axes image {self.image.value}, decoded with its coordinate at"
            f" {', '.join(captions)} standard deviations; axis {strongest + 1} changes most pixels."
        )
        self._put(self._axes_shown, self._axes_sheet, self._axes_alt)

    def _draw_strip(self):
        """The film strip without its mark: decoded steps between the real images, below them mere mixtures of
        pixels.
        """
        shares = np.linspace(0, 1, STEPS, dtype=np.float32)
        points = np.stack([(1 - share) * self._ends[0] + share * self._ends[1] for share in shares])
        self._strip_distances = self.space.nearest(points, 1)[0][:, 0]
        real = normalise(self._cases.images[[self.start.value, self.end.value]]).numpy()
        mixed = [(1 - share) * real[0] + share * real[1] for share in shares]
        names = [self._name(number) for number in (self.start.value, self.end.value)]
        decoded = [_pixels(image) for image in self.space.decoded(points)]
        steps = [f"{share:.2f}: {distance:.2f}" for share, distance in zip(shares, self._strip_distances)]
        upper = _tiles(
            [_pixels(real[0]), *decoded, _pixels(real[1])],
            [names[0][6:], *steps, names[1][6:]],
            f"Between the two images, decoded; below each how far along: distance to the nearest of {self._reference}",
            FRAME,
            GREY,
        )
        lower = _tiles(
            [_pixels(image) for image in mixed],
            [f"{share:.2f}" for share in shares],
            "For comparison: the pixels of the two images, mixed",
            FRAME,
            GREY,
        )
        self._strip = drawing.below(upper, drawing.blank(1, 14), drawing.beside(drawing.blank(FRAME + GAP, 1), lower))
        self._strip_ruler, self._strip_names = upper.height, names

    def _mark_strip(self):
        """The film strip with a mark for how far along the slider is."""
        sheet, share = self._strip.copy(), self.along.value
        pen, step = ImageDraw.Draw(sheet), (FRAME + GAP) * SCALE
        left, y = GAP * SCALE + step + FRAME * SCALE // 2, self._strip_ruler + 6 * SCALE
        x = left + share * (STEPS - 1) * step
        pen.line((left, y, left + (STEPS - 1) * step, y), fill=GREY, width=3)
        pen.ellipse((x - 11, y - 11, x + 11, y + 11), fill=POINT, outline=INK, width=3)
        self._strip_sheet = sheet
        self._strip_alt = (
            f"Film strip from {self._strip_names[0]} to {self._strip_names[1]}: {STEPS} decoded steps between the real"
            f" images, marked at {share:.2f}; distances to the nearest of {self._reference}"
            f" {', '.join(f'{distance:.2f}' for distance in self._strip_distances)}. Below, the pixels of the two"
            " images mixed."
        )
        self._put(self._strip_shown, sheet, self._strip_alt)


# Labels ---------------------------------------------------------------------------------------


def _groups(cases, card):
    """(names, numbers (N,)): the classes where each case has one; else what can be told apart on a map."""
    if cases.labels is None or card.task == "regression":
        return ("all images",), np.zeros(len(cases), dtype=int)
    labels = cases.labels.numpy()
    if labels.ndim == 2:
        return ("no label", "one or more"), labels.any(axis=1).astype(int)
    return card.classes, labels


def _label(cases, card, number):
    """The label of a case in words, "" where it has none."""
    if cases.labels is None:
        return ""
    label = cases.labels[int(number)]
    if card.task == "regression":
        return f"{float(label):.3g}"
    if label.dim() == 0:
        return card.classes[int(label)]
    return ", ".join(name for name, has in zip(card.classes, label.tolist()) if has) or "no label"


# Pixels ---------------------------------------------------------------------------------------


def _rms(difference):
    """Root mean square of a difference of images -1…1, as a share of the range from black to white."""
    return float(np.sqrt(np.mean(np.square(difference)))) / 2


def _pixels(image):
    """An image (C, H, W), -1…1, as uint8 (H, W, 3)."""
    return drawing.flat(torch.from_numpy(np.rint((image[None] + 1) * 127.5).astype(np.uint8)))[0]


def _signed(difference):
    """A difference (C, H, W) as uint8 (H, W, 3): vermilion above 0, blue below; of colours the mean."""
    return panels.alone(np.clip(difference.mean(axis=0) / (2 * FULL), -1, 1), SIGNED)


def _tiles(pixels, captions, title, side, colour):
    return drawing.tiles(pixels, captions, title=title, columns=len(pixels), rows=1, side=side, colour=colour)


def _number(description, value, last):
    """A field for the number of an image."""
    return ipywidgets.BoundedIntText(
        value=value,
        min=0,
        max=last,
        description=description,
        layout={"width": "12em"},
        style={"description_width": "6em"},
    )


# The map --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Map:
    """The codes and the yardstick, drawn once; marks move on a copy.

    sheet     the drawn axes; never changed
    corners   pixels (left, top, right, bottom) of the map and of the yardstick
    farthest  the distance at the right end of the yardstick
    words     the classes with their shapes, for the alt text
    """

    sheet: object
    corners: tuple
    farthest: float
    words: str

    def _pixel(self, coordinates):
        """Where coordinates in standard deviations lie; outside the map at its edge."""
        left, top, right, bottom = self.corners[0]
        x, y = (np.clip(coordinates, -REACH, REACH) / REACH + 1) / 2
        return left + x * (right - left), bottom + y * (top - bottom)

    def at(self, point, image, neighbours, distance, line=None):
        """The sheet with its marks; places in standard deviations (first, second axis).

        line  the ends of a walk, (2, 2)
        """
        sheet = self.sheet.copy()
        pen = ImageDraw.Draw(sheet)
        if line is not None:
            ends = [self._pixel(end) for end in line]
            pen.line((*ends[0], *ends[1]), fill="white", width=8)
            pen.line((*ends[0], *ends[1]), fill=INK, width=4)
        for place in neighbours:
            _ring(pen, self._pixel(place), 9, 3)
        _ring(pen, self._pixel(image), 16, 4)
        _dot(pen, self._pixel(point))
        left, top, right, bottom = self.corners[1]
        x = left + min(distance / self.farthest, 1) * (right - left)
        pen.line((x, top, x, bottom), fill=INK, width=4)
        _dot(pen, (x, (top + bottom) / 2))
        return sheet


def _ring(pen, place, radius, width):
    """A circle in ink on white, seen on any colour."""
    x, y = place
    for colour, extra in (("white", 2), (INK, 0)):
        box = (x - radius - extra, y - radius - extra, x + radius + extra, y + radius + extra)
        pen.ellipse(box, outline=colour, width=width + 2 * extra)


def _dot(pen, place):
    x, y = place
    pen.ellipse((x - 11, y - 11, x + 11, y + 11), fill=POINT, outline=INK, width=3)


def _plotted(space, names, groups, real, reference):
    """The map of the codes and the yardstick below it, as a `_Map`.

    groups  (N,): the class of each code
    real    distances of held-out real images to the reference
    """
    dpi = 100
    figure = Figure(figsize=(MAP[0] / dpi, MAP[1] / dpi), dpi=dpi * SCALE)
    columns = 5 if len(names) <= 2 else 4
    rows = -(-(len(names) + 3) // columns)  # of the legend
    chart = figure.add_axes((0.10, 0.30, 0.87, 0.645 - 0.045 * rows))
    ruler = figure.add_axes((0.10, 0.095, 0.87, 0.10))
    order = np.random.default_rng(0).permutation(len(groups))[:PLOTTED]  # no class lies over another
    places, shown = space.coordinates(space.codes[order])[:, :2], groups[order]
    handles = []
    for number, name in enumerate(names):
        colour, shape = COLOURS[number % len(COLOURS)], SHAPES[number % len(SHAPES)]
        own = places[shown == number]
        chart.scatter(*own.T, s=11, marker=shape, color=colour, alpha=0.45, linewidths=0, zorder=1 + number / 100)
        words = drawing.shortened(name, 70, 8)
        handles.append(chart.scatter([], [], s=22, marker=shape, color=colour, linewidths=0, label=words))
        if len(names) > 1 and (groups == number).any():
            middle = space.coordinates(space.codes[groups == number])[:, :2].mean(axis=0)
            chart.scatter(*middle, s=95, marker=shape, color=colour, edgecolors="white", linewidths=1.5, zorder=3)
    marks = (("the point", 45, POINT, 1.5), ("the image", 60, "white", 2), ("nearest", 20, "white", 1.5))
    for name, size, colour, width in marks:
        handles.append(chart.scatter([], [], s=size, color=colour, edgecolors=INK, linewidths=width, label=name))
    figure.legend(
        handles=handles,
        loc="upper center",
        ncol=columns,
        fontsize=7,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.0,
        borderpad=0,
    )
    chart.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=range(-4, 5, 2), yticks=range(-4, 5, 2))
    for line in (chart.axhline, chart.axvline):
        line(0, color="#d0d0d0", linewidth=0.8, zorder=0)
    chart.set_xlabel(f"axis 1, {space.shares[0]:.0%} of the variance (standard deviations)", fontsize=7.5, labelpad=1)
    chart.set_ylabel(f"axis 2, {space.shares[1]:.0%}", fontsize=7.5, labelpad=1)
    farthest = 2.5 * float(max(np.quantile(real, 0.95), 1e-6))  # one outlier must not squeeze all others
    ruler.hist(np.minimum(real, farthest), bins=np.linspace(0, farthest, 60), color="#b8b8b8")
    ruler.set(xlim=(0, farthest), yticks=[])
    ruler.set_xlabel(
        f"distance to the nearest of {reference}; grey: real images, yellow: the point", fontsize=7.5, labelpad=1
    )
    for axes in (chart, ruler):
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    sheet = drawing.background(figure)
    corners = []
    for axes in (chart, ruler):
        box = axes.get_window_extent()
        corners.append((box.x0, figure.bbox.height - box.y1, box.x1, figure.bbox.height - box.y0))
    return _Map(sheet, tuple(corners), farthest, ", ".join(names))
