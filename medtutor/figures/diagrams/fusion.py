"""The hybrid and the fusions of lesson 08."""

from typing import Any

import torch
from torch import nn

from ...errors import InputError
from ...models.hybrid import Fusion
from ..canvas import BLUE, GREEN, GREY, ORANGE, VERMILION
from ..drawing import QUIET, Sheet, shaped
from .shapes import Shape, image, scale, shapes_of
from .tokens import read_from


def hybrid(model: Any, size: Shape) -> Sheet:
    """In a row: convolutions, tokens, attention, answer."""
    found = shapes_of(model, image(model, size))
    stages = [f"embedding.{number}" for number in range(2, len(model.embedding))]  # the stem ends with its ReLU
    maps = [found[":in"], *(found[name] for name in stages)]
    if len(maps) > 5:
        raise InputError(
            f"the diagram has room for 2 stages of convolutions, not for {len(stages) - 2}; give two widths"
        )
    sheet = Sheet("A hybrid: convolutions see what is near, attention what is far", 300)
    pixels, middle, step = scale(maps, 92, 34), 144, 720 / (len(maps) + 3)
    xs = [20 + step * (number + 0.5) for number in range(len(maps) + 3)]
    titles = ["image", "stem", *(f"residual {number + 1}" for number in range(len(maps) - 3)), "to tokens"]
    notes = ["", "3 × 3 conv", *("2 conv + skip" for _ in maps[3:]), "conv, ÷ 2"]
    things = [
        sheet.slab(x, middle, pixels(shape), BLUE if number else GREY, name=titles[number], shape=shape)
        for number, (x, shape) in enumerate(zip(xs, maps))
    ]
    tokens = found["blocks.0:in"]
    for number in range(6):
        sheet.frame(xs[-3] - 9, middle - 60 + 20 * number + (number > 4) * 4, 18, 16, ORANGE, fill="#fbecd0")
    things.append(sheet.node("tokens", tokens, xs[-3] - 9, middle - 60, xs[-3] + 9, middle + 60))
    sheets = min(len(model.blocks), 4)
    for number in range(sheets):
        sheet.frame(xs[-2] - 26 + 4 * number, middle - 44 + 8 * number, 44, 76, VERMILION, fill="#f6d9c7")
    things.append(
        sheet.node(
            f"{len(model.blocks)} transformer blocks",
            found["blocks"],
            xs[-2] - 26,
            middle - 44,
            xs[-2] + 14 + 4 * sheets,
            middle + 50,
        )
    )
    things.append(sheet.box(xs[-1], middle, 58, 44, ["logits"], colour=GREEN, shape=found["classifier"]))
    titles += ["tokens", f"{len(model.blocks)} blocks", "logits"]
    notes += ["one a place", "attention + MLP", "linear"]
    positions = "each place becomes a token" + (", with its position" if model.positions is not None else "")
    ways = [*["convolution"] * (len(maps) - 1), positions, "", f"{read_from(model)}, linear layer"]
    for start, end, by in zip(things, things[1:], ways):
        sheet.flow(start, end, [(start.right + 3, middle), (end.left - 3, middle)], by=by)
    for x, title, note, shape in zip(xs, titles, notes, [*maps, tokens, found["blocks"], None]):
        sheet.text(x, 224, title, bold=True, size=13)
        if shape:
            sheet.text(x, 240, shaped(shape))
        sheet.text(x, 256, note, colour=QUIET)
    for first, last, words, colour in (
        (1, len(maps) - 1, "convolutions: near", BLUE),
        (len(maps), len(maps) + 1, "attention: far", VERMILION),
    ):
        left, right = xs[first] - step * 0.4, xs[last] + step * 0.4
        sheet.line([(left, 76), (left, 68), (right, 68), (right, 76)], colour)
        sheet.text((left + right) / 2, 60, words)
    read = "the mean over all tokens" if model.class_token is None else "the class token"
    sheet.tell(
        20,
        284,
        [f"Each place of the last map is a token: {tokens[0]} of {tokens[1]} numbers. The answer is read from {read}."],
    )
    return sheet


def fusion(model: Any, size: Shape) -> Sheet:
    """Three ways side by side, upward to the answer, for images and tables such as the model's."""
    columns = model.table.layers[0].in_features // 2 if model.table is not None else 2
    channels = model.image[0].in_channels if model.image is not None else 1
    last = [each for each in model.modules() if isinstance(each, nn.Linear)][-1]
    sheet = Sheet("Fusion of an image and a table, in three ways", 548)
    for place, way in enumerate(("early", "gated", "late")):
        with torch.device("meta"):
            one = Fusion(channels, size, last.out_features, columns, way).eval()
        found = shapes_of(one, image(one, size), torch.zeros(1, columns, device="meta"))
        _fused(sheet, found, way, 20 + 244 * place)
    sheet.tell(
        20,
        532,
        ["Concatenated features: the table can change what the image means. Added logits: each part answers alone."],
    )
    return sheet


def _fused(sheet, found, way, left):
    titles = {"early": "concatenated features, MLP", "gated": "concatenated features, gates", "late": "logits added"}
    sheet.frame(left, 52, 232, 450, GREY)
    sheet.text(left + 116, 69, f'way="{way}"', bold=True)
    sheet.text(left + 116, 85, titles[way])
    x, y = left + 66, left + 170
    middle = left + 116
    told = f" ({way})"
    picture = sheet.slab(x, 444, (6, 56, 56), GREY, name=f"image{told}", shape=found[":in"])
    table = sheet.box(y, 444, 84, 56, ["table"], colour=GREY, shape=found["table:in"], name=f"table{told}")
    sheet.text(x, 492, f"image {shaped(found[':in'])}")
    cnn = sheet.box(x, 350, 92, 44, ["CNN"], colour=BLUE, shape=found["image"])
    mlp = sheet.box(y, 350, 92, 44, ["MLP"], colour=ORANGE, shape=found["table"])
    sheet.flow(picture, cnn, [(x, picture.top - 2), cnn.south])
    logits = sheet.box(middle, 114, 110, 44, ["logits"], colour=GREEN, shape=found[""])
    if way == "late":
        heads = [
            sheet.box(at, 262, 92, 44, ["linear"], colour=colour, shape=found[f"of_{part}"])
            for at, part, colour in ((x, "image", BLUE), (y, "table", ORANGE))
        ]
        plus = sheet.sign(middle, 190, "+", "add", colour=GREEN)
        sheet.flow(cnn, heads[0], [cnn.north, heads[0].south])
        sheet.flow(heads[0], plus, [heads[0].north, (x, 190), plus.west])
        sheet.flow(plus, logits, [plus.north, logits.south])
        sheet.flow(table, mlp, [table.north, mlp.south])
        sheet.flow(mlp, heads[1], [mlp.north, heads[1].south])
        sheet.flow(heads[1], plus, [heads[1].north, (y, 190), plus.east])
        return
    joint = sheet.box(middle, 272, 190, 40, ["concatenation"], colour=VERMILION, shape=found["answer:in"], size=12)
    sheet.flow(cnn, joint, [cnn.north, (x, joint.bottom)])
    if way == "early":
        hidden = sheet.box(
            middle, 194, 150, 44, ["MLP: linear, ReLU"], colour=VERMILION, shape=found["answer.1"], size=12
        )
        sheet.flow(joint, hidden, [joint.north, hidden.south])
        sheet.flow(hidden, logits, [hidden.north, logits.south], by="linear layer")
        sheet.text(middle + 8, 158, "linear", anchor="start", colour=QUIET)
    else:
        gates = sheet.box(left + 66, 194, 100, 44, ["sigmoid gates"], colour=VERMILION, shape=found["gates"], size=12)
        times = sheet.sign(left + 166, 194, "×", "times")
        sheet.flow(joint, gates, [(gates.x, joint.top), gates.south], by="linear layer and sigmoid")
        sheet.flow(gates, times)
        sheet.flow(joint, times, [(times.x, joint.top), times.south])
        sheet.flow(times, logits, [(times.x, times.top), (times.x, logits.bottom)], by="linear layer")
        sheet.text(times.x + 8, 158, "linear", anchor="start", colour=QUIET)
    sheet.flow(table, mlp, [table.north, mlp.south])
    sheet.flow(mlp, joint, [mlp.north, (y, joint.bottom)])
