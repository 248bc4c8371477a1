"""The fusion explorer: an image and a table, and what either says to models that bring them together.

A patient is an image and two numbers. Here the numbers move, or go missing, and
every model answers at once: those that see one part, those that add two answers
up (late), and those in which one part can change what the other means (early,
gated). Of one model it is shown how much each part has added to its answer, and
how the answer depends on the lab value, for this image and for one with the
other finding. The outcome is drawn from a formula, so the true chance stands
beside all of it: a model that agrees with it has understood.
"""

import html
from dataclasses import dataclass
from functools import cache

import ipywidgets
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from scipy.special import expit
from torch import nn

from ..data.card import SPLITS
from ..data.cohort import AGE, COLUMNS, KINDS, OUTCOMES, Cohort, chance
from ..errors import InputError, unknown
from ..explanation.parts import Background, check_answers, log_odds, see, shapley_values
from ..figures import BLUE, GREEN, GREY, VERMILION
from ..widgets import drawing
from ..widgets.controls import choice, column, heading, number_of, slider, status
from ..widgets.drawing import FAINT, GAP, INK, SCALE
from ..widgets.explorer import Explorer, answering

MODELS = 8  # beside each other; more would not be live
REACH = 3.0  # standard deviations, to either side, that the sliders and the curves go
# The curves' lab values. The true chance may jump at 0: two of them are beside it, none on it.
GRID = np.concatenate([np.linspace(-REACH, -0.1, 30), [-1e-6, 1e-6], np.linspace(0.1, REACH, 30)])
MISSING = 3.9  # where the charts have the place of a lab value that is missing

SIDE, THUMB = 196, 56  # page pixels of the image, and of the one beside the second curve
HALF = 370  # page pixels of the bars, and of the shares
CHARTS, HEIGHT, ABOVE = (420, 314), 230, 66  # page pixels: widths, height of the axes, of what stands above them
POINT, OTHER_BARS = "#F0E442", "#56B4E9"  # Okabe & Ito's yellow and sky blue
LAB, YEARS = 0, 1  # columns of the table
MARK = "PHANTOM table and outcome"
READING = (
    "Shares are Shapley values of the log-odds: what a part adds when it joins, the parts not there being those of"
    " other patients, averaged over all orders of joining. What only two parts together say is divided equally between"
    " them. A share tells what the model has made of a part, not whether that is right."
)


def fusion(models, cohort, split="test"):
    """The explorer of an image and a table in fusion: a `FusionExplorer`, shown by a notebook as a widget.

    models  {name: a trained `Fusion`}, at most 8, such as {"early": …, "late": …}; or one model alone.
            Any network of (images, table) -> logits (B, 2) will do
    cohort  a `Cohort`, such as the models were trained on: its train split is the background of the shares
    split   "train", "val" or "test": whose patients are looked at

    Raises `InputError` for what is no cohort or no model, for models that do not take the
    cohort's images and table, and for an unknown split or kind of cohort.
    """
    return FusionExplorer(models, cohort, split)


class FusionExplorer(Explorer):
    """A patient whose numbers can be changed, and what the models make of it.

    patient, previous, next  whose image, and whose numbers at first; numbers in the split, from 0
    model                    Dropdown: the model that is looked at
    lab, age                 sliders: standard deviations, and years
    no_lab, no_age           Checkboxes: the number is missing
    own                      Button: back to this patient's own numbers

    row            float32 (2,): lab value and age as the models get them, standardised, NaN where missing
    probabilities  {name: of the bad outcome}, by every model
    chance         the true one, for these numbers
    shares         `ShapleyValues` of the model that is looked at
    other          number of the nearest patient in the split with the other finding; None where there is none
    curves         {patient: (by the model, true)}: probabilities (62,) over `GRID`, of this image and of the other
    """

    def __init__(self, models, cohort, split="test"):
        super().__init__()
        self._models = _checked(models, cohort, split)
        self._cohort, self._cases, self._split = cohort, getattr(cohort, split), split
        self._title = f"{cohort.title}, {split} split"
        self._backgrounds = {name: Background(model, cohort.train) for name, model in self._models.items()}
        self._charts = _charts()
        self._make_controls()
        self._arrange()
        self._take_patient()

    def _composed(self):
        width = self._charts_sheet.width / SCALE
        words = drawing.written([*self._sentences(), READING], width - self._image_sheet.width / SCALE)
        sheet = drawing.below(
            drawing.written([f"{self._title}."], width),
            drawing.beside(self._image_sheet, words),
            drawing.beside(self._bars_sheet, drawing.blank(width - 2 * HALF, 1), self._shares_sheet),
            self._charts_sheet,
        )
        return sheet, f"{self._title}. {self._image_alt} {self._bars_alt} {self._shares_alt} {self._charts_alt}"

    # The controls -----------------------------------------------------------------------------

    def _make_controls(self):
        self.patient = ipywidgets.BoundedIntText(
            value=0,
            min=0,
            max=len(self._cases) - 1,
            description="patient",
            layout={"width": "12em"},
            style={"description_width": "7em"},
        )
        self.previous = ipywidgets.Button(description="previous", icon="arrow-left", layout={"width": "7em"})
        self.next = ipywidgets.Button(description="next", icon="arrow-right", layout={"width": "7em"})
        self.model = choice("look at model", list(self._models))
        low, high = (round(AGE[0] + sign * REACH * AGE[1]) for sign in (-1, 1))
        self.lab = slider(COLUMNS[LAB], 0.0, -REACH, REACH, 0.1, "standard deviations from the mean")
        self.lab.readout_format = "+.1f"
        self.age = slider(COLUMNS[YEARS], round(AGE[0]), low, high, 1, "years")
        self.no_lab, self.no_age = (
            ipywidgets.Checkbox(value=False, description=f"{name} missing", indent=False, layout={"width": "12em"})
            for name in COLUMNS
        )
        self.own = ipywidgets.Button(description="this patient's own values", icon="undo", layout={"width": "16em"})
        self._on(self.patient, self._other_patient)
        self._on(self.previous, self._step, -1)
        self._on(self.next, self._step, +1)
        self._on(self.model, self._other_model)
        for number, (moved, ticked) in enumerate(((self.lab, self.no_lab), (self.age, self.no_age))):
            self._on(moved, self._moved, number)
            self._on(ticked, self._ticked)
        self._on(self.own, self._went_back)

    def _arrange(self):
        self._image_shown, self._bars_shown, self._shares_shown, self._charts_shown = (
            ipywidgets.HTML(layout={"max_width": "100%"}) for _ in range(4)
        )
        self._words = ipywidgets.HTML()
        wrapping = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="98%", max_width="760px")
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        controls = (
            ipywidgets.HBox([self.patient, self.previous, self.next], layout=row),
            ipywidgets.HBox([self.lab, self.no_lab], layout=row),
            ipywidgets.HBox([self.age, self.no_age], layout=row),
            ipywidgets.HBox([self.model, self.own], layout=row),
            self._words,
        )
        for moved in (self.lab, self.age):
            moved.layout.width = "340px"
        self.model.layout.width = "300px"
        self.box.children = (
            ipywidgets.HTML(
                f"<h3 style='margin:0'>What do image and table say together?</h3>{html.escape(self._title)}"
            ),
            self.message,
            ipywidgets.HBox([self._image_shown, column("480px", *controls)], layout=wrapping),
            ipywidgets.HBox([self._bars_shown, self._shares_shown], layout=wrapping),
            ipywidgets.HTML(
                f'<div style="line-height:1.35"><small>{READING}</small></div>', layout={"max_width": "760px"}
            ),
            heading("The answer over the lab value, for this image and for the other finding"),
            self._charts_shown,
            self.keys,
        )

    # What the user did ------------------------------------------------------------------------

    def _step(self, by):
        self.patient.value = (self.patient.value + by) % len(self._cases)

    @answering
    def _other_patient(self, _):
        self._take_patient()

    @answering
    def _other_model(self, _):
        self._answer()

    @answering
    def _moved(self, number):
        self._values[number] = number_of(self.lab) if number == LAB else (self.age.value - AGE[0]) / AGE[1]
        self._set((self.no_lab, self.no_age)[number], value=False)  # a number that is moved is known
        self._answer()

    @answering
    def _ticked(self, _):
        self._answer()

    @answering
    def _went_back(self, _):
        self._take_numbers()

    # The state --------------------------------------------------------------------------------

    @property
    def row(self):
        missing = torch.tensor([self.no_lab.value, self.no_age.value])
        return torch.tensor(self._values, dtype=torch.float32).masked_fill(missing, float("nan"))

    def _finding(self, patient):
        """What the image of a patient shows, by its data set."""
        return self._cohort.card.classes[int(self._cases.findings[patient])]

    def _take_patient(self):
        """The image of the chosen patient, the nearest with the other finding, and the patient's own numbers."""
        number = self.patient.value
        others = np.flatnonzero(self._cases.findings.numpy() != int(self._cases.findings[number]))
        self.other = int(others[np.abs(others - number).argmin()]) if len(others) else None
        self._shown = [number] if self.other is None else [number, self.other]
        # An image goes through each model once; a slider that moves need not wait for that.
        self._seen = {name: see(model, self._cases.images[self._shown]) for name, model in self._models.items()}
        self._draw_image()
        self._take_numbers()

    def _take_numbers(self):
        """The patient's own numbers, on the sliders and off."""
        own = self._cases.table[self.patient.value]
        missing = own.isnan().tolist()
        self._values = own.nan_to_num(0.0).tolist()  # on moving back from "missing": the mean
        lab, age = np.clip(self._values, -REACH, REACH)
        self._set(self.lab, value=float(lab))
        self._set(self.age, value=round(AGE[0] + AGE[1] * float(age)))
        self._set(self.no_lab, value=missing[LAB])
        self._set(self.no_age, value=missing[YEARS])
        self._answer()

    def _answer(self):
        """What all models say of the present numbers, and all that is shown of it."""
        row, name, number = self.row, self.model.value, self.patient.value
        model = self._models[name]
        self.probabilities = {
            each: float(expit(log_odds(self._models[each], seen[:1], row[None]))[0])
            for each, seen in self._seen.items()
        }
        self.chance = float(chance(self._cohort.kind, self._cases.findings[[number]], row[None])[0])
        image, seen = self._cases.images[number], self._seen[name]
        self.shares = shapley_values(model, image, row, self._backgrounds[name], seen=seen[:1])
        rows = row.repeat(len(GRID) + 2, 1)  # the curve, the lab value missing, and the present point
        rows[:-2, LAB], rows[-2, LAB] = torch.from_numpy(GRID), float("nan")
        self.curves, self._unknown, self._here = {}, {}, {}
        for place, patient in enumerate(self._shown):
            findings = self._cases.findings[[patient]].expand(len(rows))
            by_model = expit(log_odds(model, seen[place : place + 1].expand(len(rows), *seen.shape[1:]), rows))
            true = chance(self._cohort.kind, findings, rows)
            self.curves[patient] = by_model[:-2], true[:-2]
            self._unknown[patient], self._here[patient] = zip(by_model[-2:], true[-2:])
        self._draw_bars()
        self._draw_shares()
        self._draw_charts()
        self._words.value = "".join(status(sentence) for sentence in self._sentences())

    # Words ------------------------------------------------------------------------------------

    def _numbers(self):
        """The present numbers in words."""
        lab, age = self.row.tolist()
        return (
            "lab value missing" if np.isnan(lab) else f"lab value {lab:+.1f}",
            "age missing" if np.isnan(age) else f"age {AGE[0] + AGE[1] * age:.0f}",
        )

    def _sentences(self):
        name, number = self.model.value, self.patient.value
        truth = "the true chance is" if not self.row.isnan().any() else "the true chance, over all that is missing, is"
        words = [
            f"Patient {number}, {self._finding(number)}, {', '.join(self._numbers())}: model {name} says"
            f" {self.probabilities[name]:.2f} for a {OUTCOMES[1]}, {truth} {self.chance:.2f}. With the patient's own"
            f" values there was a {self._outcome()}."
        ]
        each = ", ".join(f"{part} {value:+.2f}" for part, value in zip(self.shares.names, self.shares.values))
        words.append(
            f"In log-odds: {self.shares.base:+.2f}, the mean of others, {each}; together {self.shares.total:+.2f}."
        )
        if self.other is not None:
            by_model, true = self._here[self.other]
            words.append(
                f"With the image of patient {self.other}, {self._finding(self.other)}, model {name} would say"
                f" {by_model:.2f}; the true chance would be {true:.2f}."
            )
        return words

    def _outcome(self):
        return OUTCOMES[int(self._cases.labels[self.patient.value])]

    # Pictures ---------------------------------------------------------------------------------

    def _draw_image(self):
        number = self.patient.value
        finding, outcome = self._finding(number), self._outcome()
        self._image_sheet = drawing.tiles(
            drawing.flat(self._cases.images[[number]]),
            [finding],
            title=f"Patient {number}",
            columns=1,
            rows=1,
            side=SIDE,
            colour=GREY,
        )
        self._image_alt = f"Image of patient {number} of the {self._split} split: {finding}; {outcome}."
        self._put(self._image_shown, self._image_sheet, self._image_alt)

    def _draw_bars(self):
        rows = [
            (name, probability, BLUE if name == self.model.value else OTHER_BARS)
            for name, probability in self.probabilities.items()
        ]
        self._bars_sheet = _bars(
            [*rows, ("true chance", self.chance, GREEN)], f"Probability of a {OUTCOMES[1]}", self.model.value
        )
        each = ", ".join(f"{name} {probability:.3f}" for name, probability in self.probabilities.items())
        self._bars_alt = (
            f"Bars of the probability of a {OUTCOMES[1]}, {', '.join(self._numbers())}: {each}; true chance"
            f" {self.chance:.3f}."
        )
        self._put(self._bars_shown, self._bars_sheet, self._bars_alt)

    def _draw_shares(self):
        name, given = self.model.value, self.shares
        self._shares_sheet = _waterfall(given, f"Shares of the answer of model {name}", self._numbers())
        each = ", ".join(f"{part} {value:+.2f}" for part, value in zip(given.names, given.values))
        self._shares_alt = (
            f"Bars of each part's share of the answer of model {name}, in log-odds, above 0 for a {OUTCOMES[1]}: from"
            f" {given.base:+.2f}, the mean answer for others, {each}, to {given.total:+.2f}, a probability of"
            f" {expit(given.total):.3f}."
        )
        self._put(self._shares_shown, self._shares_sheet, self._shares_alt)

    def _draw_charts(self):
        name, lab, sheets, words = self.model.value, float(self.row[LAB]), [], []
        for number, (patient, width) in enumerate(zip(self._shown, CHARTS)):
            by_model, true = self.curves[patient]
            image = drawing.flat(self._cases.images[[patient]])[0]
            title = f"{'This image' if number == 0 else f'Image of patient {patient}'}: {self._finding(patient)}"
            legend = f"line: model {name};  dashed: true chance" if number == 0 else "same numbers, other finding"
            here, truly = self._here[patient]
            chart = self._charts[number].at(by_model, true, self._unknown[patient], lab, here)
            sheets.append(drawing.below(_above(image, title, legend, self._numbers()[YEARS], width), chart))
            words.append(
                f"{title}: by model {name} from {by_model[0]:.2f} at {-REACH:+g} over {by_model[len(GRID) // 2]:.2f} at"
                f" 0 to {by_model[-1]:.2f} at {REACH:+g}, truly from {true[0]:.2f} to {true[-1]:.2f}; at the present"
                f" point, {self._numbers()[LAB]}, {here:.2f}, truly {truly:.2f}."
            )
        if self.other is None:
            words.append("No patient of the split has the other finding.")
            sheets.append(drawing.written(words[-1:], CHARTS[1]))
        self._charts_sheet = drawing.beside(sheets[0], drawing.blank(2 * HALF - sum(CHARTS), 1), sheets[1])
        self._charts_alt = (
            f"Curves of the probability of a {OUTCOMES[1]} over the lab value, {self._numbers()[YEARS]}."
            f" {' '.join(words)}"
        )
        self._put(self._charts_shown, self._charts_sheet, self._charts_alt)

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


def _checked(models, cohort, split):
    """{name: model} that all answer the patients of the cohort; or an `InputError`."""
    if not isinstance(cohort, Cohort):
        raise InputError(f"{type(cohort).__name__} is no cohort; make one of a data set with draw_cohort(dataset)")
    if cohort.kind not in KINDS:
        raise unknown("kind of cohort", cohort.kind, KINDS)
    if split not in SPLITS:
        raise unknown("split", split, list(SPLITS))
    if isinstance(models, nn.Module):
        models = {getattr(models, "way", type(models).__name__): models}
    if (
        not isinstance(models, dict)
        or not 1 <= len(models) <= MODELS
        or not all(isinstance(name, str) and name for name in models)
    ):
        raise InputError(
            f'models must be {{name: model}}, at most {MODELS}, such as {{"early": …, "late": …}}, or one model'
        )
    cases = getattr(cohort, split)
    if not len(cases):
        raise InputError(f"the {split} split holds no patient; choose another one")
    for name, model in models.items():
        try:
            check_answers(model, cases.images[:2], cases.table[:2])
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return dict(models)


# Bars -----------------------------------------------------------------------------------------


def _bars(rows, title, marked):
    """Probabilities as a sheet: rows of (name, probability, colour); the name `marked` is bold."""
    line, top, place, long = 21, 26, 118, 190
    sheet = drawing.blank(HALF, top + line * len(rows) + 24)
    pen, bottom = ImageDraw.Draw(sheet), top + line * len(rows)
    pen.text((GAP * SCALE, 4 * SCALE), title, INK, drawing.font(12, True))
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = (place + share * long) * SCALE
        pen.line((x, (top - 2) * SCALE, x, bottom * SCALE), fill="#b0b0b0" if share == 0.5 else "#e4e4e4", width=2)
        pen.text((x, (bottom + 2) * SCALE), f"{share:g}", FAINT, drawing.font(10), anchor="ma")
    for number, (name, probability, colour) in enumerate(rows):
        y, bold = (top + line * number) * SCALE, name == marked
        name = drawing.shortened(name, place - 3 * GAP, 11, bold)
        pen.text(((place - GAP) * SCALE, y + 2 * SCALE), name, INK, drawing.font(11, bold), anchor="ra")
        left = place * SCALE
        pen.rectangle((left, y + 2 * SCALE, left + max(probability * long * SCALE, 2), y + 16 * SCALE), fill=colour)
        pen.text(((place + long + GAP) * SCALE, y + 2 * SCALE), f"{probability:.3f}", INK, drawing.font(11, bold))
    return sheet


def _waterfall(given, title, numbers):
    """`ShapleyValues` as bars, each of which begins where the one above has ended, from the base to the total.

    numbers  what the columns of the table are at present, in words
    """
    line, top, place, long = 24, 26, 118, 140
    names = ["mean of others", given.names[0], *numbers, "together"]
    bottom = top + line * len(names)
    sheet = drawing.blank(HALF, bottom + 40)
    pen, steps = ImageDraw.Draw(sheet), given.steps
    reach = max(4, 2 * int(np.ceil((np.abs(steps).max() + 0.2) / 2)))
    tick = next(size for size in (2, 4, 8, 16, 32, 64, reach) if reach / size < 3 or size == reach)

    def across(value):
        return (place + (value / reach + 1) / 2 * long) * SCALE

    pen.text((GAP * SCALE, 4 * SCALE), drawing.shortened(title, HALF - 2 * GAP, 12, True), INK, drawing.font(12, True))
    for value in range(-(reach // tick) * tick, reach + 1, tick):
        x = across(value)
        pen.line((x, (top - 2) * SCALE, x, bottom * SCALE), fill="#b0b0b0" if value == 0 else "#e4e4e4", width=2)
        pen.text((x, (bottom + 2) * SCALE), f"{value:+d}" if value else "0", FAINT, drawing.font(10), anchor="ma")
        probability = f"{expit(value):.2f}" if abs(value) < 5 else ("≈ 1" if value > 0 else "≈ 0")
        pen.text((x, (bottom + 16) * SCALE), probability, FAINT, drawing.font(10), anchor="ma")
    for words, y in (("log-odds", 2), ("probability", 16)):
        pen.text(((place - 4 * GAP) * SCALE, (bottom + y) * SCALE), words, FAINT, drawing.font(10), anchor="ra")
    for number, name in enumerate(names):
        y, whole = (top + line * number) * SCALE, number in (0, len(names) - 1)
        pen.text(
            ((place - GAP) * SCALE, y + 3 * SCALE),
            drawing.shortened(name, place - 2 * GAP, 11, whole),
            INK,
            drawing.font(11, whole),
            anchor="ra",
        )
        if whole:
            end, begin = (steps[0] if number == 0 else steps[-1]), None
            text = f"{end:+.2f}, p {expit(end):.2f}"
            x = across(end)
            pen.rectangle((x - 4, y + 3 * SCALE, x + 4, y + 18 * SCALE), fill=INK)
        else:
            begin, end = steps[number - 1], steps[number]
            text = f"{end - begin:+.2f}"
            left, right = sorted((across(begin), across(end)))
            pen.rectangle(
                (left, y + 3 * SCALE, max(right, left + 2), y + 18 * SCALE), fill=VERMILION if end >= begin else BLUE
            )
        if number < len(names) - 1:  # down to where the next one begins
            x = across(end)
            pen.line((x, y + 18 * SCALE, x, y + (line + 3) * SCALE), fill=GREY, width=2)
        pen.text(((place + long + GAP) * SCALE, y + 3 * SCALE), text, INK, drawing.font(11, whole))
    return sheet


# Curves ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Chart:
    """Axes, drawn once; curves and points are drawn on a copy.

    corners  pixels (left, top, right, bottom) of lab values -3…3 and probabilities 1…0
    """

    sheet: object
    corners: tuple

    def _pixel(self, lab, probability):
        left, top, right, bottom = self.corners
        return left + (lab / REACH + 1) / 2 * (right - left), bottom + probability * (top - bottom)

    def at(self, by_model, true, unknown, lab, here):
        """The sheet with both curves, what is said where the lab value is missing, and the present point.

        by_model, true  (62,) over `GRID`
        unknown         both where the lab value is missing
        lab, here       the present point; lab is NaN where it is missing
        """
        sheet = self.sheet.copy()
        pen = ImageDraw.Draw(sheet)
        _dashed(pen, [self._pixel(*place) for place in zip(GRID, true)], GREEN)
        pen.line([self._pixel(*place) for place in zip(GRID, by_model)], fill=BLUE, width=5, joint="curve")
        x, y = self._pixel(MISSING, unknown[1])
        _dashed(pen, [(x - 20, y), (x + 20, y)], GREEN)
        x, y = self._pixel(MISSING, unknown[0])
        pen.line((x - 20, y, x + 20, y), fill=BLUE, width=5)
        x, y = self._pixel(MISSING if np.isnan(lab) else np.clip(lab, -REACH, REACH), here)
        pen.line((x, self.corners[1], x, self.corners[3]), fill=GREY, width=2)
        pen.ellipse((x - 11, y - 11, x + 11, y + 11), fill=POINT, outline=INK, width=3)
        return sheet


@cache
def _charts():
    """The empty axes of both curves: the same in every explorer."""
    made, dpi = [], 100
    for number, width in enumerate(CHARTS):
        figure = Figure(figsize=(width / dpi, HEIGHT / dpi), dpi=dpi * SCALE)
        left, right, bottom, top = 50 / width, 1 - 10 / width, 42 / HEIGHT, 1 - 8 / HEIGHT
        axes = figure.add_axes((left, bottom, right - left, top - bottom))
        axes.set(xlim=(-REACH - 0.1, MISSING + 0.4), ylim=(-0.02, 1.02), yticks=np.linspace(0, 1, 5))
        ticks = range(-3, 4) if number == 0 else range(-2, 3, 2)
        axes.set_xticks([*ticks, MISSING], [*(f"{value:+d}" if value else "0" for value in ticks), "missing"])
        for height in (0.25, 0.5, 0.75):
            axes.axhline(height, color="#b0b0b0" if height == 0.5 else "#e4e4e4", linewidth=0.8, zorder=0)
        axes.axvline(REACH + 0.2, color="#b0b0b0", linewidth=0.8)
        axes.set_xlabel(
            "lab value (standard deviations from the mean)" if number == 0 else "lab value", fontsize=8, labelpad=2
        )
        axes.set_ylabel(f"probability of a {OUTCOMES[1]}", fontsize=8, labelpad=3)
        axes.tick_params(labelsize=7.5)
        axes.spines[["top", "right"]].set_visible(False)
        sheet = drawing.background(figure)
        (x0, y0), (x1, y1) = axes.transData.transform([(-REACH, 0), (REACH, 1)])
        made.append(_Chart(sheet, (x0, figure.bbox.height - y1, x1, figure.bbox.height - y0)))
    return made


def _above(image, title, legend, age, width):
    """What stands above a curve: the image small, a title, and what the lines are."""
    sheet = drawing.blank(width, ABOVE)
    height, across = image.shape[:2]
    size = round(across * THUMB * SCALE / max(height, across)), round(height * THUMB * SCALE / max(height, across))
    sheet.paste(
        Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.BILINEAR), (50 * SCALE, GAP * SCALE)
    )
    pen, left = ImageDraw.Draw(sheet), 50 + THUMB + 2 * GAP
    for number, (words, bold) in enumerate(((title, True), (legend, False), (age, False))):
        text = drawing.shortened(words, width - left - GAP, 11, bold)
        pen.text((left * SCALE, (8 + 18 * number) * SCALE), text, INK, drawing.font(11, bold))
    return sheet


def _dashed(pen, places, colour, on=16, off=10):
    """A dashed line through places in pixels."""
    places = np.asarray(places)
    far = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))])
    for start in np.arange(0, far[-1], on + off):
        stops = np.concatenate([[start], far[(far > start) & (far < start + on)], [min(start + on, far[-1])]])
        pen.line(
            [(np.interp(stop, far, places[:, 0]), np.interp(stop, far, places[:, 1])) for stop in stops],
            fill=colour,
            width=5,
        )
