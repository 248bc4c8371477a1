"""What the attribution explorer draws and says: the case, its maps over it, a square in it, and the probabilities."""

import html
from dataclasses import replace

import numpy as np

from ..data.card import SPLITS
from ..explanation import METHODS
from ..explanation.overlay import scale, strength
from ..widgets import Check, Choice, Slider, derived, drawing, markup, panel, panels
from ..widgets.controls import status
from .answers import few_threads
from .cases import FILLS, covered
from .sentences import SIGNS, about, answer_table, described, score_table


class AttributionLooks:
    """How an `AttributionExplorer` shows its maps, in pictures and words, and the square that covers a region."""

    sign = Choice("show", [(words, sign) for sign, words in SIGNS.items()], meaning="which part of the map")
    opacity = Slider("opacity", 0.0, 1.0, 0.05, start=0.7, meaning="of the map over the image")
    colours = Choice("colours", list(panels.COLOURS), meaning="of the map")
    size = Slider(
        "size", 0, lambda self: min(self._card.shape), label="4em", meaning="side of the square that covers, in pixels"
    )
    row = Slider(
        "row",
        1,
        lambda self: self._card.shape[-2],
        start=lambda self: self._card.shape[-2] // 2,
        label="4em",
        meaning="of the middle of the square, from above",
    )
    column = Slider(
        "column",
        1,
        lambda self: self._card.shape[-1],
        start=lambda self: self._card.shape[-1] // 2,
        label="4em",
        meaning="of the middle of the square, from the left",
    )
    fill = Choice("fill", list(FILLS.items()), label="4em", meaning="what the square is filled with")
    depth = Slider(
        "slice",
        1,
        lambda self: self._slices,
        start=lambda self: self._slices // 2 + 1,
        visible=lambda self: self._card.dims == 3,
        label="4em",
        meaning="which slice of the volume",
    )
    outlined = Check(
        "outline the known evidence",
        start=True,
        visible=lambda self: any(getattr(self._dataset, name).evidence is not None for name in SPLITS),
        meaning="whether the place that tells the class is marked, where it is known",
    )

    # A region covered -------------------------------------------------------------------------

    @property
    def square(self):
        """(top, left, bottom, right) of the covered square, in pixels from 0; None where nothing is covered."""
        size = self.size.value
        if not size or self.case is None:
            return None
        height, width = self._card.shape[-2:]
        top = min(max(self.row.value - 1 - size // 2, 0), height - size)
        left = min(max(self.column.value - 1 - size // 2, 0), width - size)
        return top, left, top + size, left + size

    @derived
    def _state(self):
        """All that is shown: the maps, the image with its square, and what the model says to it."""
        found = replace(self._asked)
        if self.square is not None and found.logits is not None:
            found.covered = covered(found.case.image, self.square, self.fill.value, self.depth.value - 1)
            with few_threads(self._card.shape):
                found.after = self._answers.probabilities(found.covered)[1]
        return found

    @property
    def _slice(self):
        """The slice of a volume that is shown, from 0; None of an image."""
        return self.depth.value - 1 if self._card.dims == 3 else None

    # What is shown ----------------------------------------------------------------------------

    @property
    def _phantom(self):
        # A phantom's model is about phantoms, also where it looks at another picture.
        return self._run.provenance == "phantom"

    # Pictures -------------------------------------------------------------------------------

    def _composed(self):
        sheet, alt = self._pictured()
        state, width = self._state, sheet.width / drawing.SCALE
        rows = [
            (name, before if after is None else after, remark) for name, before, after, remark in self._answer_rows()
        ]
        words = ["The probabilities are those with the square."] if state.after else []
        words += [self._warning()] if self._warning() else []
        own = self._own_words  # before anything is explained
        parts = [drawing.written([self._title, *own], width), sheet]
        parts += [drawing.written(words, width)] if words else []
        parts += [panels.bars(rows, width)] if rows else []
        each = "; ".join(f"{name} {value:.3f}{f' ({remark})' if remark else ''}" for name, value, remark in rows)
        alt = " ".join([*own, alt, *words, f"Probabilities: {each}." if rows else ""]).strip()
        return drawing.below(*parts), alt

    def _pictured(self):
        """The sheet, and its alt text."""
        state = self._state
        if state.case is None:
            text = f"No image fits: {self._wanted()}."
            return panels.row(panels.panel(panels.words(text), "No image", "")), text
        pixels = drawing.flat(state.case.image[None], self._slice)[0]
        shown = pixels if state.covered is None else drawing.flat(state.covered[None], self._slice)[0]
        label = "" if state.case.label is None else f"label: {self._named(state.case.label)}"
        name = state.case.name[0].upper() + state.case.name[1:] + self._of_slice
        sheet = panels.row(
            panels.panel(self._marked(shown), name, label), *self._map_panels(state.map, state.question, pixels)
        )
        alt = f"{self._said_of_case()} {self._described(state.map, state.question)}"
        if state.other is not None:
            alike = ""
            if state.alike is not None:
                alike = f"Similarity of the two maps: {state.alike:.2f} (1 the same places, 0 unrelated)."
            beside = panels.panel(panels.words(alike, "white"), "Compared with", "")
            sheet = drawing.below(sheet, panels.row(beside, *self._map_panels(state.second, state.other, pixels)))
            alt = f"{alt} Compared with: {self._described(state.second, state.other)} {alike}".strip()
        return sheet, alt

    def _map_panels(self, answer, question, pixels):
        """Two tiles: the map alone, and over the image."""
        title = METHODS[self.method.value].title if question is None else question.title
        if answer is None:
            return [
                panels.panel(panels.words(self._why_no_map(question)), title, ""),
                panels.panel(self._marked(pixels), "", ""),
            ]
        values = self._values(answer)
        values = values if self._slice is None else values[self._slice]
        colours = panels.COLOURS[self.colours.value]
        over = panels.over(pixels.astype(np.float32), values, colours, self.opacity.value)
        # A map without negative values has no need of the half that speaks against.
        sign = "positive" if self.sign.value == "both" and not answer.signed else self.sign.value
        caption = f"for '{answer.target.name}', {answer.probability:.3f}"
        return [
            panels.panel(self._marked(panels.alone(values, colours)), title, panels.legend(self.colours.value, sign)),
            panels.panel(self._marked(over), "Over the image", caption),
        ]

    def _why_no_map(self, question):
        if self._state.problem is not None:
            return "No map: see the sentence above."
        if not METHODS[question.method].live:
            return "Slow: press 'compute the map' below."
        return f"About {self._state.wait:.1f} s: press 'compute the map' below."

    def _values(self, answer):
        """The map as it is shown, -1…1; scaled before its sign is chosen, so that the parts compare."""
        values = strength(answer.map, scale(answer.map))
        if self.sign.value == "positive":
            return values.clip(min=0)
        if self.sign.value == "negative":
            return values.clip(max=0)
        return np.abs(values) if self.sign.value == "absolute" else values

    def _marked(self, pixels):
        """A tile with the outline of the evidence and the frame of the covered square, where they are wanted."""
        tile, evidence = panels.tile(pixels), self.case.evidence
        if self.outlined.value and evidence is not None:
            mask = (evidence if self._slice is None else evidence[self._slice]).numpy()
            tile = panels.outlined(tile, mask)
        return tile if self.square is None else panels.framed(tile, self._card.shape[-2:], self.square)

    # Words ----------------------------------------------------------------------------------

    def _wanted(self):
        label = "any label" if self.of.value < 0 else f"label {self.of.label}"
        return f"{self.split.value} split, {label}, outcome {self.outcome.value}"

    @property
    def _of_slice(self):
        return "" if self._slice is None else f", slice {self._slice + 1} of {self._card.shape[0]}"

    def _said_of_case(self):
        label = "" if self.case.label is None else f", label {self._named(self.case.label)}"
        square = "" if self.square is None else f" A square of {self.size.value} pixels is covered."
        return f"{self._title}: {self.case.name}{label}{self._of_slice}, its map, and the map over the image.{square}"

    def _described(self, answer, question):
        if answer is None:
            return "No map."
        return described(answer, question, self._values(answer), self.sign.value, self._answers.scores_of(question))

    def _named(self, classes):
        if isinstance(classes, tuple):
            return ", ".join(self._card.classes[number] for number in classes) or "none"
        return self._card.classes[classes]

    def _answer_rows(self):
        """(class, probability, probability with the square or None, remark) of each class; none where the model is
        broken.
        """
        state = self._state
        if state.logits is None:
            return []
        label = state.case.label if isinstance(state.case.label, tuple) else (state.case.label,)
        explained = () if state.question is None else (state.question.target,)
        marks = {"predicted": self._called(state.probabilities), "label": label, "explained": explained}
        rows = []
        for number, (before, after) in enumerate(
            zip(state.probabilities, state.after or [None] * len(state.probabilities))
        ):
            remark = ", ".join(word for word, numbers in marks.items() if number in numbers)
            rows.append((self._card.classes[number], before, after, remark))
        return rows

    def _called(self, probabilities):
        """The numbers of the classes that such probabilities name."""
        if self._card.task == "multi-label":
            return tuple(number for number, value in enumerate(probabilities) if value > 0.5)
        return (int(np.argmax(probabilities)),)

    def _warning(self):
        state = self._state
        if state.logits is None or state.case.label is None:
            return ""
        label = state.case.label if isinstance(state.case.label, tuple) else (state.case.label,)
        called = self._called(state.probabilities)
        if called == label:
            return ""
        return (
            f"The model is wrong: it says {self._named(called)}, the label is {self._named(label)}. "
            "The map shows why it erred, not where the truth is."
        )

    def _said_in_test(self):
        """A run may be tested on several views of each image: where its answer was another, outcomes go by that one."""
        split, number = self.case.key
        if self._state.is_own or split not in self._run.predictions:
            return ""
        called = self._called(self._run.predictions[split][number].tolist())
        if called == self._called(self._state.probabilities):
            return ""
        return (
            f"When the run was tested, on several views of the image, it said {self._named(called)}; 'outcome' goes by"
            " that."
        )

    # On the page ----------------------------------------------------------------------------

    @panel
    def _picture(self):
        _ = self._scored  # the alt text has the scores
        return self._pictured()

    @markup
    def _answer(self):
        """The probabilities, with prediction and label named, and a warning where they differ."""
        rows, warning = self._answer_rows(), self._warning()
        if warning:
            warning = f'<div role="status" style="line-height:1.35"><b>&#9888; {html.escape(warning)}</b></div>'
        return f"{answer_table(rows)}{warning}{status(self._said_in_test())}" if rows else ""

    @markup
    def _about(self):
        """What is said of the method."""
        found = self._asked.map
        return about(self.method.value, found and found.layer)

    @markup
    def _table(self):
        found, _ = self._asked, self._scored
        evidence = None if found.case is None else found.case.evidence
        share = None if evidence is None else evidence.float().mean().item()
        return score_table([question.title for question in found.questions], self.scores, share)
