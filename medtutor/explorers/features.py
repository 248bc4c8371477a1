"""The feature explorer: what the channels of a CNN respond to, what the answer loses without one, and what lies near.

A convolutional network turns an image into maps of features, layer by layer. Here the
maps of a layer are seen, and one of them is switched off: only what then happens to the
answer says whether the network had used it. At its end the image is a point among those
of the training images: the nearest of them show what the network takes for alike, and
how far they are, whether it has seen anything like it.
"""

from functools import partial

import numpy as np
import torch

from ..data.dataset import Dataset
from ..errors import InputError
from ..explanation.familiar import pooled
from ..training.run import Run
from ..widgets import (
    MESSAGE,
    Background,
    Button,
    Buttons,
    Choice,
    Explorer,
    Pages,
    Slider,
    derived,
    drawing,
    panel,
    sentences,
    slow,
)
from . import features_panels as pictures
from .answers import few_threads
from .cases import label_of, of_class
from .features_parts import asked, changes, checked, judged, reference_of, without, without_each

ZERO, MEAN = "set to zero", "set to its mean over the validation images"
ONE, EACH = "one for all channels", "each map its own"
ALL = "all classes"
AT_ONCE = 100_000  # pixels of training and validation images up to which nobody waits for the reference
LISTED = 10  # channels of the list of what they change
BARS = 6  # classes that get a bar: the most probable ones
NO_MEAN = (
    "The means over the validation images are not known yet; press 'compare with the training images', which computes"
    " them, too"
)


def features(run: Run, dataset: Dataset, split: str = "val") -> "FeaturesExplorer":
    """The explorer of a CNN's features: a `FeaturesExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of a classification whose model has feature maps: "cnn", "resnet18", "vgg", …
    dataset  the `Dataset` that it was trained on
    split    "val" or "test": whose images are looked at

    Probabilities are those of one pass over the image as it is; `run.predict` may average over mirrored and shifted
    copies. Of volumes the middle slice is shown, and all of it counts.

    Raises `InputError` for a model without feature maps, a transformer, sequences, a run whose answer is no class,
    and a data set that is not the run's own.

    >>> import medtutor as mt
    >>> few = mt.data.phantoms.draw(mt.data.card("breastmnist"), {"train": 20, "val": 8, "test": 8})
    >>> run = mt.fit(mt.build("cnn", few, widths=(4, 8, 8)), few, mt.Recipe(epochs=1), progress=False)
    >>> shown = features(run, few)
    >>> shown.layer.value = "stem"
    >>> shown.maps.shape, len(shown.nearest)
    (torch.Size([4, 28, 28]), 20)
    """
    return FeaturesExplorer(run, dataset, split)


class FeaturesExplorer(Explorer):
    """An image, the channels of a layer, and the answer without one of them.

    of             Dropdown: only images of this class
    image          `Pages` of one image each
    layer, channel Dropdowns; channels strongest first, by the mean of their absolute values
    scale, way     ToggleButtons: colours; what is put in the place of a channel
    pages          `Pages` of the channels
    rank, compare  Buttons: compute `effects`, compute `reference`
    near           IntSlider: how many of the nearest training images are counted
    alarms         Dropdown: the share of validation images that may be called unusual

    case           index of the image in the split
    maps           float32 (C, *spatial): what the layer answers
    before, after  float32 (classes,): probabilities, and those without the channel (None where it is not known)
    effects        float32 (C, classes): probabilities without each channel; None until they are computed
    reference      `Reference`, None until it is computed
    distances      float32 (N,): from the image to each training image, Euclidean; None until then
    nearest        indices of the training images, the nearest first
    """

    heading = "What has the network seen in it?"

    of = Choice("class", lambda self: self._present, meaning="only images of this class", width="24em", label="6em")

    @derived
    def _cases(self):
        return np.flatnonzero(of_class(self._images.labels, self.of.value))

    image = Pages(1, _cases, description="image", meaning="which of the images of this class")
    layer = Choice(
        "layer",
        lambda self: [(f"{name} ({' x '.join(map(str, shape))})", name) for name, shape in self._layers.items()],
        start=lambda self: self._last,
        meaning="whose feature maps are shown: channels x height x width",
        width="24em",
        label="6em",
    )

    @derived
    def case(self):
        return int(self._cases[self.image.shown][0])

    @derived
    def _x(self):
        return self._subject.batch(self._images.images[self.case : self.case + 1], many=True)

    @derived
    def _answer(self):
        """(probabilities, features) of the image."""
        return asked(self._subject, self._x, self._head, pooled)

    @derived
    def before(self):
        return self._answer[0]

    @derived
    def maps(self):
        return asked(self._subject, self._x, self.layer.value, lambda module, inputs, output: output[0])[1]

    @derived
    def _strength(self):
        return self.maps.abs().flatten(1).mean(1).numpy()

    @derived
    def _order(self):
        return np.argsort(-self._strength, kind="stable")

    channel = Choice(
        "channel",
        lambda self: [(f"{number} (strength {self._strength[number]:.3g})", int(number)) for number in self._order],
        meaning="which channel is switched off, the strongest first",
        width="24em",
        label="6em",
    )
    scale = Buttons("colours", [ONE, EACH], meaning="from what to what the colours go", width="auto", label="6em")
    way = Buttons("instead", [ZERO, MEAN], meaning="what is put in the place of the channel", width="auto", label="6em")
    pages = Pages(pictures.COLUMNS * pictures.ROWS, _order, meaning="of the channels below")
    rank = Button("try every channel", icon="play", meaning="switch off one channel after the other")
    compare = Button(
        "compare with the training images", icon="play", meaning="compute features of training and validation images"
    )
    job = Background(always=False)

    @slow(compare, at_once=lambda self: self._few)
    def reference(self):
        return partial(reference_of, self._run, self._dataset, list(self._layers), self._head)

    @derived
    def _fill(self):
        """float32 (C,): what is put in the place of each channel; None where it is not known."""
        if self.way.value == ZERO:
            return torch.zeros(len(self.maps))
        return None if self.reference is None else self.reference.means[self.layer.value]

    @derived
    def after(self):
        if self._fill is None:
            return None
        with few_threads(self._run.card.shape):
            return without(self._subject, self._x, self.layer.value, [self.channel.value], self._fill)[0]

    @slow(rank)
    def effects(self):
        if self._fill is None:
            raise InputError(NO_MEAN)
        return partial(without_each, self._run, self._x, self.layer.value, self._fill)

    near = Slider(
        "nearest", 1, lambda self: min(50, len(self._dataset.train)), start=10, meaning="how many are counted"
    )
    alarms = Choice(
        "false alarms",
        [(f"{share:.0%}", share) for share in (0.01, 0.02, 0.05, 0.1, 0.2)],
        start=0.05,
        meaning="the share of validation images that may be called unusual",
        width="14em",
    )

    @derived
    def distances(self):
        if self.reference is None:
            return None
        return (self.reference.features - self._answer[1]).norm(dim=1)

    @derived
    def nearest(self):
        return None if self.distances is None else np.argsort(self.distances.numpy(), kind="stable")

    def __init__(self, run, dataset, split="val"):
        self._subject, self._layers, self._head, self._last = checked(run, dataset, split)
        self._run, self._dataset, self._split = run, dataset, split
        self._images, self._classes = getattr(dataset, split), run.card.classes
        present = [(name, c) for c, name in enumerate(self._classes) if of_class(self._images.labels, c).any()]
        self._present = [(ALL, -1), *present]
        self._phantom = dataset.is_phantom or run.provenance == "phantom"
        self._title = f"{self._subject.title} on {dataset.title}, {split} split"
        self.call = f'features(run, dataset, "{split}")'
        self._few = dataset.train.images.numel() + dataset.val.images.numel() <= AT_ONCE
        super().__init__()

    # Words ----------------------------------------------------------------------------------

    @derived
    def _says(self):
        return int(self.before.argmax())

    @property
    def _off(self):
        return f"channel {self.channel.value} of {self.layer.value} {self.way.value}"

    @sentences(read_out=True)
    def _prediction(self):
        label, says = label_of(self._images.labels[self.case], self._run.card), self._classes[self._says]
        return (
            f"Image {self.case + 1} of the {self._split} split, labelled {label}. The network says {says}, probability"
            f" {self.before[self._says]:.3f}."
        )

    @sentences
    def _removed(self):
        if self.after is None:
            return NO_MEAN
        name, new = self._classes[self._says], int(self.after.argmax())
        answer = "the answer stays" if new == self._says else f"the answer becomes {self._classes[new]}"
        return (
            f"With {self._off}, the probability of {name} goes from {self.before[self._says]:.3f} to"
            f" {self.after[self._says]:.3f}, and {answer}. A strong channel need not matter: that is what this shows."
        )

    @sentences
    def _not_yet(self):
        words = [] if self.effects is not None else ["Which channels matter most: press 'try every channel'."]
        if self.reference is None:
            words.append("Which training images are nearest: press 'compare with the training images'.")
        return words

    @sentences
    def _usual(self):
        if self.reference is None:
            return []
        k, distance = self.near.value, float(self.distances[self.nearest[0]])
        has = of_class(self._dataset.train.labels, self._says)
        return [
            f"{int(has[self.nearest[:k]].sum())} of the {k} nearest training images are {self._classes[self._says]},"
            f" which is the network's answer ({has.mean():.0%} of all training images are).",
            *judged(distance, self.reference.usual, self.alarms.value),
        ]

    # Pictures -------------------------------------------------------------------------------

    @derived
    def _colours(self):
        """(pixels, lowest, highest) of each channel; of volumes of the middle slice."""
        maps = self.maps.numpy()
        return pictures.coloured(maps[:, maps.shape[1] // 2] if maps.ndim == 4 else maps, self.scale.value == EACH)

    @panel
    def _looked_at(self):
        number, layer, before, after = self.channel.value, self.layer.value, self.before, self.after
        shown = sorted(np.argsort(-(before if after is None else torch.maximum(before, after)).numpy())[:BARS])
        rows = [(self._classes[c], float(before[c]), None if after is None else float(after[c])) for c in shown]
        pixels, low, high = (each[number] for each in self._colours)
        sheet = pictures.looked_at(
            drawing.flat(self._images.images[[self.case]])[0],
            pixels,
            (f"image {self.case + 1}", f"channel {number} of {layer}"),
            ("middle slice" if self._run.card.dims == 3 else "", f"dark {low:.3g}, bright {high:.3g}"),
            pictures.answers(rows, len(before)),
        )
        each = (f"{name} {b:.3f}" + ("" if a is None else f" and {a:.3f}") for name, b, a in rows)
        return sheet, (
            f"Image {self.case + 1}, and its map in channel {number} of layer {layer}, colours from {low:.3g} to"
            f" {high:.3g}. Probabilities as it is{'' if after is None else f', and with {self._off}'}:"
            f" {', '.join(each)}."
        )

    @panel
    def _maps(self):
        listed, strength, layer = self._order[self.pages.shown], self._strength, self.layer.value
        place = np.flatnonzero(listed == self.channel.value)
        sheet = pictures.channels(
            self._colours[0][listed],
            [f"#{number}  {strength[number]:.3g}" for number in listed],
            f"{layer}, strongest first: {self.pages.place}. Below each: channel, mean of absolute values",
            int(place[0]) if len(place) else None,
        )
        each = ", ".join(f"{number} ({strength[number]:.3g})" for number in listed)
        return sheet, (
            f"Feature maps of layer {layer}, colours {self.scale.value}, strongest first, {self.pages.place}. Channels"
            f" with strength: {each}."
        )

    @panel
    def _effects(self):
        if self.effects is None:
            return None
        rows = changes(self.before, self.effects, self._classes)[:LISTED]
        title = f"Largest change of a probability, channel of {self.layer.value} {self.way.value}"
        said = "; ".join(f"{channel} {size:.5f}, {remark}" for channel, size, remark in rows)
        return pictures.effects(rows, title), f"{title}, the {len(rows)} largest of {len(self.effects)}: {said}."

    @panel
    def _near(self):
        if self.reference is None:
            return None
        listed, train = self.nearest[: pictures.NEAR], self._dataset.train
        names = [label_of(train.labels[number], self._run.card) for number in listed]
        away = [float(self.distances[number]) for number in listed]
        title = f"The nearest training images of image {self.case + 1}. Below each: distance, label"
        sheet = pictures.near(drawing.flat(train.images[listed]), names, away, title)
        each = ", ".join(f"{number + 1} ({name}, {far:.3g})" for number, name, far in zip(listed, names, away))
        return sheet, f"The nearest training images of image {self.case + 1}, with label and distance: {each}."

    layout = [
        [of, image],
        [layer, channel],
        scale,
        way,
        MESSAGE,
        _prediction,
        _looked_at,
        _removed,
        "The channels of the layer",
        pages,
        _maps,
        "Which channels matter, and which images are near",
        [rank, compare, job],
        _not_yet,
        _effects,
        _near,
        [near, alarms],
        _usual,
    ]
