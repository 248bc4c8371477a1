"""From a segmentation network's probabilities to a mask: the rule, and what is done to the mask afterwards."""

from ..models.postprocessing import MeanShape
from ..widgets import Background, Buttons, Slider, State, derived, on, slow

LIKELIEST, ABOVE = "likeliest class", "threshold"
NONE, LARGEST, EACH_LARGEST, SHAPE = "nothing", "largest piece", "largest of each class", "mean shape"


class SegmentationMasks:
    """The controls of a `SegmentationExplorer` that decide on its masks, and these."""

    job = Background(always=False)
    shape_wanted = State(False)  # once the mean shape was wanted, it is kept

    decide = Buttons("decide by", [LIKELIEST, ABOVE], meaning="how probabilities become a mask")
    threshold = Slider(
        *("threshold", 0.01, 0.99, 0.01),
        start=0.5,
        visible=lambda self: self.decide.value == ABOVE,
        meaning="a pixel belongs to the class where its probability is above",
    )
    afterwards = Buttons(
        "afterwards",
        lambda self: [NONE, LARGEST] + [EACH_LARGEST] * self._many + [SHAPE],
        meaning="what is done to the mask: islands removed, or pulled towards the mean of the training masks",
    )
    weight = Slider(
        *("weight", 0.0, 1.0, 0.05),
        start=0.3,
        visible=lambda self: self.afterwards.value == SHAPE,
        meaning="0 leaves the prediction as it is, 1 leaves the mean shape alone",
    )

    # The mean shape ---------------------------------------------------------------------------

    @on(afterwards)
    def _want_shape(self):
        if self.afterwards.value == SHAPE and self._shape is None:
            self.shape_wanted = True

    @slow
    def _shape(self):
        """The `MeanShape` of the training masks: it takes a second or more, once."""
        if not self.shape_wanted:
            return None

        def work(tell):
            tell(0.1, "the mean shape of the training masks")
            return MeanShape.fit(self._patients.train_masks, len(self._classes), spacing=self._patients.spacing)

        return work

    # From probabilities to a mask -------------------------------------------------------------

    @derived
    def _after(self):
        """What is done to the mask as long as there is no mean shape."""
        wanted = self.afterwards.value
        return NONE if wanted == SHAPE and self._shape is None else wanted

    @derived
    def _raw(self):
        return {name: predicted[self.number].float().numpy() for name, predicted in self._predicted.items()}

    @derived
    def _probabilities(self):
        """{run: (classes, D, H, W)}, with the mean shape where it is wanted."""
        if self._after != SHAPE:
            return self._raw
        shape, weight = self._shape, self.weight.value
        return {name: self._patients.shaped(shape, each, weight) for name, each in self._raw.items()}

    @property
    def _threshold(self):
        return self.threshold.value if self.decide.value == ABOVE else None

    @derived
    def _masks(self):
        """{run: (D, H, W)} of what is looked at."""
        rule = self.looked.value, self._threshold, {LARGEST: True, EACH_LARGEST: False}.get(self._after)
        return {name: self._patients.masked(each, *rule) for name, each in self._probabilities.items()}

    @derived
    def mask(self):
        return self._masks[self.model.value]
