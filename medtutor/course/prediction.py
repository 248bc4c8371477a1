"""`Prediction`: a guess committed before the run, looked at again after it.

Who has said a number first is surprised by the result, and remembers it. The
guess is kept in a file, so that it survives a restart of the kernel.
"""

from contextlib import suppress

import ipywidgets

from ..checks import items, number, text
from ..errors import InputError, shown
from ..widgets.explorer import Explorer, answering
from .box import Box
from .kept import keep, kept
from .progress import note_prediction


class Prediction(Explorer):
    """A question that is answered with a number or a choice before a run.

    key       names the guess in the file; one per question, such as "01/auc"
    question  plain text
    choices   the answers to choose from, or
    low, high, step  the range of a number, and its steps

    Show it in one cell; in a later one call `reconcile`. Nothing waits for an
    answer: in an unattended run the question is shown and the run goes on.
    Raises `InputError` where neither choices nor a range are given, for choices that are no two or more different
    texts, and for ends and steps that are no numbers.
    """

    def __init__(self, key, question, *, choices=None, low=None, high=None, step=None):
        super().__init__()
        if (choices is None) == (low is None or high is None):
            raise InputError(f"prediction {key!r} needs either choices, or low and high")
        self.key, self.question, self.choices = text("key", key), text("question", question), None
        if choices is not None:
            self.choices = tuple(text("each choice", each) for each in items(choices) or ())
            if len(set(self.choices)) < max(2, len(self.choices)):
                raise InputError(f"prediction {self.key!r} needs two choices or more, each once")
        else:
            low = number("low", low)
            high, step = number("high", high, above=low), None if step is None else number("step", step, above=0)
        self.low, self.high = low, high
        self.guess = self._stored()
        self._build(step)

    def reconcile(self, result, why=""):
        """A `Box` with guess, result and gap, and why it came so.

        result  a number, or one of the choices
        """
        if self.choices and (not isinstance(result, str) or result not in self.choices):
            raise InputError(f"the result {shown(result)} is not one of the choices {', '.join(self.choices)}")
        result = result if self.choices else number("the result", result)
        said = result if self.choices else _number(result)
        if self.guess is None:
            # What a notebook file shows before anybody has guessed must not be the answer.
            return Box(
                "told",
                "You made no guess: go back, commit one, and run on; or open the result.",
                f"It is {said}. {why}".strip(),
                folded=True,
            )
        with suppress(InputError):  # what is kept is for looking back: the lesson goes on without it
            note_prediction(self, result)
        if self.choices:
            mine = "As you said" if self.guess == result else f"You said: {self.guess}"
            return Box("right" if self.guess == result else "told", f"It is: {result}.", f"{mine}. {why}".strip())
        gap = result - self.guess
        words = (
            "exactly that"
            if said == _number(self.guess)
            else f"{_number(abs(gap))} {'more' if gap > 0 else 'less'} than that"
        )
        return Box("told", f"It is {said}.", f"You said {_number(self.guess)}; it is {words}. {why}".strip())

    def still(self, small=False):
        # Never the guess itself: this is what a notebook file keeps for others.
        options = ", ".join(self.choices) if self.choices else f"a number from {self.low:g} to {self.high:g}"
        return Box("open", f"Predict: {self.question}", f"({options}; run the cell to commit a guess)")._repr_html_()

    def _build(self, step):
        heading = ipywidgets.HTML(Box("open", f"Predict: {self.question}")._repr_html_())
        wide = {"description_width": "initial"}
        if self.choices:
            # Not radio buttons: JupyterLab keeps the arrow keys that would move them.
            self.answer = ipywidgets.ToggleButtons(
                options=self.choices, value=self.guess, description="your guess", style=wide | {"button_width": "auto"}
            )
        else:
            middle = self.guess if self.guess is not None else (self.low + self.high) / 2
            step = step or (self.high - self.low) / 100
            self.answer = ipywidgets.BoundedFloatText(
                value=middle, min=self.low, max=self.high, step=step, description="your guess", style=wide
            )
        self.button = ipywidgets.Button(description="Commit", tooltip="keep this guess")
        self._on(self.button, self._commit)
        self.state = ipywidgets.HTML()
        self.box.children = [heading, ipywidgets.HBox([self.answer, self.button]), self.state, self.message, self.keys]
        self._show()

    @answering
    def _commit(self, _=None):
        if self.answer.value is None:
            raise InputError("choose an answer first")
        self.guess = self.answer.value
        self._show()
        self._store()

    def _show(self):
        if self.guess is not None:
            shown = self.guess if self.choices else _number(self.guess)
            self.state.value = Box(
                "told", f"Your guess: {shown}.", "Now run on. You can commit another until you have seen the result."
            )._repr_html_()

    def _stored(self):
        guess = kept().get(self.key)
        if self.choices:
            return guess if guess in self.choices else None
        try:
            number("guess", guess, self.low, self.high)
        except InputError:  # of another question, or of nobody
            return None
        return guess

    def _store(self):
        try:
            keep(self.key, self.guess)
        except InputError as error:
            raise InputError(f"the guess holds until the kernel stops; {error}") from error


def _number(value):
    return f"{value:.3g}"
