"""The residual CNN of lesson 01 and the U-Net of lesson 03."""

from typing import Any

from torch import nn

from ...errors import InputError
from ...models import FCN, UNet
from ..canvas import BLUE, GREEN, GREY, ORANGE, VERMILION
from ..drawing import QUIET, Sheet, named, shaped
from .shapes import Shape, image, scale, shapes_of

BATCH = "A batch of images has one more number before each shape."


def residual_cnn(model: Any, size: Shape) -> Sheet:
    """The stages in a row, and below them a block opened."""
    found = shapes_of(model, image(model, size))
    maps = [found[":in"], found["stem"], *(found[f"blocks.{number}"] for number in range(len(model.blocks)))]
    if len(maps) > 6:
        raise InputError(f"the diagram has room for 4 residual blocks, not for {len(model.blocks)}; give fewer widths")
    sheet = Sheet("A residual CNN, and one of its blocks opened", 540)
    step, middle = (sheet.width - 40) / (len(maps) + 2), 130
    xs = [20 + step * (number + 0.5) for number in range(len(maps) + 2)]
    titles = ["image", "stem", *(f"block {number + 1}" for number in range(len(model.blocks)))]
    pixels = scale(maps, 96, 40)
    things = [
        sheet.slab(x, middle, pixels(shape), BLUE if number else GREY, name=title, shape=shape)
        for number, (x, title, shape) in enumerate(zip(xs, titles, maps))
    ]
    things.append(sheet.slab(xs[-2], middle, (8, 84, 8), ORANGE, name="features", shape=found["flatten"]))
    things.append(sheet.slab(xs[-1], middle, (8, 18, 8), GREEN, name="logits", shape=found["classifier"]))
    steps = ["3 × 3 convolution", *["residual block"] * len(model.blocks), "maximum of each channel", "linear layer"]
    for start, end, by in zip(things, things[1:], steps):
        sheet.flow(start, end, [(start.right + 3, middle), (end.left - 3, middle)], by=by)
    notes = ["", "3 × 3 conv", *(f"{_stride(block)}" for block in model.blocks), "max over places", "linear layer"]
    shapes = [*maps, found["flatten"], found["classifier"]]
    for x, title, shape, note in zip(xs, [*titles, "features", "logits"], shapes, notes):
        sheet.text(x, 206, title, size=13, bold=True)
        sheet.text(x, 223, shaped(shape))
        sheet.text(x, 240, note, colour=QUIET)
    number = next((n for n, block in enumerate(model.blocks) if not isinstance(block.skip, nn.Identity)), 0)
    for side, edge in ((-1, 20), (1, sheet.width - 20)):
        sheet.line([(xs[number + 2] + side * step * 0.48, 246), (edge, 272)], GREY, dashed=True)
    _opened(sheet, found, model.blocks[number], number)
    return sheet


def _stride(block):
    return "residual, ÷ 2" if block.conv1.stride[0] > 1 else "residual"


def _opened(sheet, found, block, number):
    """A residual block in a frame: F(x) in a row, the skip above it."""
    name, y, above = f"blocks.{number}", 430, 345
    sheet.frame(20, 272, sheet.width - 40, 248, GREY)
    sheet.text(36, 298, f"Block {number + 1}: y = ReLU(F(x) + skip(x))", size=14, bold=True, anchor="start")
    stride = f"stride {block.conv1.stride[0]}"
    parts = [
        ("conv1", ["3 × 3", "conv", stride], BLUE),
        ("norm1", ["batch", "norm"], GREY),
        ("relu1", ["ReLU"], ORANGE),
        ("conv2", ["3 × 3", "conv", "stride 1"], BLUE),
        ("norm2", ["batch", "norm"], GREY),
    ]
    xs = [62 + 79.5 * place for place in range(9)]
    start = sheet.sign(xs[0], y, "x", named(f"x of block {number + 1}", found[f"{name}:in"]))
    row = [start]
    for x, (part, lines, colour) in zip(xs[1:], parts):
        row.append(sheet.box(x, y, 60, 58, lines, colour=colour, name=named(" ".join(lines), found[f"{name}.{part}"])))
    row.append(sheet.sign(xs[6], y, "+", "add", colour=GREEN))
    row.append(sheet.box(xs[7], y, 60, 58, ["ReLU"], colour=ORANGE))
    row.append(sheet.sign(xs[8], y, "y", named("y", found[name])))
    for before, after in zip(row, row[1:]):
        sheet.flow(before, after)
    for x, part, lower in ((0, ":in", 32), (1, ".conv1", 48), (4, ".conv2", 48), (6, ".add", 32), (8, "", 32)):
        sheet.text(xs[x] - 6 * (x == 8), y + lower, shaped(found[f"{name}{part}"]))
    sheet.text((xs[1] + xs[5]) / 2, y + 74, "F(x): what is added to the skip", colour=QUIET)
    add, branch = row[6], (xs[0], y - 13)
    if isinstance(block.skip, nn.Identity):
        sheet.flow(start, add, [branch, (xs[0], above), (add.x, above), add.north], by="unchanged", colour=VERMILION)
        sheet.text((xs[0] + add.x) / 2, above - 8, "skip: x itself, unchanged")
        return
    wide = sheet.box(
        (xs[0] + add.x) / 2,
        above,
        250,
        32,
        [f"skip: 1 × 1 conv, {stride}, batch norm"],
        colour=VERMILION,
        name=named(f"skip: 1 × 1 conv, {stride}, batch norm", found[f"{name}.skip"]),
        size=12,
    )
    sheet.flow(start, wide, [branch, (xs[0], above), wide.west], colour=VERMILION)
    sheet.flow(wide, add, [wide.east, (add.x, above), add.north], colour=VERMILION)
    sheet.text((wide.right + add.x) / 2, above - 8, shaped(found[f"{name}.skip"]))


# --- U-Net -----------------------------------------------------------------------------


def unet(model: Any, size: Shape) -> Sheet:
    """Encoder down the left, decoder up the right, skips across: the U. Of an `FCN` the same without skips."""
    if type(model) not in (UNet, FCN):  # U-Net's descendants have other wires
        raise InputError(f"the diagram is of a UNet, not of {type(model).__name__}; leave model out for the usual")
    found = shapes_of(model, image(model, size))
    levels = len(model.encoder)
    if levels > 4:
        raise InputError(f"the diagram has room for 4 levels, not for {levels}; give fewer widths")
    across = [found[f"encoder.{level}"] for level in range(levels)]
    joined = [found[f"decoder.{level}:in"] for level in range(levels - 1)]
    pixels = scale([*across, *joined], 92, 46)
    title = "U-Net: the decoder sees what the encoder saw at its own level"
    if not skip_channels(found, 0):
        title = "An FCN: all that the decoder knows comes through the bottleneck"
    sheet = Sheet(title, 0)
    left, right = [130.0 + 54 * level for level in range(levels - 1)], [0.0] * levels
    for level in reversed(range(levels)):  # the middle of what is given to the level above
        right[level] = 622 - 84 * level
    left.append(right[-1])
    tops: list[float] = []
    bottom = 34.0
    for shape in across:
        tops.append(bottom + 82)
        bottom = tops[-1] + pixels(shape)[1]
    ys = [top + pixels(shape)[1] / 2 for top, shape in zip(tops, across)]

    entry = sheet.slab(50, ys[0], pixels(found[":in"]), GREY, name="image", shape=found[":in"])
    _above(sheet, entry, [("image", True), (shaped(found[":in"]), False)], 48)
    down = []
    for level, shape in enumerate(across):
        name = f"encoder {level + 1}" if level < levels - 1 else "bottleneck"
        down.append(sheet.slab(left[level], ys[level], pixels(shape), BLUE, name=name, shape=shape))
        if level < levels - 1:
            _above(sheet, down[-1], [(name, True), (shaped(shape), False)])
    sheet.flow(entry, down[0], by="block")
    for level, (upper, lower) in enumerate(zip(down, down[1:])):
        x = left[level] - 4
        sheet.flow(
            upper, lower, [(x, upper.bottom + 3), (x, lower.y), (lower.left - 2, lower.y)], by="max pooling and block"
        )
        sheet.text(x - 7, (upper.bottom + lower.y) / 2 + 4, "max pool", anchor="end", colour=QUIET)
    below = down[-1]
    _under(sheet, below, [("bottleneck", True), (shaped(across[-1]), False)])
    for level in reversed(range(levels - 1)):
        below = _upward(sheet, found, pixels, down[level], below, level, (right[level + 1], right[level], ys[level]))
    end = sheet.slab(706, ys[0], pixels(found["classifier"]), ORANGE, name="logits", shape=found["classifier"])
    sheet.flow(below, end, by="1 × 1 convolution")
    _above(sheet, end, [("logits", True), (shaped(found["classifier"]), False)])
    sheet.text(end.x, end.bottom + 16, "by 1 × 1 conv", colour=QUIET)
    _key(sheet, found, levels, bottom + 66)
    return sheet


def _upward(sheet, found, pixels, skip, below, level, places):
    """One level of the decoder: from `below` and the skip to what its block gives."""
    at, out, y = places
    whole, given = found[f"decoder.{level}:in"], found[f"decoder.{level}"]
    across = skip_channels(found, level)
    joint = sheet.slab(
        at,
        y,
        pixels(whole),
        BLUE,
        name=f"{'concatenation' if across else 'upsampled'} {level + 1}",
        shape=whole,
        split=across / whole[0],
        other=VERMILION,
    )
    small, large = found[f"ups.{level}.0"], found[f"ups.{level}.1"]
    sheet.flow(
        below,
        joint,
        [(at - 3, below.top - 3), (at - 3, joint.bottom + 3)],
        by=f"{named('1 × 1 conv', small)} and {named('upsampling', large)}",
        colour=VERMILION,
    )
    sheet.lines(
        at + 8, joint.bottom + 43, [f"1 × 1 conv → {shaped(small)}", f"upsample → {shaped(large)}"], anchor="start"
    )
    words = [(shaped(whole), False)]
    if across:
        sheet.flow(skip, joint, [(skip.right + 3, y), (joint.left - 3, y)], by="skip", colour=BLUE)
        sheet.text((skip.right + joint.left) / 2, y - 7, "skip")
        words.append((f"= {across} skip + {whole[0] - across} below", False))
    _above(sheet, joint, words)
    block = sheet.slab(out, y, pixels(given), GREEN, name=f"decoder {level + 1}", shape=given)
    sheet.flow(joint, block, [(joint.right + 3, y), (block.left - 3, y)], by="block")
    _under(sheet, block, [(shaped(given), False)])
    return block


def skip_channels(found: dict[str, Shape], level: int) -> int:
    """How many of the channels that a decoder's block takes come from the encoder."""
    return found[f"decoder.{level}:in"][0] - found[f"ups.{level}"][0]


def _above(sheet, node, lines, x=None):
    for number, (words, bold) in enumerate(reversed(lines)):
        sheet.text(node.x if x is None else x, node.top - 8 - 16 * number, words, bold=bold)


def _under(sheet, node, lines):
    for number, (words, bold) in enumerate(lines):
        sheet.text(node.x, node.bottom + 16 + 16 * number, words, bold=bold)


def _key(sheet, found, levels, y):
    """What the colours mean, and in words what happens to the channels at the deepest skip."""
    level = levels - 2
    taken, kept = found[f"ups.{level}.0:in"][0], found[f"ups.{level}.0"][0]
    across, whole, given = skip_channels(found, level), found[f"decoder.{level}:in"][0], found[f"decoder.{level}"][0]
    for x, words, colour in ((20, "encoder", BLUE), (120, "from below", VERMILION), (238, "decoder", GREEN)):
        sheet.slab(x + 10, y - 4, (14, 14, 5), colour)
        sheet.text(x + 24, y, words, anchor="start")
    sheet.text(335, y, "block: twice a 3 × 3 convolution, batch norm and ReLU", anchor="start")
    added = f"; the skip adds {across}:" if across else ":"
    sheet.tell(
        20,
        y + 28,
        [
            f"At level {level + 1}, {taken} channels come from below. A 1 × 1 convolution makes {kept} of them{added}",
            f"the block takes {whole} channels and gives {given}. {BATCH}",
        ],
    )
    sheet.height = y + 66
