"""What every static picture is made on: a figure, its colours, its PNG with alt text, the checks of what it is of.

A `Picture` shows itself in a notebook as `<img alt=…>`: alt text in image
metadata does not reach JupyterLab's page, an HTML tag does. Colours are those
of Okabe & Ito, which colour-blind readers can tell apart; the background is
white, so that a picture reads the same on a dark page.
"""

import base64
import html
import io
from dataclasses import dataclass, field

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter

from ..checks import one_of
from ..data.dataset import Dataset
from ..errors import InputError
from ..files import resolve, write_whole
from ..reports.table import PHANTOM
from ..training.run import Run

# Okabe & Ito (2008).
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#767676"
# Of the foreground classes of a segmentation, in order.
OUTLINES = (ORANGE, "#56B4E9", GREEN, VERMILION, "#CC79A7", "#F0E442")
DPI = 100


@dataclass(frozen=True)
class Picture:
    """A finished picture: PNG bytes and the text that says what they show."""

    png: bytes = field(repr=False)
    alt: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = base64.b64encode(self.png).decode()
        tag = (
            f'<img alt="{html.escape(self.alt, quote=True)}" style="max-width:100%" src="data:image/png;base64,{data}">'
        )
        return {"text/html": tag, "text/plain": self.alt}

    def save(self, path):
        """Write the PNG file."""
        write_whole(resolve(path), self.png)


def picture(figure: Figure, alt: str, *, phantom: bool = False) -> Picture:
    """A `Picture` of a matplotlib figure.

    alt      says in words what is to be seen; must not be empty
    phantom  writes PHANTOM into the picture itself

    >>> from matplotlib.figure import Figure
    >>> from medtutor.figures import picture
    >>> picture(Figure(figsize=(1, 1)), "Nothing but white.").alt
    'Nothing but white.'
    """
    if not alt.strip():
        raise InputError("a picture needs alt text: say in a sentence what it shows")
    if phantom:
        alt = f"Phantom images, drawn by medtutor. {alt}"
        # As a label of the whole figure it has a line of its own, below everything else.
        figure.supxlabel(PHANTOM, x=0.995, ha="right", color=VERMILION, weight="bold", size=9)
    buffer = io.BytesIO()
    # No date and no version in the file: the same figure gives the same bytes.
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return Picture(buffer.getvalue(), alt)


def as_written(figure: Figure) -> Figure:
    """The figure, whose texts are drawn letter by letter: a "$" in the name of a class starts no formula.

    Only matplotlib's own numbers along an axis stay formulas: powers of ten.

    >>> from matplotlib.figure import Figure
    >>> from medtutor.figures import as_written
    >>> figure = Figure()
    >>> text = figure.text(0, 0, "costs 5 $ or 6 $")
    >>> as_written(figure) is figure, text.get_parse_math()
    (True, False)
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        if isinstance(axis.get_major_formatter(), LogFormatter):
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                tick.label1.set_parse_math(True)
                tick.label2.set_parse_math(True)
    return figure


class _Written(Figure):
    """A figure that is drawn `as_written`."""

    def draw(self, renderer):
        super(_Written, as_written(self)).draw(renderer)


def new_figure(width, height):
    return _Written(figsize=(width, height), layout="constrained")


def bare(ax):
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def show(ax, image, card=None):
    """One uint8 image (C, H, W), or the middle slice of a volume (C, D, H, W); with the card the middle frame of a clip
    (T, C, H, W).
    """
    if card is not None and card.frames:
        image = image[len(image) // 2]
    elif image.dim() == 4:
        image = image[:, image.shape[1] // 2]
    pixels = image.permute(1, 2, 0).numpy()
    ax.imshow(pixels.squeeze() if pixels.shape[-1] == 1 else pixels, cmap="gray", vmin=0, vmax=255)


def checked_run(run):
    if not isinstance(run, Run):
        raise InputError(f"this picture is of a Run, not of {type(run).__name__}; train one with fit(…)")
    return run


def check_dataset(dataset):
    if not isinstance(dataset, Dataset):
        raise InputError(f"dataset is {type(dataset).__name__}; give a Dataset, such as load returns")


def predictions(run, split):
    checked_run(run)
    one_of("split", split, ("val", "test"))  # of the training images no predictions are kept
    if split not in run.predictions:
        raise InputError(f"the run has no predictions for the {split} split: it is not finished; resume it first")
    return run.labels[split].numpy(), run.predictions[split].numpy()
