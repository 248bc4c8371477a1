"""The segmentation explorer: where is the outline wrong, and what would put it right?

A Dice of 0.86 says that something is wrong, not what. Here every error has its
place: slice by slice, what was missed, what is too much, what was given to the
wrong class; what the network thought there; and what a threshold, a clean-up
afterwards or another network does to it.
"""

import html
import math

import ipywidgets
import numpy as np
import torch

from ..data.dataset import normalise
from ..errors import InputError
from ..metrics.segmentation import segmentation_scores
from ..models.classical import Atlas
from ..models.inference import device_of, evaluating, to_model
from ..models.postprocessing import MeanShape, largest_component
from ..models.unet import AttentionUNet
from ..training.run import Run
from ..widgets import drawing
from ..widgets.controls import buttons, choice, column, heading, slider
from ..widgets.explorer import Explorer, answering
from ..widgets.job import Job
from . import segmentation_panels as panels
from .cases import own_dataset
from .segmentation_panels import COLUMNS, EXTRA, MISSED, PROBABILITY, SWAPPED, UNCERTAINTY

ALL = 0  # in place of a class: the whole foreground. The background's number is free
WORST, BEST, NUMBER = "worst first", "best first", "by number"
LIKELIEST, ABOVE = "likeliest class", "threshold"
NONE, LARGEST, EACH_LARGEST, SHAPE = "nothing", "largest piece", "largest of each class", "mean shape"
OUTLINE, FILLED = "outlines", "filled"
MOST = 500  # patients in the list: a longer one is no help
LIVE = 300_000  # voxels of a patient: of larger ones the distances take too long to follow a slider


def segmentation(run, dataset=None, split="test", others=None):
    """The explorer of a run's segmentations: a `SegmentationExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of a segmentation, of slices, images or volumes
    dataset  the `Dataset` that it was trained on; left out: loaded by the name on the run's card
    split    "val" or "test"
    others   {name: Run}: other runs on the same images, to be shown side by side

    Images without slices, such as a user's own, are looked at one by one. Runs on slices
    and runs on volumes of the same patients may stand side by side.

    Raises `InputError` where a run is of another task or other images, or has no
    predictions of the split.
    """
    return SegmentationExplorer(run, dataset, split, others)


def decided(probabilities, looked=ALL, threshold=None):
    """The mask that probabilities (classes, …) amount to, uint8 (…).

    looked     a class, or ALL
    threshold  None: the likeliest class everywhere. 0…1: a pixel belongs to the class that is
               looked at where its probability is above; with ALL, to the likeliest foreground
               class where the foreground's probability is above
    """
    if threshold is None:
        return probabilities.argmax(axis=0).astype(np.uint8)
    if looked != ALL:
        return np.uint8(looked) * (probabilities[looked] > threshold)
    inside = 1 - probabilities[0] > threshold
    return (1 + probabilities[1:].argmax(axis=0)).astype(np.uint8) * inside


def dice_by_threshold(probabilities, truth, looked=ALL):
    """Dice at the thresholds 0.01, 0.02 … 0.99, (99,): of a class, with ALL the mean over the foreground classes."""
    classes = range(1, len(probabilities)) if looked == ALL else [looked]
    likeliest = 1 + probabilities[1:].argmax(axis=0) if looked == ALL else np.full(truth.shape, looked)
    score = 1 - probabilities[0] if looked == ALL else probabilities[looked]
    # A pixel of level k is above the thresholds 0.01 … k / 100, and no other.
    level = np.clip(np.ceil(100 * score) - 1, 0, 99).astype(np.int64)
    each = []
    for number in classes:
        called, real = likeliest == number, truth == number
        found, hits = (_above(level[where]) for where in (called, called & real))
        total = found + real.sum()
        each.append(np.where(total == 0, 1.0, 2 * hits / np.maximum(total, 1)))
    return np.mean(each, axis=0)


def _above(levels):
    """How many pixels are above each of the 99 thresholds."""
    counts = np.bincount(levels, minlength=100)
    return counts[::-1].cumsum()[::-1][1:]


def entropy(probabilities):
    """How undecided probabilities (classes, …) are, 0 (sure) … 1 (all classes alike)."""
    p = np.maximum(probabilities, 1e-7)
    return -(p * np.log(p)).sum(axis=0) / math.log(len(p))


class SegmentationExplorer(Explorer):
    """A patient, a slice, and what is wrong there.

    patient, order        Dropdowns: whose images, and in which order the list stands
    depth                 IntSlider: the slice, from 1; hidden where images have none
    looked                Dropdown: one class, or all
    model                 Dropdown: the run that the numbers are of, where there are others
    decide, threshold     how probabilities become a mask
    afterwards, weight    what is done to the mask, and how strongly the mean shape pulls
    uncertain, attention  Checkboxes: maps of the entropy, of the attention gates
    look                  ToggleButtons: outlines or filled
    distances             Button: HD95 and surface Dice, where they take too long to follow a slider
    job                   `Job`: computes them, and the mean shape when it is first wanted

    mask                  uint8 (D, H, W): the present mask of the present run and patient
    scores                {"dice": (classes,), "hd95": …, "surface_dice": …}, of the classes looked at;
                          without the last two where the button was not pressed
    """

    def __init__(self, run, dataset=None, split="test", others=None):
        super().__init__()
        others = {} if others is None else others
        dataset, self._runs = _checked(run, dataset, split, others)
        self._card, self._split, self._dataset = dataset.card, split, dataset
        self._phantom = dataset.is_phantom
        self._title = f"{next(iter(self._runs))} on {dataset.title}, {split} split"
        self._shape, self._gates = None, {}
        self._read(getattr(dataset, split))
        self._make_controls()
        self._arrange()
        self._list_patients()
        self._take_patient()

    def _composed(self):
        sheet = drawing.below(
            drawing.written([f"{self._title}. {self._settings()}"], self._picture_sheet.width / drawing.SCALE),
            self._picture_sheet,
            drawing.beside(self._curve_sheet, self._ranks_sheet),
            drawing.written([*self._row_sentences(), self._rank_sentence()], self._picture_sheet.width / drawing.SCALE),
        )
        alt = (
            f"{self._title}. {self._picture_alt} {self._curve_alt} {self._ranks_alt} {' '.join(self._row_sentences())}"
        )
        return sheet, alt

    # What there is ----------------------------------------------------------------------------

    def _read(self, cases):
        """Truth and predictions patient by patient; images without slices are volumes of one slice."""
        dims = self._card.dims
        self._deep = dims == 3 or cases.patients is not None
        self._truth = _stacked(cases.masks, dims, _count(cases)).numpy()
        self._images = _stacked_channels(cases.images, dims, _count(cases))
        self._predicted = {
            name: _stacked_channels(run.predictions[self._split], run.card.dims, _count(cases))
            for name, run in self._runs.items()
        }
        numbers = range(len(self._truth)) if cases.patients is None else cases.patients.unique_consecutive().tolist()
        self._what = "image" if not self._deep else "volume" if cases.patients is None else "patient"
        self._names = [f"{self._what} {number}" for number in numbers]
        # As the runs were tested: the likeliest class, nothing afterwards.
        self._tested = {
            name: np.array(
                [
                    self._scored(decided(p.float().numpy()), truth, distances=False)["dice"].mean()
                    for p, truth in zip(predicted, self._truth)
                ]
            )
            for name, predicted in self._predicted.items()
        }
        self._atlas = self._fitted_atlas()

    def _fitted_atlas(self):
        """The `Atlas` of the training split; None where it cannot be one."""
        train = self._dataset.train
        try:
            return Atlas.fit(
                _without_depth(_grey(_stacked_channels(train.images, self._card.dims, _count(train))), self._deep),
                self._train_masks,
                len(self._card.classes),
            )
        except InputError:
            return None

    @property
    def _train_masks(self):
        train = self._dataset.train
        return _without_depth(_stacked(train.masks, self._card.dims, _count(train)).numpy(), self._deep)

    def _scored(self, mask, truth, distances=True, looked=ALL):
        """{score: (classes looked at,)} of one patient."""
        mask, truth = (_without_depth(each[None], self._deep) for each in (mask, truth))
        found = segmentation_scores(mask, truth, len(self._card.classes), self._card.spacing, distances)
        rows = slice(None) if looked == ALL else slice(looked - 1, looked)
        return {name: values[0, rows] for name, values in found.items()}

    # The controls -----------------------------------------------------------------------------

    def _make_controls(self):
        classes, many = self._card.classes, len(self._card.classes) > 2
        self.order = choice("order", [WORST, BEST, NUMBER])
        self.patient = choice(self._what, [("", 0)])
        self.depth = slider("slice", 1, 1, self._truth.shape[1], 1)
        self.depth.layout.max_width = "860px"
        self.looked = choice(
            "look at", [*([("all classes", ALL)] if many else []), *zip(classes[1:], range(1, len(classes)))]
        )
        self.model = choice("run", list(self._runs))
        self.decide = buttons("decide by", [LIKELIEST, ABOVE])
        self.threshold = slider(
            "threshold", 0.5, 0.01, 0.99, 0.01, "a pixel belongs to the class where its probability is above"
        )
        self.afterwards = buttons("afterwards", [NONE, LARGEST, *([EACH_LARGEST] if many else []), SHAPE])
        self.weight = slider(
            "weight", 0.3, 0.0, 1.0, 0.05, "0 leaves the prediction as it is, 1 leaves the mean shape alone"
        )
        self.look = buttons("draw", [OUTLINE, FILLED])
        self.look.layout.width = "auto"  # the two switches stand beside it
        self.uncertain = ipywidgets.Checkbox(
            value=False, description="uncertainty instead of probability", indent=False
        )
        self.attention = ipywidgets.Checkbox(value=False, description="attention gates", indent=False)
        self.distances = ipywidgets.Button(
            description="HD95 and surface Dice", icon="calculator", layout={"width": "16em"}
        )
        self.job = Job(self._lock, always=False)
        self._live = self._truth[0].size <= LIVE
        _show_if(not self._live, self.distances)
        _show_if(self._deep, self.depth)
        _show_if(many, self.looked)
        _show_if(len(self._runs) > 1, self.model)
        _show_if(False, self.threshold, self.weight)
        self._on(self.order, self._other_order)
        self._on(self.patient, self._other_patient)
        self._on(self.depth, self._other_view)
        self._on(self.looked, self._other_rule)
        self._on(self.model, self._other_model)
        self._on(self.decide, self._other_rule)
        self._on(self.threshold, self._other_rule)
        self._on(self.afterwards, self._other_shape)
        self._on(self.weight, self._other_shape)
        self._on(self.distances, self._asked_for_distances)
        self._on(self.job.stop, self._gave_up)
        for control in (self.look, self.uncertain, self.attention):
            self._on(control, self._other_view)

    def _arrange(self):
        self._picture, self._curve_shown, self._ranks_shown, self._numbers = (
            ipywidgets.HTML(layout={"max_width": "100%"}) for _ in range(4)
        )
        lists = (self.patient, self.order, self.looked, self.model)
        for control in lists:
            control.layout.width, control.style.description_width = "19em", "4em"
        wrapping = ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="98%", max_width="860px")
        halves = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="98%", max_width="860px")
        rule = (heading("From probabilities to a mask"), self.decide, self.threshold, self.afterwards, self.weight)
        self.box.children = (
            ipywidgets.HTML(f"<h3 style='margin:0'>Where is it wrong?</h3>{html.escape(self._title)}"),
            ipywidgets.HBox(lists, layout=wrapping),
            self.depth,
            self.message,
            self._picture,
            ipywidgets.HBox([self.look, self.uncertain, self.attention], layout=wrapping),
            ipywidgets.HBox([column("430px", *rule), column("300px", self._curve_shown)], layout=halves),
            ipywidgets.HBox(
                [column("430px", self._numbers, self.distances, self.job.box), column("300px", self._ranks_shown)],
                layout=halves,
            ),
            self.keys,
        )

    # What the user did ------------------------------------------------------------------------

    @answering
    def _other_order(self, _):
        self._list_patients()
        self._take_patient()

    @answering
    def _other_model(self, _):
        self._list_patients(self.patient.value)
        self._decide()

    @answering
    def _other_patient(self, _):
        self._take_patient()

    @answering
    def _other_shape(self, change):
        wanted = self.afterwards.value == SHAPE
        _show_if(wanted, self.weight)
        if not wanted or self._shape is not None:
            self._shape_and_decide()
        elif change["owner"] is self.afterwards:  # it takes a second or more, once
            self._begin_job(self._shape_of_training, self._found_shape)

    def _shape_of_training(self, tell):
        """Work of the `Job`: the mean shape, or the error where there is none."""
        tell(0.1, "the mean shape of the training masks")
        try:
            return MeanShape.fit(self._train_masks, len(self._card.classes), spacing=self._card.spacing)
        except Exception as error:
            return error

    @answering
    def _found_shape(self, found):
        if isinstance(found, Exception):
            self._without_shape()
            raise found
        self._shape = found
        self._shape_and_decide()

    @answering
    def _gave_up(self, _):
        self._without_shape()

    def _without_shape(self):
        """Where a mean shape is wanted and there is none, the explorer goes on without."""
        if self.afterwards.value == SHAPE and self._shape is None:
            self._set(self.afterwards, value=NONE)
            _show_if(False, self.weight)
            self._shape_and_decide()

    @answering
    def _other_rule(self, _):
        _show_if(self.decide.value == ABOVE, self.threshold)
        self._decide()

    @answering
    def _asked_for_distances(self, _):
        self._without_shape()  # there is one job at a time
        mask, truth, looked = self.mask, self._wanted, self.looked.value

        def work(tell):
            tell(0.1, "how far the borders are apart")
            return mask, self._scored(mask, truth, looked=looked)

        self._begin_job(work, self._found_distances)

    @answering
    def _found_distances(self, found):
        mask, scores = found
        if mask is self.mask:  # else the user has gone on, and they are of another one
            self.scores = scores
            self._numbers.value = self._table()

    @answering
    def _other_view(self, _):
        self._draw_picture()

    # The state --------------------------------------------------------------------------------

    def _list_patients(self, stay=None):
        """List the patients in the order wanted, and choose the first, or the one to stay with."""
        tested, order = self._tested[self.model.value], np.arange(len(self._truth))
        if self.order.value != NUMBER:
            order = np.argsort(tested if self.order.value == WORST else -tested, kind="stable")
        listed = [int(number) for number in order[:MOST]]
        if stay is not None and stay not in listed:
            listed.append(stay)
        options = [(f"{self._names[number]}, Dice {tested[number]:.3f}", number) for number in listed]
        self._set(self.patient, options=options, value=listed[0] if stay is None else stay)

    def _take_patient(self):
        """Begin with the slice that has most foreground."""
        truth = self._truth[self.patient.value]
        self._set(self.depth, value=1 + int((truth > 0).sum(axis=(1, 2)).argmax()))
        self._atlas_dice = self._dice_of_atlas()
        self._draw_ranks()
        self._raw = {name: predicted[self.patient.value].float().numpy() for name, predicted in self._predicted.items()}
        self._shape_and_decide()

    def _shape_and_decide(self):
        """The probabilities, with the mean shape where it is wanted."""
        self._probabilities = self._raw
        if self.afterwards.value == SHAPE and self._shape is not None:
            self._probabilities = {name: self._shaped(p) for name, p in self._raw.items()}
        self._decide()

    def _shaped(self, probabilities):
        given = probabilities[None] if self._deep else probabilities[None, :, 0]
        shaped = self._shape.apply(given, self.weight.value)[0]
        return shaped if self._deep else shaped[:, None]

    def _decide(self):
        """The masks, their numbers, and all pictures."""
        threshold = self.threshold.value if self.decide.value == ABOVE else None
        looked, truth = self.looked.value, self._truth[self.patient.value]
        self._masks = {}
        for name, probabilities in self._probabilities.items():
            mask = decided(probabilities, looked, threshold)
            if self.afterwards.value in (LARGEST, EACH_LARGEST):
                mask = _kept(mask, self.afterwards.value == LARGEST, self._deep)
            self._masks[name] = mask if looked == ALL else mask * (mask == looked)
        self._wanted = truth if looked == ALL else truth * (truth == looked)
        self.scores = self._scored(self.mask, self._wanted, self._live, looked)
        self._dices = {
            name: float(self._scored(mask, self._wanted, False, looked)["dice"].mean())
            for name, mask in self._masks.items()
        }
        self._wrong = {error: where.sum(axis=(1, 2)) for error, where in panels.errors(self.mask, self._wanted).items()}
        self._curve = dice_by_threshold(self._probabilities[self.model.value], truth, looked)
        self._strip = (
            panels.strip((self._wanted > 0).sum(axis=(1, 2)), self._wrong, self._width) if self._deep else None
        )
        _show_if(self._has_gates, self.attention)
        self._numbers.value = self._table()
        self._draw_picture()
        self._draw_curve()

    @property
    def mask(self):
        return self._masks[self.model.value]

    def _dice_of_atlas(self):
        """(foreground classes,) Dice of the atlas, or None where there is none."""
        if self._atlas is None:
            return None
        image = _without_depth(_grey(self._images[self.patient.value][None]), self._deep)
        mask = self._atlas.predict(image)[0]
        return self._scored(mask if self._deep else mask[None], self._truth[self.patient.value], distances=False)[
            "dice"
        ]

    def _gate_maps(self, at):
        """The gates of the present run for a slice, from fine to coarse: arrays (h, w), 0…1."""
        run, image = self._runs[self.model.value], self._images[self.patient.value]
        volumes = run.card.dims == 3
        key = (self.model.value, self.patient.value, None if volumes else at)
        if key not in self._gates:
            x = normalise((image if volumes else image[:, at])[None])
            with torch.inference_mode(), evaluating(run.model):
                maps = run.model.attention(to_model(x, device_of(run.model)))
            self._gates = {key: [gate[0, 0].float().cpu().numpy() for gate in maps]}
        maps = self._gates[key]
        return [gate[at * len(gate) // image.shape[1]] for gate in maps] if volumes else maps

    # Words ------------------------------------------------------------------------------------

    @property
    def _of(self):
        """What is looked at, in words."""
        return "foreground" if self.looked.value == ALL else self._card.classes[self.looked.value]

    def _settings(self):
        rule = f"{LIKELIEST} everywhere"
        if self.decide.value == ABOVE:
            rule = f"{self._of} where its probability is above {self.threshold.value:.2f}"
        after = self.afterwards.value
        if after == SHAPE:
            after = "nothing yet" if self._shape is None else f"weight {self.weight.value:.2f} of the mean shape"
        return f"{self._names[self.patient.value]}, {self.looked.label}; {rule}; afterwards {after}."

    def _rows(self):
        """(name, Dice, HD95, surface Dice, truth, predicted, atlas) of each class looked at, as texts; sizes in ml."""
        looked = range(1, len(self._card.classes)) if self.looked.value == ALL else [self.looked.value]
        rows = []
        for row, number in enumerate(looked):
            atlas = "–" if self._atlas_dice is None else f"{self._atlas_dice[number - 1]:.3f}"
            sizes = (self._size((each == number).sum()) for each in (self._wanted, self.mask))
            rows.append((self._card.classes[number], *self._texts(row), *sizes, atlas))
        if len(rows) > 1:
            atlas = "–" if self._atlas_dice is None else f"{self._atlas_dice.mean():.3f}"
            sizes = (self._size((each > 0).sum()) for each in (self._wanted, self.mask))
            rows.append(("mean, sum", *self._texts(slice(None)), *sizes, atlas))
        return rows

    def _texts(self, row):
        digits = {"dice": 3, "hd95": 2, "surface_dice": 3}
        return [
            f"{np.mean(self.scores[name][row]):.{places}f}" if name in self.scores else "–"
            for name, places in digits.items()
        ]

    def _size(self, pixels):
        """In ml, mm² or pixels, with three digits."""
        spacing = self._card.spacing
        if spacing is None:
            return f"{pixels}"
        size = pixels * math.prod(spacing) / (1000 if self._deep else 1)
        return f"{size:.{max(0, 2 - math.floor(math.log10(size)))}f}" if size else "0"

    @property
    def _units(self):
        """Of distances, and of sizes."""
        if self._card.spacing is None:
            return "px", "voxels" if self._deep else "px"
        return "mm", "ml" if self._deep else "mm²"

    def _table(self):
        length, size = self._units
        heads = ("", "Dice", f"HD95, {length}", "surface Dice", f"truth, {size}", f"predicted, {size}", "atlas' Dice")
        cell = "style='text-align:right;padding:0 0.4em;vertical-align:bottom;white-space:normal'"
        left = "style='text-align:left;font-weight:normal;white-space:nowrap'"
        head = "".join(f"<th scope='col' {cell}>{text}</th>" for text in heads)
        body = ""
        for name, *texts in self._rows():
            cells = "".join(f"<td {cell}>{text}</td>" for text in texts)
            body += f"<tr><th scope='row' {left}>{html.escape(name)}</th>{cells}</tr>"
        title = html.escape(f"{self._names[self.patient.value].capitalize()}, {self.model.value}")
        return (
            f"<h4 style='margin:0.4em 0 0 0'>{title}</h4><div style='overflow-x:auto'>"
            f"<table style='line-height:1.35;max-width:430px'><tr>{head}</tr>{body}</table></div>"
            f"<div style='line-height:1.35;max-width:420px'>{html.escape(self._rank_sentence())}</div>"
        )

    def _row_sentences(self):
        length, size = self._units
        return [
            f"{name}: Dice {dice} (atlas {atlas}), HD95 {far} {length}, surface Dice {near}, "
            f"truth {true} {size}, predicted {predicted} {size}."
            for name, dice, far, near, true, predicted, atlas in self._rows()
        ]

    def _rank_sentence(self):
        """How the present patient stands among all, as the run was tested."""
        tested, number = self._tested[self.model.value], self.patient.value
        place = 1 + int((tested > tested[number]).sum())
        return (
            f"As {self.model.value} was tested, {self._names[number]} has Dice {tested[number]:.3f}: "
            f"place {place} of {len(tested)}, whose median is {np.median(tested):.3f}."
        )

    # Pictures ---------------------------------------------------------------------------------

    @property
    def _tile(self):
        return panels.tile_size(self._truth.shape[-2:])

    @property
    def _width(self):
        """Of a row of panels, in page pixels."""
        return COLUMNS * (self._tile[0] / drawing.SCALE + drawing.GAP)

    def _draw_picture(self):
        at = self.depth.value - 1
        pixels = drawing.flat(self._images[self.patient.value][None], at)[0]
        picture, truth = panels.tile(pixels, self._tile), self._wanted[at]
        filled = self.look.value == FILLED
        first = [
            panels.panel(picture, "Image", [self._place(at)], self._tile),
            panels.panel(panels.regions(picture, truth, filled), "Truth", self._present(truth), self._tile),
        ]
        present = self.model.value
        rows = [[*first, *self._answer(present, picture, at, filled)]]
        for name in self._runs:
            if name != present:
                rows.append(
                    [panels.words(self._beside(name, at), 2, self._tile), *self._answer(name, picture, at, filled)]
                )
        gates = self._gate_maps(at) if self.attention.value and self._has_gates else []
        if gates:
            about = ["Attention gates", "bright: the skip passes", "dark: it is held back"]
            shown = [self._gate_panel(gate, picture, truth) for gate in gates[: COLUMNS - 2]]
            rows.append([panels.words(about, 2, self._tile), *shown])
        sheet = panels.grid(rows)
        if self._deep:
            sheet = drawing.below(panels.at(self._strip, at, len(self._truth[0])), sheet)
        self._picture_sheet, self._picture_alt = sheet, self._described(at, gates)
        self._put(self._picture, sheet, self._picture_alt)

    def _beside(self, name, at):
        """Another run's numbers beside those of the present one."""
        lines = [f"The same with {name}"]
        for each in (name, self.model.value):
            count = int((self._masks[each][at] != self._wanted[at]).sum())
            lines.append(
                f"{each}: Dice {self._dices[each]:.3f}" + (f", {count} px wrong in this slice" if self._deep else "")
            )
        return lines

    @property
    def _has_gates(self):
        return isinstance(self._runs[self.model.value].model, AttentionUNet)

    def _place(self, at):
        name = self._names[self.patient.value]
        return f"{name}, slice {at + 1} of {len(self._wanted)}" if self._deep else name

    def _present(self, mask):
        """The classes of a slice, as lines of a caption."""
        found = [(int(number), self._card.classes[number]) for number in np.unique(mask[mask > 0])]
        return found or [f"no {self._of} here"]

    def _answer(self, name, picture, at, filled):
        """What a run says of a slice: its mask, what is wrong with it, and its probabilities."""
        mask, truth, probabilities = self._masks[name][at], self._wanted[at], self._probabilities[name][:, at]
        counts = {error: int(where.sum()) for error, where in panels.errors(mask, truth).items()}
        caption = [(error, f"{count} px {error}") for error, count in counts.items() if count or error != SWAPPED]
        if self.uncertain.value:
            title, values, colours = "Uncertainty", entropy(probabilities), UNCERTAINTY
            about = [(colours, "dark: sure; bright: all"), "classes alike (entropy)", "white: the truth's outline"]
        else:
            inside = 1 - probabilities[0] if self.looked.value == ALL else probabilities[self.looked.value]
            title, values, colours = "Probability", inside, PROBABILITY
            about = [(colours, "dark 0, bright 1"), f"of {self._of}", "white: the truth's outline"]
        heading = name if len(self._runs) > 1 else "Prediction"
        return [
            panels.panel(panels.regions(picture, mask, filled), heading, self._present(mask), self._tile),
            panels.panel(panels.wrong(picture, mask, truth), "Where it is wrong", caption, self._tile),
            panels.panel(panels.ring(panels.heat(values, self._tile, colours), truth > 0), title, about, self._tile),
        ]

    def _gate_panel(self, gate, picture, truth):
        mixed = (0.3 * picture + 0.7 * panels.heat(gate, self._tile, PROBABILITY)).astype(np.uint8)
        title = f"Gate, {' x '.join(map(str, gate.shape))}"
        caption = [f"{gate.min():.2f} … {gate.max():.2f}, mean {gate.mean():.2f}"]
        return panels.panel(panels.ring(mixed, truth > 0), title, caption, self._tile)

    def _draw_curve(self):
        threshold = self.threshold.value if self.decide.value == ABOVE else None
        dice, name = self._dices[self.model.value], self._names[self.patient.value]
        mean = "mean Dice" if self.looked.value == ALL else f"Dice, {self._of}"
        self._curve_sheet = panels.curve(self._curve, threshold, dice, f"{mean}, by threshold")
        best = int(self._curve.argmax())
        self._curve_alt = (
            f"Curve of {mean} of {name} against the threshold: highest, {self._curve[best]:.3f}, at"
            f" {(best + 1) / 100:.2f}; now {dice:.3f}."
        )
        self._put(self._curve_shown, self._curve_sheet, self._curve_alt)

    def _draw_ranks(self):
        name, number = self._names[self.patient.value], self.patient.value
        atlas = None if self._atlas_dice is None else float(self._atlas_dice.mean())
        self._ranks_sheet = panels.ranks(self._tested, number, name, atlas)
        each = "; ".join(
            f"{run} {values[number]:.3f}, all {values.min():.3f} to {values.max():.3f}"
            for run, values in self._tested.items()
        )
        beside = "" if atlas is None else f"; the atlas without a network {atlas:.3f}"
        self._ranks_alt = f"Dots: Dice of all {len(self._truth)} as tested, {name} marked: {each}{beside}."
        self._put(self._ranks_shown, self._ranks_sheet, self._ranks_alt)

    def _described(self, at, gates):
        """The picture in words, for who cannot see it."""
        present, words = self.model.value, []
        for name, mask in self._masks.items():
            count = {error: int(where.sum()) for error, where in panels.errors(mask[at], self._wanted[at]).items()}
            errors = ", ".join(f"{number} {error}" for error, number in count.items())
            words.append(f"{name}: {int((mask[at] > 0).sum())} pixels, {errors}; Dice {self._dices[name]:.3f} in all.")
        shown = "uncertainty" if self.uncertain.value else f"probability of {self._of}"
        means = ", ".join(f"{' x '.join(map(str, gate.shape))}, mean {gate.mean():.2f}" for gate in gates)
        after = f" Gates: {means}." if gates else ""
        total = self._wrong[MISSED] + self._wrong[EXTRA] + self._wrong[SWAPPED]
        where = f" Most is wrong in slice {1 + int(total.argmax())}, {int(total.max())} pixels." if self._deep else ""
        return (
            f"{self._place(at)}: image, truth, prediction of {present}, where it is wrong, {shown}. {self._settings()}"
            f" The truth has {int((self._wanted[at] > 0).sum())} pixels of {self._of} here."
            f" {' '.join(words)}{where}{after}"
        )


def _checked(run, dataset, split, others):
    """The data set, and {name: Run} of all runs; or an `InputError`."""
    if isinstance(run, Run) and run.card.task != "segmentation":
        other = "explorers.classification"
        if run.card.task == "regression" or run.card.frames:
            other = "explorers.sequence" if run.card.frames else "figures.predicted"
        raise InputError(f"this explorer shows segmentations, but the run is {run.card.task}; use {other}")
    if not isinstance(others, dict):
        raise InputError('others must be named runs, such as {"fcn": run}')
    dataset = own_dataset(run, dataset)
    first = getattr(run.model, "name", type(run.model).__name__)
    runs = {f"{first}, this run" if first in others else first: run, **others}
    cases = getattr(dataset, split, None) if split in ("val", "test") else None
    if cases is None:
        raise InputError(f'split is {split!r}; choose "val" or "test": of the training images no predictions are kept')
    wanted = _stacked(cases.masks, dataset.card.dims, _count(cases))
    for name, each in runs.items():
        if not isinstance(each, Run) or each.card.task != "segmentation":
            raise InputError(f"{name!r} is no Run of a segmentation; train one with fit(…)")
        if split not in each.predictions:
            read = " or ".join(map(repr, each.predictions)) or "none yet"
            raise InputError(
                f"the run {name!r} has no predictions for the {split} split (it has {read}); finish it with fit(…,"
                " resume=…), or name another split"
            )
        truth, slices = each.labels[split], wanted
        if each.card.dims == 2:
            slices = wanted.flatten(0, 1)
        if (
            each.card.classes != dataset.card.classes
            or truth.shape != slices.shape
            or not bool((truth == slices).all())
        ):
            raise InputError(
                f"the {split} masks of the run {name!r} and of this {dataset.card.name} differ; give runs on the same"
                " images"
            )
        if not bool(each.predictions[split].isfinite().all()):
            raise InputError(f"the predictions of {name!r} hold NaN; train it again with a lower learning rate")
    return dataset, runs


def _count(cases):
    """How many volumes a split has; of single images, how many images."""
    return len(cases) if cases.patients is None else len(cases.patients.unique_consecutive())


def _stacked(slices, dims, count):
    """Slices (N, …) as that many volumes (P, D, …); single images have D = 1; volumes stay."""
    return slices if dims == 3 else slices.unflatten(0, (count, -1))


def _stacked_channels(images, dims, count):
    """Images or probabilities (N, C, …) as volumes (P, C, D, H, W)."""
    return images if dims == 3 else _stacked(images, dims, count).transpose(1, 2)


def _without_depth(volumes, deep):
    """(P, D, H, W), or (P, H, W) where images have no slices."""
    return volumes if deep else volumes[:, 0]


def _grey(images):
    """uint8 (P, C, D, H, W) as a grey array (P, D, H, W), as the atlas takes it."""
    return images.float().mean(dim=1).round().to(torch.uint8).numpy()


def _kept(mask, whole, deep):
    """A mask (D, H, W) without islands."""
    kept = largest_component(_without_depth(mask[None], deep), whole=whole)[0]
    return kept if deep else kept[None]


def _show_if(wanted, *controls):
    for control in controls:
        control.layout.display = None if wanted else "none"
