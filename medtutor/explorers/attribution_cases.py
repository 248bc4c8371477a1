"""Which image the attribution explorer looks at: one of the data set, or one of the user's own."""

import numpy as np

from ..data.card import SPLITS
from ..widgets import Choice, Pages, State, Upload, derived, on, sentences
from ..widgets.explorer import answering
from .cases import EVERY, RIGHT, WRONG, Case, as_image, case_of, of_class, with_outcome
from .classification import OUTCOMES
from .own_image import emptied, read_image, uploaded


class AttributionCases:
    """The controls of an `AttributionExplorer` that choose its `case`."""

    split = Choice("split", list(reversed(SPLITS)), meaning="of the data set")
    of = Choice("label", lambda self: [("all classes", -1), *self._classes], meaning="only images with this label")
    outcome = Choice(
        "outcome",
        lambda self: [EVERY, RIGHT, WRONG, *(OUTCOMES if self._card.task == "binary" else ())],
        meaning="only images of which the model has said this",
    )

    @derived
    def _fitting(self):
        return self._list_cases()

    pages = Pages(1, lambda self: self._listed, description="image", meaning="which of the images that fit")
    upload = Upload(
        "your own picture",
        accept=".png,.jpg,.jpeg",
        visible=lambda self: self._card.dims == 2,
        width="14em",
        meaning="a PNG or JPEG file to look at; it stays on this machine",
    )
    _own = State(None)  # (the `Case` of a picture of the user's, what was done to it)

    @derived
    def case(self):
        if self._own is not None:
            return self._own[0]
        listed = self._listed[self.pages.shown]
        return case_of(self._dataset, self.split.value, int(listed[0])) if len(listed) else None

    def _list_cases(self):
        """The numbers of the cases that the controls ask for, and what is to be said of them."""
        split, outcome = self.split.value, self.outcome.value
        labels, answers = getattr(self._dataset, split).labels, self._run.predictions.get(split)
        found, note = of_class(labels, self.of.value), ""
        if outcome != EVERY and answers is None:
            note = f"The run has kept no answers for the {split} split: images are shown whatever the model says."
        elif outcome != EVERY:
            found &= with_outcome(labels, answers, self._card.task, outcome)
        return np.flatnonzero(found), note

    @property
    def _listed(self):
        return self._fitting[0]

    @on(split)
    @on(of)
    @on(outcome)
    @on(pages)
    def _to_the_set(self, *_):
        self._own = None

    @answering
    def _back(self, _):
        if self._own is not None:
            self._own = None  # where there is one image only, the page has not turned

    @on(upload)
    def _given(self):
        if not (file := uploaded(self.upload.value)):
            return
        name, content = file
        with self._quiet:
            emptied(self.upload)  # so that the same file can be given again
        image, sentence = read_image(content, self._card, name)
        self._look_at_own(image, f"your own picture {name}", f"read_image({name!r}, run.card)[0]", sentence)

    @answering
    def show(self, image):
        """Look at an image of your own: uint8, (H, W), (C, H, W) or (H, W, C), or a volume (D, H, W) or (C, D, H, W).

        Its size and channels must be those of the run's images; a sentence says so if they are not.
        """
        image = as_image(image, self._run)
        self._look_at_own(
            image, "your own image", "image  # the array that you gave to show()", "Your own image. It has no label."
        )

    @answering
    def _look_at_own(self, image, name, code, sentence):
        self._given_images += 1
        self._own = Case(("own", self._given_images), image, name, code), sentence

    @sentences(read_out=True)
    def _note(self):
        if self._own is None:
            return [self._fitting[1]] if self._fitting[1] else []
        return [f"{self._own[1]} Previous and next go back to the data set."]
