"""The monitor explorer: something changes; when would the alarm come, and how many come for nothing?

A scanner is replaced, or the season brings other patients. A monitor that is given no labels follows one number of
each image, and alarms above a threshold. Here real images come in again and again, in a hundred streams, and the
change, the detector and its threshold are yours.
"""

import numpy as np
import torch

from ..clinic.monitoring import (
    CHANGES,
    DETECTORS,
    PREVALENCE,
    SCANNER,
    SIGNALS,
    draw_streams,
    followed,
    limit_in_advance,
    rescanned,
    signals_of,
)
from ..data.dataset import Dataset
from ..errors import InputError
from ..explanation.familiar import known
from ..metrics.drift import first_alarm, run_length
from ..training.run import Run
from ..widgets import MESSAGE, Buttons, Choice, Explorer, Slider, Steps, derived, drawing, panel, sentences
from .cases import check_classes, check_no_sequences, was_made_on
from .monitor_panels import HIGHEST, alarms_chart, stream_chart

LEAST, MOST = 40, 300  # images of a split; of more the first of a random order are taken
STREAMS, LENGTH, CHANGE = 100, 900, 300  # images of a stream, and before the change
SIZES = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
RUN_LENGTHS = (200, 500, 1000, 2000, 5000)
SHOWN, SIDE = 6, 84  # images before and after the change; page pixels


def monitor(run: Run, dataset: Dataset, split: str = "val") -> "MonitorExplorer":
    """The explorer of a monitor: a `MonitorExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of a binary classification of single grey images
    dataset  the `Dataset` that it was trained on
    split    "val" or "test", at least 40 images: half of them say what is usual, the others come in

    Raises `InputError` for another task, for fewer images, for a split of one class, and where the data set is not the
    run's own.

    >>> import medtutor as mt
    >>> few = mt.data.phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 20, "val": 60, "test": 8})
    >>> run = mt.fit(mt.build("mlp", few), few, mt.Recipe(epochs=1), progress=False)
    >>> shown = monitor(run, few)
    >>> shown.change.value, shown.size.value = "noise", 1.0
    >>> shown.signal.value = "sharpness"
    >>> shown.delay < 100  # images, until half of the streams have alarmed
    True
    """
    return MonitorExplorer(run, dataset, split)


class MonitorExplorer(Explorer):
    """A change, a detector, and when it alarms.

    change      Dropdown: what changes, of `CHANGES`
    size        SelectionSlider: how much, 0 for nothing
    signal      Dropdown: which number of each image is followed, of `SIGNALS`
    detector    ToggleButtons: CUSUM or KS
    slack       FloatSlider: of CUSUM, in standard deviations
    window      IntSlider: of KS, in images
    cases       SelectionSlider: for how many images to a false alarm the threshold is chosen
    threshold   FloatSlider: it stands where `cases` puts it, until it is moved
    stream      IntSlider: which of the streams is drawn, from 1

    delay       images from the change to the alarm, in half of the streams that had none before; infinity where fewer
                alarm
    false       share of streams with an alarm before the change
    missed      share of those without one before that have none after it
    measured    images for each alarm in streams in which nothing changes: the average run length
    """

    heading = "When would the monitor have noticed?"

    change = Choice("change", list(CHANGES), meaning="what is otherwise from the line on", label="8em", width="22em")
    size = Steps(
        "size",
        [(f"{size:g}" if size else "none", size) for size in SIZES],
        start=0.3,
        meaning="how large the change is; of prevalence the share of positives that is missing from then on",
        label="8em",
        width="24em",
    )
    signal = Choice(
        "follow", list(SIGNALS), meaning="which number of each image is followed", label="8em", width="22em"
    )
    detector = Buttons(
        "detector",
        list(DETECTORS),
        meaning="sums of what lies beyond the usual, or the distance of the last images from the usual ones",
        label="8em",
    )
    slack = Slider(
        "slack",
        0.1,
        1.5,
        0.1,
        start=0.5,
        meaning="what each image is allowed, in standard deviations",
        visible=lambda self: self.detector.value == "CUSUM",
        label="8em",
    )
    window = Slider(
        "window",
        20,
        200,
        10,
        start=50,
        meaning="how many of the last images are compared with the usual ones",
        visible=lambda self: self.detector.value == "KS",
        label="8em",
    )
    cases = Steps(
        "in advance",
        [(f"{cases:,}", cases) for cases in RUN_LENGTHS],
        start=1000,
        meaning="the threshold is chosen for one false alarm in so many images",
        label="8em",
        width="24em",
    )
    threshold = Slider(
        "threshold",
        0.0,
        lambda self: HIGHEST[self.detector.value],
        0.01,
        start=lambda self: self._limit,
        meaning="the monitor alarms above it",
        readout_format=".2f",
        width="780px",
        label="8em",
    )
    stream = Slider("stream", 1, STREAMS, 1, start=1, meaning="which of the streams is drawn", label="8em")

    def __init__(self, run, dataset, split="val"):
        images, labels = checked_images(run, dataset, split)
        self._phantom = dataset.is_phantom
        self._classes = run.card.classes
        half = len(images) // 2
        familiar = known(run, images[:half])
        self._usual = signals_of(run, images[:half], familiar) | {"features": familiar.usual.double().numpy()}
        self._labels, self._pool = labels[half:], images[half:]
        self._images = {(kind, size): rescanned(self._pool, kind, size) for kind in SCANNER for size in SIZES[1:]}
        self._signals = {key: signals_of(run, each, familiar) for key, each in self._images.items()}
        self._signals[None] = signals_of(run, self._pool, familiar)
        self._title = f"{run.model.name} on {dataset.title}, {split} split: {half} images say what is usual"
        self.call = f'monitor(run, dataset, "{split}")'
        super().__init__()

    # What follows from the controls ---------------------------------------------------------

    @derived
    def _streams(self):
        share = None
        if self.change.value == PREVALENCE:
            share = (1 - self.size.value) * float(self._labels.mean())
        return draw_streams(self._labels, LENGTH, CHANGE, prevalence=share, count=STREAMS)

    @derived
    def _after(self):
        """Which signals the images after the change have."""
        scanner = self.change.value in SCANNER and self.size.value > 0
        return (self.change.value, self.size.value) if scanner else None

    @derived
    def _values(self):
        """(quiet, changed): the followed number of each image, (streams, images)."""
        name, streams = self.signal.value, self._streams
        plain, other = self._signals[None][name], self._signals[self._after][name]
        changed = [plain[streams.changed[:, :CHANGE]], other[streams.changed[:, CHANGE:]]]
        return plain[streams.quiet], np.concatenate(changed, axis=1)

    def _followed(self, values):
        options = {"window": self.window.value, "slack": round(self.slack.value, 9)}
        return followed(self.detector.value, values, self._usual[self.signal.value], **options)

    @derived
    def _without_change(self):
        return self._followed(self._values[0])

    @derived
    def _with_change(self):
        return self._followed(self._values[1])

    @derived
    def _limit(self):
        options = {"window": self.window.value, "slack": round(self.slack.value, 9)}
        limit = limit_in_advance(self.detector.value, self._usual[self.signal.value], self.cases.value, **options)
        return min(limit, HIGHEST[self.detector.value])

    @derived
    def _alarms(self):
        """(quiet, changed): after how many images each stream alarms first."""
        return tuple(first_alarm(each, self.threshold.value) for each in (self._without_change, self._with_change))

    @derived
    def false(self):
        return float((self._alarms[1] <= CHANGE).mean())

    @derived
    def _delays(self):
        alarms = self._alarms[1]
        return np.sort(alarms[alarms > CHANGE] - CHANGE)

    @derived
    def delay(self):
        return float(self._delays[(len(self._delays) - 1) // 2]) if len(self._delays) else float("inf")

    @derived
    def missed(self):
        return float(np.isinf(self._delays).mean()) if len(self._delays) else 0.0

    @derived
    def measured(self):
        return run_length(self._without_change, self.threshold.value)

    # Words ----------------------------------------------------------------------------------

    def _what(self):
        if not self.size.value:
            return "nothing changes"
        if self.change.value == PREVALENCE:
            before = float(self._labels.mean())
            return f"{self._classes[1]} falls from {before:.0%} to {(1 - self.size.value) * before:.0%} of the images"
        return f"the scanner changes: {self.change.value}, size {self.size.value:g}"

    @sentences(read_out=True)
    def _meaning(self):
        return [f"Followed: {SIGNALS[self.signal.value]}. From image {CHANGE + 1} on, {self._what()}."]

    @sentences(as_blocks=True)
    def _numbers(self):
        count = len(self._delays)
        soon = "not in half of them" if np.isinf(self.delay) else f"{self.delay:.0f} images"
        quiet = "none" if np.isinf(self.measured) else f"1 in {self.measured:,.0f} images"
        return [
            f"{soon}: from the change to the alarm, in half of {count} streams",
            f"{round(self.missed * count)} of {count}: no alarm in the {LENGTH - CHANGE} images after the change",
            f"{round(self.false * STREAMS)} of {STREAMS}: alarm before anything has changed",
            f"{quiet}: false alarms measured where nothing changes; for 1 in {self.cases.value:,} choose"
            f" {self._limit:.2f}",
        ]

    # Pictures -------------------------------------------------------------------------------

    @derived
    def _stream_chart(self):
        return stream_chart(self.detector.value, LENGTH, CHANGE)

    @derived
    def _alarms_chart(self):
        return alarms_chart(LENGTH, CHANGE)

    @panel
    def _followed_panel(self):
        number, threshold = self.stream.value, self.threshold.value
        line, alarm = self._with_change[number - 1], float(self._alarms[1][number - 1])
        quiet, changed = self._alarms
        shares = [[float((each <= at).mean()) for at in range(0, LENGTH + 1, 10)] for each in (quiet, changed)]
        sheet = drawing.beside(self._stream_chart.at(line, threshold, alarm), self._alarms_chart.at(*shares))
        said = (
            "never"
            if np.isinf(alarm)
            else f"at image {alarm:.0f}, {'before' if alarm <= CHANGE else 'after'} the change"
        )
        return sheet, (
            f"{self.detector.value} of {self.signal.value} over the {LENGTH} images of stream {number}, with a line at"
            f" the threshold of {threshold:.2f} and another at the change, after image {CHANGE}; it alarms {said}."
            f" Beside it the share of {STREAMS} streams that have alarmed: {shares[1][CHANGE // 10]:.0%} at the change"
            f" and {shares[1][-1]:.0%} at the end; where nothing changes {shares[0][-1]:.0%} at the end."
        )

    @panel
    def _shown(self):
        streams, number = self._streams, self.stream.value - 1
        before, after = (
            streams.changed[number, CHANGE - SHOWN : CHANGE],
            streams.changed[number, CHANGE : CHANGE + SHOWN],
        )
        other = self._pool if self._after is None else self._images[self._after]
        pixels = torch.cat([self._pool[before], other[after]])
        names = [self._classes[int(self._labels[place])] for place in (*before, *after)]
        sheet = drawing.tiles(
            drawing.flat(pixels),
            names,
            title=f"The last {SHOWN} images before the change, and below the first {SHOWN} after it",
            columns=SHOWN,
            rows=2,
            side=SIDE,
        )
        return sheet, (
            f"Images of stream {number + 1}: the last {SHOWN} before the change ({', '.join(names[:SHOWN])}) and the"
            f" first {SHOWN} after it ({', '.join(names[SHOWN:])}), from which {self._what()}."
        )

    layout = [
        [change, size],
        [signal, stream],
        detector,
        [slack, window, cases],
        threshold,
        MESSAGE,
        _meaning,
        _followed_panel,
        _numbers,
        "What comes in",
        _shown,
    ]


def checked_images(run, dataset, split):
    """Images and labels (N,) of the split in a random order, checked; or an `InputError`."""
    if not isinstance(run, Run) or not isinstance(dataset, Dataset):
        raise InputError(f"monitor takes a Run and its Dataset, not {type(run).__name__} and {type(dataset).__name__}")
    check_no_sequences(run)
    check_classes(run)
    card = run.card
    if card.task != "binary" or card.dims != 2 or card.channels != 1:
        raise InputError("a monitor follows a binary classification of single grey images; give such a run")
    if split not in ("val", "test"):
        raise InputError(f'split must be "val" or "test", not {split!r}')
    if not was_made_on(run, dataset):
        raise InputError(
            f"the run was made on {card.name} ({run.provenance}, {card.size} pixels), not on this data set,"
            f" {dataset.card.name} ({dataset.provenance}, {dataset.card.size} pixels); give the run's own"
        )
    cases = getattr(dataset, split)
    if len(cases) < LEAST:
        raise InputError(
            f"the {split} split has {len(cases)} images, and at least {LEAST} say what is usual; give more"
        )
    order = np.random.default_rng(0).permutation(len(cases))[:MOST]
    labels = cases.labels.flatten().numpy()[order]
    if len(set(labels[len(order) // 2 :])) < 2:
        raise InputError(
            f"the {split} split has images of one class only, whose prevalence cannot change; name another"
        )
    return cases.images[torch.as_tensor(order)], labels
