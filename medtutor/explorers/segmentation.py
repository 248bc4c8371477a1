"""The segmentation explorer: where is the outline wrong, and what would put it right?

A Dice of 0.86 says that something is wrong, not what. Here every error has its
place: slice by slice, what was missed, what is too much, what was given to the
wrong class; what the network thought there; and what a threshold, a clean-up
afterwards or another network does to it.
"""

from ..data import Dataset
from ..models.unet import AttentionUNet
from ..training.run import Run
from ..widgets import (
    MESSAGE,
    Button,
    Buttons,
    Check,
    Choice,
    Column,
    Explorer,
    Slider,
    State,
    answering,
    derived,
    drawing,
    markup,
    on,
    panel,
    slow,
)
from ..widgets.arrangement import composed
from . import segmentation_charts as charts
from . import segmentation_panels as panels
from . import segmentation_why as reasons
from .segmentation_masks import ABOVE, LIKELIEST, NONE, SHAPE
from .segmentation_masks import SegmentationMasks as Masks
from .segmentation_parts import (
    ALL,
    BEST,
    NUMBER,
    WORST,
    Numbers,
    Patients,
    checked,
    dice_by_threshold,
    gates_of,
    in_words,
)
from .sentences import about

OUTLINE, FILLED = "outlines", "filled"
LIVE = 300_000  # voxels of a patient: of larger ones the distances take too long to follow a slider
LIST = {"width": "19em", "label": "4em"}


def segmentation(
    run: Run, dataset: Dataset | None = None, split: str = "val", others: dict[str, Run] | None = None
) -> "SegmentationExplorer":
    """The explorer of a run's segmentations: a `SegmentationExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of a segmentation, of slices, images or volumes
    dataset  the `Dataset` that it was trained on; left out: loaded by the name on the run's card
    split    "val" or "test"
    others   {name: Run}: other runs on the same images, to be shown side by side

    Images without slices, such as a user's own, are looked at one by one. Runs on slices
    and runs on volumes of the same patients may stand side by side.

    Raises `InputError` where a run is of another task or other images, or has no
    predictions of the split.

    >>> import numpy as np
    >>> import medtutor as mt
    >>> masks = np.zeros((4, 16, 16), np.uint8)
    >>> masks[:, 4:12, 4:12] = 1
    >>> data = mt.from_arrays(*[(100 * masks, masks)] * 3, task="segmentation")
    >>> model = mt.build("unet", data, widths=(4, 8))
    >>> run = mt.fit(model, data, mt.default_recipe(data.card, epochs=1), progress=False)
    >>> explorer = mt.explorers.segmentation(run, data)
    >>> explorer.looked.value, explorer.mask.shape
    (1, (1, 16, 16))
    """
    return SegmentationExplorer(run, dataset, split, others)


class SegmentationExplorer(Masks, Explorer):
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
    why, explain          Dropdown: a method of attribution, or off; Button: its map of the region that is predicted
    job                   `Job`: computes what the buttons ask for, and the mean shape when it is first wanted

    mask                  uint8 (D, H, W): the present mask of the present run and patient
    scores                {"dice": (classes,), "hd95": …, "surface_dice": …}, of the classes looked at;
                          without the last two where the button was not pressed
    """

    heading = "Where is it wrong?"
    width = "860px"

    staying = State()  # the patient whom another run finds; None: the first of the list

    order = Choice("order", [WORST, BEST, NUMBER], meaning="in which order the list stands, by Dice as tested", **LIST)
    model = Choice(
        "run", lambda self: [*self._runs], visible=lambda self: len(self._runs) > 1, meaning="whose numbers", **LIST
    )
    patient = Choice(
        lambda self: self._patients.what,
        lambda self: self._listed,
        start=lambda self: self._listed[0][1] if self.staying is None else self.staying,
        meaning="whose images are shown, with the Dice as tested",
        **LIST,
    )
    looked = Choice(
        "look at",
        lambda self: [("all classes", ALL)] * self._many + [*zip(self._classes[1:], range(1, len(self._classes)))],
        visible=lambda self: self._many,
        meaning="the class that masks, errors and numbers are of",
        **LIST,
    )
    depth = Slider(
        "slice",
        1,
        lambda self: self._truth.shape[1],
        start=lambda self: 1 + int((self._truth[self.number] > 0).sum(axis=(1, 2)).argmax()),
        visible=lambda self: self._patients.deep,
        meaning="which slice is shown; a patient begins with the one that has most foreground",
        width="860px",
    )
    look = Buttons("draw", [OUTLINE, FILLED], width="auto", meaning="how masks are drawn")
    uncertain = Check("uncertainty instead of probability", meaning="whether it is shown where the classes are close")
    attention = Check(
        "attention gates", visible=lambda self: self._has_gates, meaning="whether it is shown what the gates let pass"
    )
    distances = Button(
        "HD95 and surface Dice",
        icon="calculator",
        width="16em",
        visible=lambda self: not self._live,
        meaning="compute how far the borders are apart",
    )

    why = Choice(
        "why here?",
        lambda self: reasons.methods_of(self._runs[self.model.value]),
        meaning="the method that explains why the network gives this region to the class",
        width="22em",
    )
    explain = Button(
        "explain the region",
        icon="search",
        width="14em",
        visible=lambda self: self.why.value != reasons.OFF,
        meaning="compute the map of what speaks for the class over the region of the prediction",
    )

    def __init__(self, run, dataset=None, split="val", others=None):
        dataset, self._runs = checked(run, dataset, split, {} if others is None else others)
        self._phantom, self._classes = dataset.is_phantom, dataset.card.classes
        self._title = f"{next(iter(self._runs))} on {dataset.title}, {split} split"
        self.call = f'segmentation(run, dataset, "{split}"{", others" if others else ""})'
        self._patients, self._gates, self._many = Patients(dataset, split, self._runs), {}, len(self._classes) > 2
        self._truth, self._predicted, self._tested = (
            getattr(self._patients, name) for name in ("truth", "predicted", "tested")
        )
        self._live = self._truth[0].size <= LIVE
        super().__init__()

    def _scored(self, mask, truth, distances=True, looked=ALL):
        return self._patients.scored(mask, truth, distances, looked)

    # Whom and what is looked at ---------------------------------------------------------------

    @on(order, False)
    @on(model, True)
    def _stay(self, wanted):
        self.staying = self.patient.value if wanted else None

    @derived
    def _listed(self):
        return self._patients.listed(self.model.value, self.order.value, self.staying)

    @derived
    def number(self):
        """Of the present patient."""
        return self.patient.value

    @derived
    def _wanted(self):
        """The truth of what is looked at, (D, H, W)."""
        truth, looked = self._truth[self.number], self.looked.value
        return truth if looked == ALL else truth * (truth == looked)

    @property
    def _of(self):
        return in_words(self.looked.value, self._classes)

    @on(Masks.job)
    @on(distances)
    @on(explain)
    def _without_shape(self):
        """Where a mean shape is wanted and there is none, the explorer goes on without: there is one job at a time."""
        if self.afterwards.value == SHAPE and self._shape is None:
            self._set(self.afterwards, value=NONE)

    @answering
    def _failed(self, error):
        self._without_shape()
        super()._failed(error)

    # Numbers ----------------------------------------------------------------------------------

    @slow(distances)
    def _far(self):
        mask, truth, looked = self.mask, self._wanted, self.looked.value

        def work(tell):
            tell(0.1, "how far the borders are apart")
            return self._scored(mask, truth, looked=looked)

        return work

    @slow(explain)
    def _reason(self):
        """The `Attribution` of the present slice; of a run on volumes, of the whole."""
        run, patient = self._runs[self.model.value], self._patients.images[self.number]
        at = self.depth.value - 1 if run.card.dims == 2 else slice(None)
        return reasons.explaining(run, patient[:, at], self.mask[at], self.looked.value, self.why.value, self._classes)

    @derived
    def scores(self):
        if self._far is not None:
            return self._far
        return self._scored(self.mask, self._wanted, self._live, self.looked.value)

    @derived
    def _dices(self):
        """{run: mean Dice} of what is looked at."""
        truth, looked = self._wanted, self.looked.value
        return {name: self._scored(mask, truth, False, looked)["dice"].mean() for name, mask in self._masks.items()}

    @derived
    def _atlas(self):
        """(foreground classes,) Dice of the atlas, or None."""
        return self._patients.dice_of_atlas(self.number)

    @derived
    def _curve(self):
        return dice_by_threshold(self._probabilities[self.model.value], self._truth[self.number], self.looked.value)

    @derived
    def _strip(self):
        """The chart of the slices without a mark, and what it says in words."""
        return charts.strip(self.mask, self._wanted) if self._patients.deep else None

    def _gate_maps(self, at):
        """The gates of the present run for a slice, from fine to coarse: arrays (h, w), 0…1."""
        run, image = self._runs[self.model.value], self._patients.images[self.number]
        key = (self.model.value, self.number, None if run.card.dims == 3 else at)
        if key not in self._gates:
            self._gates = {key: gates_of(run, image, at)}
        return [gate[at * len(gate) // image.shape[1]] if gate.ndim == 3 else gate for gate in self._gates[key]]

    @property
    def _has_gates(self):
        return isinstance(self._runs[self.model.value].model, AttentionUNet)

    # Words ------------------------------------------------------------------------------------

    @property
    def _name(self):
        return self._patients.names[self.number]

    @property
    def _place(self):
        return self._name + f", slice {self.depth.value} of {self.depth.max}" * self._patients.deep

    def _settings(self):
        rule = f"{LIKELIEST} everywhere"
        if self.decide.value == ABOVE:
            rule = f"{self._of} where its probability is above {self.threshold.value:.2f}"
        after = self.afterwards.value
        if after == SHAPE:
            after = "nothing yet" if self._shape is None else f"weight {self.weight.value:.2f} of the mean shape"
        return f"{self._name}, {self.looked.label}; {rule}; afterwards {after}."

    def _first_line(self):
        return f"{self._title}. {self._settings()}"

    @property
    def _counted(self):
        run, number, looked = self.model.value, self.number, self.looked.value
        return Numbers(self._patients, run, number, looked, self.scores, self._atlas, self._wanted, self.mask)

    @markup
    def _numbers(self):
        return self._counted.table()

    # Pictures ---------------------------------------------------------------------------------

    @panel
    def _picture(self):
        self._picture_sheet, alt = self._draw_picture()
        return self._picture_sheet, alt

    def _draw_picture(self):
        at, present, pixels = self.depth.value - 1, self.model.value, self._patients.images[self.number][None]
        seen = panels.Slice(
            drawing.flat(pixels, at)[0],
            self._wanted[at],
            {name: self._masks[name][at] for name in sorted(self._runs, key=lambda name: name != present)},
            {name: each[:, at] for name, each in self._probabilities.items()},
            self._dices,
            self._classes,
            self.looked.value,
            deep=self._patients.deep,
            filled=self.look.value == FILLED,
            uncertain=self.uncertain.value,
            gates=self._gate_maps(at) if self.attention.value and self._has_gates else [],
        )
        sheet, alt = seen.sheet(self._place), f"{self._place}: {seen.alt(self._settings())}"
        if self._strip is None:
            return sheet, alt
        strip, words = self._strip
        return drawing.below(charts.at(strip, at, self.depth.max), sheet), f"{alt} {words}"

    @panel
    def _curve_shown(self):
        what = "mean Dice" if self.looked.value == ALL else f"Dice, {self._of}"
        return charts.curve(self._curve, self._threshold, self._dices[self.model.value], what, self._name)

    @panel
    def _ranks_shown(self):
        return charts.ranks(
            self._tested, self.number, self._name, None if self._atlas is None else float(self._atlas.mean())
        )

    @panel
    def _why_shown(self):
        found, at = self._reason, self.depth.value - 1
        return found and reasons.shown(found, self._patients.images[self.number], at, self._place)

    @markup
    def _about(self):
        return "" if self.why.value == reasons.OFF else about(self.why.value)

    def _composed(self):
        """The charts stand beside each other, and sentences for the table."""
        kind = type(self)
        sheet, alt = composed(self, [kind._picture, kind._why_shown, [kind._curve_shown, kind._ranks_shown]])
        lines = self._counted.sentences()
        below = drawing.written(lines, sheet.width / drawing.SCALE)
        return drawing.below(sheet, below), " ".join([alt, *lines])

    layout = [
        [patient, order, looked, model],
        depth,
        MESSAGE,
        _picture,
        [look, uncertain, attention],
        [
            Column(
                "430px", "From probabilities to a mask", Masks.decide, Masks.threshold, Masks.afterwards, Masks.weight
            ),
            Column("300px", _curve_shown),
        ],
        [Column("430px", _numbers, distances), Column("300px", _ranks_shown)],
        [why, explain, Masks.job],
        _about,
        _why_shown,
    ]
