"""Which image the attribution explorer looks at: one of the data set, or one of the user's own."""

import numpy as np
import torch

from ..errors import InputError
from ..explanation.familiar import features_of, is_up_to_date, known, limit_of, nearest
from ..explanation.subject import Subject
from ..widgets import Button, Choice, Pages, State, Upload, derived, on, sentences, slow
from ..widgets.explorer import answering
from .answers import few_threads
from .cases import EVERY, RIGHT, WRONG, Case, as_image, case_of, of_class, with_outcome
from .classification import OUTCOMES
from .own_image import emptied, read_image, uploaded

AT_ONCE = 1_000_000  # pixels of validation images up to which nobody waits for their features
SHARE = 0.05  # of the validation images that may be called unlike the others
NOT_OF_VOLUMES = (
    "Whether the model has seen anything like it cannot be said of volumes here: only images are compared with the"
    " validation images."
)
NOT_YET = (
    "Whether the model has seen anything like it is not known yet: press 'compare with the validation images' before"
    " you trust what follows."
)


def likeness(distance: float, usual: torch.Tensor) -> str:
    """Sentences: whether a picture is farther from the validation images than they are from each other.

    distance  from it to the nearest of them, in the network's features
    usual     (N,): of each of them to the nearest other one

    >>> likeness(4.2, torch.arange(101.0) / 30)[:79]
    "In the model's own features this picture is farther from every validation image"
    """
    limit, alarms = limit_of(usual, SHARE)
    if limit <= 0:
        return (
            "Whether the model has seen anything like it cannot be said: nearly all validation images have the same"
            " features as another one."
        )
    away = f"{distance:.3g}" if distance > 1e-4 * limit else "0"  # the last digits are those of the batch
    most, rate = f"{1 - SHARE:.0%}", f"{alarms} of the {len(usual)} validation images ({alarms / len(usual):.1%})"
    if distance > limit:
        return (
            f"In the model's own features this picture is farther from every validation image ({away}) than {most} of"
            f" them are from their nearest other one (up to {limit:.3g}): the model has seen nothing like it, so trust"
            f" neither its answer nor the map. False alarms: {rate} would be called so, too."
        )
    return (
        f"In the model's own features this picture is no farther from the nearest validation image ({away}) than {most}"
        f" of them are from their nearest other one (up to {limit:.3g}): nothing unusual. That limit calls {rate}"
        " unusual; and a picture within it may still be one that the model cannot know."
    )


class AttributionCases:
    """The controls of an `AttributionExplorer` that choose its `case`."""

    split = Choice("split", ["val", "test", "train"], meaning="of the data set; test is for the end")
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
    _own = State(None)  # (the `Case` of a picture of the user's, what was done to it)
    upload = Upload(
        "your own picture",
        accept=".png,.jpg,.jpeg,.dcm,.nii,.gz",
        visible=lambda self: self._card.dims == 2,
        width="14em",
        meaning="a PNG, JPEG, DICOM or NIfTI file to look at; it stays on this machine",
    )
    upload_volume = Upload(
        "your own volume",
        accept=".nii,.gz",
        visible=lambda self: self._card.dims == 3,
        width="14em",
        meaning="a NIfTI file to look at; it stays on this machine",
    )
    compare = Button(
        "compare with the validation images",
        icon="play",
        width="20em",
        visible=lambda self: self._likeness_waits,
        meaning="whether the model has seen anything like your own picture",
    )

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
        self._read(self.upload, "picture")

    @on(upload_volume)
    def _given_volume(self):
        self._read(self.upload_volume, "volume")

    def _read(self, upload, kind):
        if not (file := uploaded(upload.value)):
            return
        name, content = file
        with self._quiet:
            emptied(upload)  # so that the same file can be given again
        image, sentence = read_image(content, self._card, name)
        self._look_at_own(image, f"your own {kind} {name}", f"read_image({name!r}, run.card)[0]", sentence)

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

    # Whether the model has seen anything like it ------------------------------------------------

    @slow(compare)
    def _compared_with_val(self):
        def work(tell):
            with few_threads(self._card.shape):
                self._known = known(self._run, self._dataset.val.images, tell)

        return work

    @derived
    def _likeness_found(self):
        """(sentence on how far the user's own picture is from the validation images, whether that waits for the
        button).
        """
        if self._own is None:
            return "", False
        _ = self._askings, self._compared_with_val  # the features may have become known, or others
        if self._card.dims == 3:
            return NOT_OF_VOLUMES, False
        image, val = self._own[0].image[None], self._dataset.val.images
        try:
            with few_threads(self._card.shape):
                if self._known is not None and not is_up_to_date(self._known, self._run, val):
                    self._known = None
                if self._known is None and val.numel() > AT_ONCE:
                    return NOT_YET, True
                if self._known is None:
                    self._known = known(self._run, val)
                point = features_of(Subject.of(self._run), image, self._known.layer)
        except InputError as error:
            return f"Whether the model has seen anything like it cannot be said: {error}.", False
        return likeness(float(nearest(point, self._known.features)), self._known.usual), False

    @property
    def _likeness_waits(self):
        return self._likeness_found[1]

    @property
    def _own_words(self):
        """What is said of the user's own picture before it is explained."""
        return [] if self._own is None else [self._own[1], self._likeness_found[0]]

    @sentences(read_out=True)
    def _likeness(self):
        return [self._likeness_found[0]] if self._likeness_found[0] else []

    @sentences(read_out=True)
    def _note(self):
        if self._own is None:
            return [self._fitting[1]] if self._fitting[1] else []
        return [f"{self._own[1]} Previous and next go back to the data set."]
