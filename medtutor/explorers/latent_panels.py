"""What the latent explorer shows: images and differences of images as tiles, the map of the codes, the film strip."""

import numpy as np
import torch
from PIL import ImageDraw

from ..figures import BLUE, GREEN, GREY, ORANGE, OUTLINES, VERMILION
from ..widgets import drawing, panels
from ..widgets.chart import Chart, dot, figure
from ..widgets.drawing import GAP, INK, SCALE

REACH = 4.0  # of the map and of the sliders, in standard deviations
STOPS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # of an axis, where the sheet of the axes shows it
STEPS = 7  # of the film strip
PLOTTED = 1500  # codes on the map: of more, one sees no shapes
FULL = 0.25  # share of the range from black to white that gets the full colour in a difference
FRAME, SMALL, MAP = 84, 70, (420, 400)  # page pixels of a tile of the film strip and of the axes, of the map
LEGEND = 4  # columns
SMALLEST = 8.25  # points: 11 page pixels
POINT = "#F0E442"  # the present point: Okabe & Ito's yellow, which no class has
# Classes differ in colour and in shape: Okabe & Ito (2008), without the yellow.
COLOURS = (
    BLUE,
    ORANGE,
    GREEN,
    VERMILION,
    *(colour for colour in OUTLINES[1:] if colour not in (GREEN, VERMILION, POINT)),
)
SHAPES = "o^sDvPX*"
SIGNED = panels.COLOURS["vermilion and blue"]


def rms(difference):
    """Root mean square of a difference of images -1…1, as a share of the range from black to white."""
    return float(np.sqrt(np.mean(np.square(difference)))) / 2


def pixels(image):
    """An image (C, H, W), -1…1, as uint8 (H, W, 3)."""
    return drawing.flat(torch.from_numpy(np.rint((image[None] + 1) * 127.5).astype(np.uint8)))[0]


def signed(difference):
    """A difference (C, H, W) as uint8 (H, W, 3): vermilion above 0, blue below; of colours the mean."""
    return panels.alone(np.clip(difference.mean(axis=0) / (2 * FULL), -1, 1), SIGNED)


def tiles(pixels, captions, title, side, colour=GREY):
    """Images beside each other."""
    return drawing.tiles(pixels, captions, title=title, columns=len(pixels), rows=1, side=side, colour=colour)


def verdict(beyond, what, others):
    """In words, how real a point is that lies farther from the reference than that share of real images."""
    if beyond == 1:
        return f"none {what} is as far from {others}: this point is near nothing real"
    if beyond >= 0.95:
        return f"{1 - beyond:.1%} {what} are as far from {others}: hardly near anything real"
    return f"{1 - beyond:.0%} {what} are as far from {others}, or farther: as near as real images are"


def along_axes(space, code):
    """(sheet, number): an image with each of its coordinates set to each of `STOPS`, and the axis that changes most."""
    count, own = len(space.shares), space.coordinates(code)
    images = space.decoded(np.stack([space.moved(code, axis, stop) for axis in range(count) for stop in STOPS]))
    images, blocks = images.reshape(count, len(STOPS), *images.shape[1:]), []
    for number, (row, share, at) in enumerate(zip(images, space.shares, own)):
        title = f"axis {number + 1}, {share:.0%} of the variance (here {round(float(at), 1) + 0.0:+.1f})"
        blocks.append(tiles([pixels(image) for image in row], map(signed_number, STOPS), title, SMALL))
    strongest = int(np.argmax([rms(row[-1] - row[0]) for row in images]))
    return drawing.below(*(drawing.beside(*blocks[i : i + 2]) for i in range(0, count, 2))), strongest


def signed_number(value):
    """As "+1.5", and "0"."""
    return f"{value:+g}" if value else "0"


# The map --------------------------------------------------------------------------------------


def plotted(space, names, groups, real, reference):
    """The map of the codes and the yardstick below it, as a `Chart`.

    groups  (N,): the class of each code
    real    distances of held-out real images to the reference
    """
    made = figure(*MAP)
    rows = -(-(len(names) + 3) // LEGEND)  # of the legend
    chart = made.add_axes((0.10, 0.30, 0.87, 0.645 - 0.045 * rows))
    ruler = made.add_axes((0.10, 0.095, 0.87, 0.10))
    order = np.random.default_rng(0).permutation(len(groups))[:PLOTTED]  # no class lies over another
    places, shown = space.coordinates(space.codes[order])[:, :2], groups[order]
    handles = []
    for number, name in enumerate(names):
        colour, shape = COLOURS[number % len(COLOURS)], SHAPES[number % len(SHAPES)]
        own = places[shown == number]
        chart.scatter(*own.T, s=11, marker=shape, color=colour, alpha=0.45, linewidths=0, zorder=1 + number / 100)
        words = drawing.shortened(name, 70, 11)
        handles.append(chart.scatter([], [], s=22, marker=shape, color=colour, linewidths=0, label=words))
        if len(names) > 1 and (groups == number).any():
            middle = space.coordinates(space.codes[groups == number])[:, :2].mean(axis=0)
            chart.scatter(*middle, s=95, marker=shape, color=colour, edgecolors="white", linewidths=1.5, zorder=3)
    marks = (("the point", 45, POINT, 1.5), ("the image", 60, "white", 2), ("nearest", 20, "white", 1.5))
    for name, size, colour, width in marks:
        handles.append(chart.scatter([], [], s=size, color=colour, edgecolors=INK, linewidths=width, label=name))
    made.legend(
        handles=handles,
        loc="upper center",
        ncol=LEGEND,
        fontsize=SMALLEST,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.0,
        borderpad=0,
    )
    chart.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=range(-4, 5, 2), yticks=range(-4, 5, 2))
    for line in (chart.axhline, chart.axvline):
        line(0, color="#d0d0d0", linewidth=0.8, zorder=0)
    chart.set_xlabel(
        f"axis 1, {space.shares[0]:.0%} of the variance (standard deviations)", fontsize=SMALLEST, labelpad=1
    )
    chart.set_ylabel(f"axis 2, {space.shares[1]:.0%}", fontsize=SMALLEST, labelpad=1)
    farthest = 2.5 * float(max(np.quantile(real, 0.95), 1e-6))  # one outlier must not squeeze all others
    ruler.hist(np.minimum(real, farthest), bins=np.linspace(0, farthest, 60), color="#b8b8b8")
    ruler.set(xlim=(0, farthest), yticks=[])
    ruler.set_xlabel(
        f"distance to the nearest of {reference}; grey: real ones, yellow: the point", fontsize=SMALLEST, labelpad=1
    )
    for axes in (chart, ruler):
        axes.tick_params(labelsize=SMALLEST)
    return Chart.of(made, [chart, ruler])


def marked(chart, point, image, neighbours, distance, line=None):
    """The map with its marks, as a sheet; places in standard deviations (first, second axis), the far ones at its edge.

    distance  of the point from the nearest of the reference
    line      the ends of a walk, (2, 2)
    """

    def at(place):
        return chart.pixel(*np.clip(place, -REACH, REACH))

    sheet, pen = chart.begin()
    if line is not None:
        for colour, width in (("white", 8), (INK, 4)):
            pen.line([at(end) for end in line], fill=colour, width=width)
    for place in neighbours:
        _ring(pen, at(place), 9, 3)
    _ring(pen, at(image), 16, 4)
    dot(pen, *at(point), POINT)
    (_, top, _, bottom), farthest = chart.boxes[1], chart.limits[1][2]
    x, _ = chart.pixel(min(distance, farthest), 0, 1)
    pen.line((x, top, x, bottom), fill=INK, width=4)
    dot(pen, x, (top + bottom) / 2, POINT)
    return sheet


def _ring(pen, place, radius, width):
    """A circle in ink on white, seen on any colour."""
    x, y = place
    for colour, extra in (("white", 2), (INK, 0)):
        box = (x - radius - extra, y - radius - extra, x + radius + extra, y + radius + extra)
        pen.ellipse(box, outline=colour, width=width + 2 * extra)


# The film strip -------------------------------------------------------------------------------


def strip(real, decoded, names, distances, reference):
    """A film strip: decoded steps between two real images, below them mere mixtures of their pixels.

    Returns (sheet, page pixels from the top to where `walked` draws).
    """
    shares = np.linspace(0, 1, STEPS)
    steps = [f"{share:.2f}: {distance:.2f}" for share, distance in zip(shares, distances)]
    upper = tiles(
        [pixels(image) for image in (real[0], *decoded, real[1])],
        [names[0], *steps, names[1]],
        f"Between the two images, decoded; below each how far along: distance to the nearest of {reference}",
        FRAME,
    )
    lower = tiles(
        [pixels(((1 - share) * real[0] + share * real[1]).astype(np.float32)) for share in shares],
        [f"{share:.2f}" for share in shares],
        "For comparison: the pixels of the two images, mixed",
        FRAME,
    )
    lower = drawing.beside(drawing.blank(FRAME + GAP, 1), lower)
    return drawing.below(upper, drawing.blank(1, 14), lower), upper.height / SCALE + 6


def walked(strip, share):
    """The film strip with a mark for how far along the point is."""
    sheet, y = strip[0].copy(), strip[1] * SCALE
    pen, step = ImageDraw.Draw(sheet), (FRAME + GAP) * SCALE
    left = GAP * SCALE + step + FRAME * SCALE // 2
    pen.line((left, y, left + (STEPS - 1) * step, y), fill=GREY, width=3)
    dot(pen, left + share * (STEPS - 1) * step, y, POINT)
    return sheet
