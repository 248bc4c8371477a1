"""The fusion explorer: an image and a table, and what either says to models that bring them together.

A patient is an image and two numbers. Here the numbers move, or go missing, and
every model answers at once: those that see one part, those that add two answers
up (late), and those in which one part can change what the other means (early,
gated). Of one model it is shown how much each part has added to its answer, and
how the answer depends on the lab value, for this image and for one with the
other finding. The outcome is drawn from a formula, so the true chance stands
beside all of it: a model that agrees with it has understood.
"""

from collections.abc import Mapping

import numpy as np
import torch
from PIL import ImageDraw
from scipy.special import expit
from torch import nn

from ..data.cohort import AGE, COLUMNS, OUTCOMES, Cohort, chance
from ..explanation.parts import Background, log_odds, see, shapley_values
from ..figures import BLUE, GREEN, GREY, VERMILION
from ..widgets import (
    Button,
    Check,
    Choice,
    Column,
    Explorer,
    Index,
    Slider,
    State,
    derived,
    drawing,
    on,
    panel,
    sentences,
)
from ..widgets.controls import number_of
from ..widgets.drawing import GAP, SCALE
from . import fusion_parts as parts
from .fusion_parts import GRID, LAB, REACH, YEARS

SIDE = 196  # page pixels of the image
OTHER_BARS = "#56B4E9"  # Okabe & Ito's sky blue
MARK = "PHANTOM table and outcome"


def fusion(models: nn.Module | Mapping[str, nn.Module], cohort: Cohort, split: str = "val") -> "FusionExplorer":
    """The explorer of an image and a table in fusion: a `FusionExplorer`, shown by a notebook as a widget.

    models  {name: a trained `Fusion`}, at most 8, such as {"early": …, "late": …}; or one model alone.
            Any network of (images, table) -> logits (B, 2) will do
    cohort  a `Cohort`, such as the models were trained on: its train split is the background of the shares
    split   "train", "val" or "test": whose patients are looked at

    Raises `InputError` for what is no cohort or no model, for models that do not take the
    cohort's images and table, and for an unknown split or kind of cohort.

    >>> import medtutor as mt
    >>> from medtutor import explorers
    >>> from medtutor.data import phantoms
    >>> from medtutor.data.cohort import draw_cohort
    >>> from medtutor.models.hybrid import Fusion
    >>> drawn = phantoms.draw(mt.data.card("breastmnist"), {"train": 40, "val": 10, "test": 10})
    >>> explorer = explorers.fusion({way: Fusion(way=way) for way in ("early", "late")}, draw_cohort(drawn))
    >>> explorer.lab.value = 1.5  # as the slider does
    >>> explorer.row[0].item(), list(explorer.probabilities)
    (1.5, ['early', 'late'])
    """
    return FusionExplorer(models, cohort, split)


class FusionExplorer(Explorer):
    """A patient whose numbers can be changed, and what the models make of it.

    patient, previous, next  whose image, and whose numbers at first; the value is an index of the split, from 0
    model                    Dropdown: the model that is looked at
    lab, age                 sliders: standard deviations, and years
    no_lab, no_age           Checkboxes: the number is missing
    own                      Button: back to this patient's own numbers

    row            float32 (2,): lab value and age as the models get them, standardised, NaN where missing
    probabilities  {name: of the bad outcome}, by every model
    chance         the true one, for these numbers
    shares         `ShapleyValues` of the model that is looked at
    other          index of the nearest patient in the split with the other finding; None where there is none
    curves         {patient: (by the model, true)}: probabilities (62,) over `GRID`, of this image and of the other
    """

    heading, width = "What do image and table say together?", "760px"

    patient = Index("patient", lambda self: len(self._cases), meaning="its number in the split")
    previous = Button("previous", icon="arrow-left", meaning="the patient before, from the first on the last")
    next = Button("next", icon="arrow-right", meaning="the patient after, from the last on the first")
    lab = Slider(
        COLUMNS[LAB],
        -REACH,
        REACH,
        0.1,
        start=lambda self: self._own[0],
        meaning="standard deviations from the mean",
        readout_format="+.1f",
        width="340px",
    )
    age = Slider(
        COLUMNS[YEARS],
        round(AGE[0] - REACH * AGE[1]),
        round(AGE[0] + REACH * AGE[1]),
        start=lambda self: self._own[1],
        meaning="years",
        width="340px",
    )
    no_lab = Check(
        f"{COLUMNS[LAB]} missing", start=lambda self: self._own[2], meaning="the models do not get the lab value"
    )
    no_age = Check(
        f"{COLUMNS[YEARS]} missing", start=lambda self: self._own[3], meaning="the models do not get the age"
    )
    model = Choice(
        "look at model",
        lambda self: list(self._models),
        meaning="whose shares and curves are shown, and whose bar is dark",
        width="300px",
    )
    own = Button(
        "this patient's own values", icon="undo", meaning="lab value and age as they are in the table of the cohort"
    )
    moves = State({})  # {column: its standardised number}, of the sliders that were moved

    def __init__(self, models, cohort, split="val"):
        self._models = parts.checked(models, cohort, split)
        self._cohort, self._cases, self._split = cohort, getattr(cohort, split), split
        self._title = f"{cohort.title}, {split} split"
        self._backgrounds = {name: Background(model, cohort.train) for name, model in self._models.items()}
        self.call = f'fusion(models, cohort, "{split}")'
        super().__init__()

    # What the user did ------------------------------------------------------------------------

    @on(previous, -1)
    @on(next, +1)
    def _step(self, by):
        self.patient.value = (self.patient.value + by) % len(self._cases)

    @on(lab, LAB)
    @on(age, YEARS)
    def _moved(self, column):
        value = number_of(self.lab) if column == LAB else (self.age.value - AGE[0]) / AGE[1]
        self.moves = {**self.moves, column: value}
        self._set((self.no_lab, self.no_age)[column], value=False)  # a number that is moved is known

    @on(patient)
    @on(own)
    def _take_own(self):
        self.moves = {}
        for control, value in zip((self.lab, self.age, self.no_lab, self.no_age), self._own):
            self._set(control, value=value)

    def _code(self):
        """A slider that is moved says that its number is known; where it is missing all the same, that comes last."""
        *lines, last = super()._code().split("\n")
        boxes = ("no_lab", "no_age")
        missing = [f"explorer.{boxes[column]}.value = True" for column in self.moves if self.row[column].isnan()]
        return "\n".join([*lines, *(line for line in missing if line not in lines), last])

    # What follows -----------------------------------------------------------------------------

    @derived
    def _own(self):
        """Where the patient's own numbers put the controls: lab value, age, whether each is missing."""
        own = self._cases.table[self.patient.value]
        lab, age = np.clip(own.nan_to_num(0.0).tolist(), -REACH, REACH)
        return float(lab), round(AGE[0] + AGE[1] * float(age)), *own.isnan().tolist()

    @derived
    def row(self):
        own = self._cases.table[self.patient.value].nan_to_num(0.0).tolist()  # of what was missing: the mean
        values = [self.moves.get(column, value) for column, value in enumerate(own)]
        missing = torch.tensor([self.no_lab.value, self.no_age.value])
        return torch.tensor(values, dtype=torch.float32).masked_fill(missing, float("nan"))

    @derived
    def other(self):
        return parts.nearest_other(self._cases.findings.numpy(), self.patient.value)

    @derived
    def _pair(self):
        """The patients whose images are shown: this one, and the one with the other finding."""
        return [self.patient.value] if self.other is None else [self.patient.value, self.other]

    @derived
    def _seen(self):
        """{name: what the model has seen in both images}: a slider that moves need not wait for that."""
        return {name: see(model, self._cases.images[self._pair]) for name, model in self._models.items()}

    @derived
    def probabilities(self):
        rows = self.row[None]
        return {
            name: float(expit(log_odds(self._models[name], seen[:1], rows))[0]) for name, seen in self._seen.items()
        }

    @derived
    def chance(self):
        return float(chance(self._cohort.kind, self._cases.findings[[self.patient.value]], self.row[None])[0])

    @derived
    def shares(self):
        name, image = self.model.value, self._cases.images[self.patient.value]
        return shapley_values(self._models[name], image, self.row, self._backgrounds[name], seen=self._seen[name][:1])

    @derived
    def _answers(self):
        """{patient: (by the model, true)}, (64,): over `GRID`, the lab value missing, and at the present point."""
        name, findings = self.model.value, self._cases.findings
        return {
            patient: parts.over_lab_values(self._models[name], image, self._cohort.kind, findings[patient], self.row)
            for patient, image in zip(self._pair, self._seen[name])
        }

    @derived
    def curves(self):
        return {patient: (by_model[:-2], true[:-2]) for patient, (by_model, true) in self._answers.items()}

    # Words ------------------------------------------------------------------------------------

    def _finding(self, patient):
        """What the image of a patient shows, by its data set."""
        return self._cohort.card.classes[int(self._cases.findings[patient])]

    @property
    def _numbers(self):
        """The present numbers in words."""
        lab, age = self.row.tolist()
        return (
            "lab value missing" if np.isnan(lab) else f"lab value {lab:+.1f}",
            "age missing" if np.isnan(age) else f"age {AGE[0] + AGE[1] * age:.0f}",
        )

    @property
    def _outcome(self):
        return OUTCOMES[int(self._cases.labels[self.patient.value])]

    @property
    def _each_share(self):
        return ", ".join(f"{part} {value:+.2f}" for part, value in zip(self.shares.names, self.shares.values))

    @sentences(read_out=True)
    def _words(self):
        name, number = self.model.value, self.patient.value
        truth = "the true chance is" if not self.row.isnan().any() else "the true chance, over all that is missing, is"
        words = [
            f"Patient {number + 1}, {self._finding(number)}, {', '.join(self._numbers)}: model {name} says"
            f" {self.probabilities[name]:.2f} for a {OUTCOMES[1]}, {truth} {self.chance:.2f}. With the patient's own"
            f" values there was a {self._outcome}.",
            f"In log-odds: {self.shares.base:+.2f}, the mean of others, {self._each_share}; together"
            f" {self.shares.total:+.2f}.",
        ]
        if self.other is not None:
            by_model, true = self._answers[self.other]
            words.append(
                f"With the image of patient {self.other + 1}, {self._finding(self.other)}, model {name} would say"
                f" {by_model[-1]:.2f}; the true chance would be {true[-1]:.2f}."
            )
        return words

    @sentences
    def _reading(self):
        return (
            "Shares are Shapley values of the log-odds: what a part adds when it joins, the parts not there being those"
            " of other patients, averaged over all orders of joining. What only two parts together say is divided"
            " equally between them. A share tells what the model has made of a part, not whether that is right."
        )

    # Pictures ---------------------------------------------------------------------------------

    @panel
    def _image_shown(self):
        number = self.patient.value
        finding, image = self._finding(number), drawing.flat(self._cases.images[[number]])
        look = {"columns": 1, "rows": 1, "side": SIDE, "colour": GREY}
        return drawing.tiles(image, [finding], title=f"Patient {number + 1}", **look), (
            f"Image of patient {number + 1} of the {self._split} split: {finding}; {self._outcome}."
        )

    @panel
    def _bars_shown(self):
        rows = [
            (name, probability, BLUE if name == self.model.value else OTHER_BARS)
            for name, probability in self.probabilities.items()
        ]
        rows.append(("true chance", self.chance, GREEN))
        each = ", ".join(f"{name} {probability:.3f}" for name, probability in self.probabilities.items())
        return parts.bars(rows, f"Probability of a {OUTCOMES[1]}", self.model.value), (
            f"Bars of the probability of a {OUTCOMES[1]}, {', '.join(self._numbers)}: {each}; true chance"
            f" {self.chance:.3f}."
        )

    @panel
    def _shares_shown(self):
        name, given = self.model.value, self.shares
        return parts.waterfall(given, f"Shares of the answer of model {name}", self._numbers), (
            f"Bars of each part's share of the answer of model {name}, in log-odds, above 0 for a {OUTCOMES[1]}: from"
            f" {given.base:+.2f}, the mean answer for others, {self._each_share}, to {given.total:+.2f}, a probability"
            f" of {expit(given.total):.3f}."
        )

    @panel
    def _charts_shown(self):
        return self._draw_charts()

    def _draw_charts(self):
        name, lab, sheets, words = self.model.value, float(self.row[LAB]), [], []
        for number, (patient, (by_model, true)) in enumerate(self._answers.items()):
            image = drawing.flat(self._cases.images[[patient]])[0]
            title = f"{'This image' if number == 0 else f'Image of patient {patient + 1}'}: {self._finding(patient)}"
            legend = f"line: model {name};  dashed: true chance" if number == 0 else "same numbers, other finding"
            top = parts.above(number, image, title, legend, self._numbers[YEARS])
            sheets.append(drawing.below(top, parts.curves(number, by_model, true, lab)))
            words.append(
                f"{title}: by model {name} from {by_model[0]:.2f} at {-REACH:+g} over {by_model[len(GRID) // 2]:.2f} at"
                f" 0 to {by_model[-3]:.2f} at {REACH:+g}, truly from {true[0]:.2f} to {true[-3]:.2f}; at the present"
                f" point, {self._numbers[LAB]}, {by_model[-1]:.2f}, truly {true[-1]:.2f}."
            )
        if self.other is None:
            words.append("No patient of the split has the other finding.")
            sheets.append(drawing.written(words[-1:], parts.WIDTHS[1]))
        return drawing.beside(*sheets), (
            f"Curves of the probability of a {OUTCOMES[1]} over the lab value, {self._numbers[YEARS]}."
            f" {' '.join(words)}"
        )

    def _finished(self, sheet, alt, small=False):
        """A `Picture` that says what of it is drawn: the table and the outcome, or the images, too."""
        if self._cohort.provenance == "phantom":
            return drawing.finished(
                sheet, f"The table and the outcome are drawn, too. {alt}", phantom=True, small=small
            )
        marked = drawing.below(sheet, drawing.blank(1, 18))
        corner = (marked.width - GAP * SCALE, marked.height - 4 * SCALE)
        ImageDraw.Draw(marked).text(corner, MARK, VERMILION, drawing.font(11, True), anchor="rs")
        return drawing.finished(
            marked, f"{MARK}, drawn by medtutor, beside images of {self._cohort.card.title}. {alt}", small=small
        )

    layout = [
        [_image_shown, Column("480px", [patient, previous, next], [lab, no_lab], [age, no_age], [model, own], _words)],
        [_bars_shown, _shares_shown],
        [_reading],
        "The answer over the lab value, for this image and for the other finding",
        _charts_shown,
    ]
