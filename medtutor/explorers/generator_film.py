"""The film of the generator explorer: how it learned to draw."""

from ..widgets import Pane, Play, Slider, derived, panel, sentences
from . import generator_panels as panels
from .generator_panels import DRAWN, FRAME
from .generator_parts import FILM, NO_PATIENT


class Film:
    """The controls and pictures of the training as a film, a part of `GeneratorExplorer`."""

    @property
    def _steps(self):
        """Of the film's moments; none where there is no film."""
        adversary = self._adversary
        return [] if adversary.film is None else [0, *(row["step"] for row in adversary.history)]

    moment = Slider(
        "moment",
        1,
        lambda self: max(len(self._steps), 2),
        start=lambda self: max(len(self._steps), 1),
        meaning="of the training, from before its first step to its last",
        width="560px",
    )
    play = Play(moment, interval=400, meaning="one moment after the other")

    def _moment(self):
        """The present moment in words."""
        if self.moment.value == 1:
            return "Before the first step: weights are random, and so are the images."
        row, real = self._adversary.history[self.moment.value - 2], self._adversary.real_spread
        text = (
            f"Step {row['step']:,} of {self._steps[-1]:,}: loss of the discriminator {row['discriminator']:.2f}, of the"
            f" generator {row['generator']:.2f}. The 16 samples differ by {row['spread']:.0f} grey levels on average,"
            f" real images by {real:.0f}"
        )
        if row["spread"] < real / 2:
            text += ": less than half as much. That is usual at first; later, if all look the same, it is a collapse"
        return f"{text}."

    @sentences(read_out=True)
    def _moment_words(self):
        return self._moment() if self._steps else []

    @panel
    def _frame_shown(self):
        if not self._steps:
            return None
        number, images, classes = self.moment.value, self._adversary.film, self._generator.classes
        frame, step = images[number - 1], self._steps[number - 1]
        captions = [self._names[place * classes // len(frame)] for place in range(len(frame))] if classes else []
        title = f"The same 16 codes after {step:,} steps: {NO_PATIENT}"
        return panels.rows(frame, captions, title, FRAME, DRAWN, 2), (
            f"16 images {NO_PATIENT}, after {step:,} steps, moment {number} of {len(self._steps)}. {self._moment()}"
        )

    @derived
    def _course(self):
        cross_entropy = self._adversary.settings.get("discriminator") == "Discriminator"
        return panels.course(self._steps, self._adversary.history, self._adversary.real_spread, cross_entropy)

    @panel
    def _course_shown(self):
        if not self._steps:
            return None
        step, history = self._steps[self.moment.value - 1], self._adversary.history
        first, last = history[0], history[-1]
        share = panels.place_of(step, self._steps[-1])
        return self._course.at(share, share), (
            f"Two charts over the steps, marked at {step:,}. The discriminator's loss goes from"
            f" {first['discriminator']:.2f} to {last['discriminator']:.2f}, the generator's from"
            f" {first['generator']:.2f} to {last['generator']:.2f}; the spread of the samples from"
            f" {first['spread']:.0f} to {last['spread']:.0f}; real images: {self._adversary.real_spread:.0f}."
        )

    @sentences
    def _no_film(self):
        return [] if self._steps else "This GANRun has no film; fit_gan makes one while it trains."

    _moments = Pane([moment, play], _frame_shown, _moment_words, _course_shown, visible=lambda self: bool(self._steps))
    _film = Pane(_no_film, _moments, visible=lambda self: self.part.value == FILM)
