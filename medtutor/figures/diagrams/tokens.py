"""The vision transformer of lesson 07."""

from typing import Any

from ...errors import InputError
from ...models.vit import Attention
from ..canvas import BLUE, GREEN, GREY, ORANGE, VERMILION
from ..drawing import QUIET, Sheet, shaped
from .shapes import Shape, image, shapes_of


def vit_block(model: Any, size: Shape) -> Sheet:
    """On the left from patches to tokens, in the middle a block, on the right its attention; both upward."""
    attention, patches = model.blocks[0].attention, model.embedding[-1]
    if not isinstance(attention, Attention) or patches.kernel_size != patches.stride:
        raise InputError(f"the diagram is of a ViT with patches and full attention, not of {type(model).__name__}")
    found = shapes_of(model, image(model, size))
    sheet = Sheet("A vision transformer (ViT): tokens, a block, its attention", 636)
    tokens, heads = found["blocks.0:in"], attention.heads
    _block(sheet, found, model, _tokens(sheet, found, model))
    _attention(sheet, found, heads)
    sheet.tell(
        20,
        602,
        [
            f"In each head a token has a query, a key and a value of {tokens[1] // heads} numbers. The weights say how",
            f"much each of the {tokens[0]} tokens takes from each of the {tokens[0]}; a row of them adds up to 1.",
        ],
    )
    return sheet


def read_from(model: Any) -> str:
    """Where a transformer's answer is read from."""
    return "mean over tokens" if model.class_token is None else "the class token"


def _tokens(sheet, found, model):
    """Downward: from the image to what the first block takes."""
    side, left, top, (rows, columns), patches = 112, 74, 56, model.grid, model.embedding[-1]
    across = " × ".join(map(str, patches.kernel_size))
    sheet.frame(left, top, side, side, GREY, fill="#d9d9d9")
    for number in range(1, rows):
        sheet.line([(left, top + side * number / rows), (left + side, top + side * number / rows)], "#ffffff")
    for number in range(1, columns):
        sheet.line([(left + side * number / columns, top), (left + side * number / columns, top + side)], "#ffffff")
    picture = sheet.node("image", found[":in"], left, top, left + side, top + side)
    sheet.lines(130, 188, [f"image {shaped(found[':in'])}", f"patches of {across} pixels"])
    linear = sheet.box(
        130, 246, 190, 40, ["one linear layer", "for every patch"], colour=BLUE, size=12, name="linear layer"
    )
    sheet.flow(picture, linear, [(130, 212), linear.north], by=f"patches of {across} pixels")
    count = rows * columns
    for number in range(6):
        if number != 4:
            sheet.frame(46 + 28 * number + (number > 4) * 2, 292, 22, 22, BLUE, fill="#c7e0ee")
    sheet.text(170, 308, "…", size=16)
    strip = sheet.node("patch tokens", (count, found["blocks.0:in"][1]), 46, 292, 210, 314)
    sheet.flow(linear, strip, [linear.south, (130, 289)])
    sheet.text(130, 332, f"{count} patch tokens of {found['blocks.0:in'][1]}")
    learned = model.class_token is not None
    own = sheet.box(
        130,
        372,
        190,
        40,
        ["+ 1 class token", "(learned)"] if learned else ["no class token here:", "the mean is read"],
        colour=ORANGE,
        size=12,
        dashed=not learned,
        name="class token in front" if learned else "no class token",
    )
    sheet.flow(strip, own, [(130, 338), own.north])
    plus = sheet.sign(130, 430, "+", "add")
    sheet.flow(own, plus)
    entry = sheet.box(130, 552, 130, 44, ["tokens"], colour=BLUE, shape=found["blocks.0:in"])
    if model.positions is None:
        sheet.text(150, 434, "no positions here", anchor="start")
    else:
        place = sheet.box(130, 486, 150, 40, ["positions, learned"], colour=ORANGE, shape=found["positions"], size=12)
        sheet.flow(place, plus)
    sheet.flow(plus, entry, [plus.west, (36, 430), (36, 552), entry.west])
    return entry


def _block(sheet, found, model, entry):
    """Upward: a block with its two skips, and on top the answer."""
    sheet.frame(270, 150, 200, 386, GREY)
    sheet.text(282, 170, f"block, {len(model.blocks)} times", size=13, bold=True, anchor="start")
    x, way = 390, 312
    first = sheet.box(x, 476, 130, 32, ["LayerNorm"], colour=GREY, name="LayerNorm 1")
    attend = sheet.box(x, 418, 130, 44, ["attention"], colour=VERMILION, shape=found["blocks.0.attention"])
    add1 = sheet.sign(x, 366, "+", "add 1", colour=GREEN)
    second = sheet.box(x, 322, 130, 32, ["LayerNorm"], colour=GREY, name="LayerNorm 2")
    wide, hidden = found["blocks.0"][1], found["blocks.0.mlp.0"][1]
    mlp = sheet.box(
        x,
        252,
        130,
        62,
        [f"linear → {hidden}", "GELU", f"linear → {wide}"],
        colour=ORANGE,
        size=12,
        name=f"MLP (linear layer, {hidden} numbers, GELU, linear layer, {wide} numbers)",
    )
    add2 = sheet.sign(x, 194, "+", "add 2", colour=GREEN)
    sheet.text(x + 20, 199, shaped(found["blocks.0"]), anchor="start")
    sheet.flow(entry, first, [entry.east, (x, 552), first.south])
    for start, end in ((first, attend), (attend, add1), (add1, second), (second, mlp), (mlp, add2)):
        sheet.flow(start, end, [start.north, end.south])
    sheet.flow(entry, add1, [(x, 524), (way, 524), (way, 366), add1.west], by="skip", colour=GREEN)
    sheet.flow(add1, add2, [(x, 346), (way, 346), (way, 194), add2.west], by="skip", colour=GREEN)
    sheet.text(way - 6, 440, "skip", anchor="end")
    sheet.text(way - 6, 268, "skip", anchor="end")
    norm = sheet.box(x, 108, 110, 40, ["LayerNorm"], colour=GREY, shape=found["norm"], name="last LayerNorm")
    sheet.flow(add2, norm, [add2.north, norm.south], by="further blocks")
    read = sheet.box(544, 108, 138, 40, [read_from(model)], colour=ORANGE, shape=found["classifier:in"], size=12)
    logits = sheet.box(700, 108, 80, 40, ["logits"], colour=GREEN, shape=found["classifier"])
    sheet.flow(norm, read)
    sheet.flow(read, logits, by="linear layer")
    sheet.text((read.right + logits.left) / 2, 100, "linear", colour=QUIET)


def _attention(sheet, found, heads):
    """Upward: the attention of a block, opened, in a frame to which dashed lines lead."""
    name, width = "blocks.0.attention", found["blocks.0.attention"][1] // heads
    sheet.frame(490, 150, 250, 386, VERMILION)
    sheet.text(502, 170, f"attention, {heads} heads", size=13, bold=True, anchor="start")
    for y, end in ((396, 150), (440, 536)):
        sheet.line([(455, y), (490, end)], VERMILION, dashed=True)
    three = sheet.box(
        615, 486, 190, 36, ["linear layer"], colour=BLUE, shape=found[f"{name}.queries_keys_values"], size=12
    )
    letters = [
        sheet.box(615 + shift, 430, 56, 30, [letter], colour=BLUE, name=name)
        for shift, letter, name in ((-84, "Q", "queries"), (0, "K", "keys"), (84, "V", "values"))
    ]
    for letter in letters:
        sheet.flow(three, letter, [(letter.x, three.top), letter.south])
    weights = sheet.box(
        573,
        366,
        140,
        48,
        [f"softmax(Q Kᵀ / √{width})"],
        colour=VERMILION,
        shape=found[f"{name}.softmax"],
        size=12,
        name="softmax of the products of queries and keys",
    )
    for letter in letters[:2]:
        sheet.flow(letter, weights, [letter.north, (letter.x, weights.bottom)])
    gather = sheet.sign(615, 304, "×", "times the values")
    sheet.flow(weights, gather, [(615, weights.top), gather.south], by="attention weights")
    sheet.flow(letters[2], gather, [letters[2].north, (699, 304), gather.east])
    side = sheet.box(615, 254, 190, 36, ["heads concatenated"], colour=GREY, shape=found[f"{name}.mix:in"], size=12)
    out = sheet.box(615, 200, 190, 36, ["output projection, linear"], colour=BLUE, shape=found[f"{name}.mix"], size=12)
    sheet.flow(gather, side, [gather.north, side.south])
    sheet.flow(side, out, [side.north, out.south])
