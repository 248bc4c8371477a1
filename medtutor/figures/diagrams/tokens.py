"""The vision transformer of lesson 07, the hybrid and the fusions of lesson 08."""

import torch
from torch import nn

from ...errors import InputError
from ...models import Hybrid, ViT
from ...models.hybrid import Fusion
from ...models.vit import Attention
from ..canvas import BLUE, GREEN, GREY, ORANGE, VERMILION
from ..drawing import QUIET, Sheet, shaped
from .shapes import Shape, image, scale, shapes_of


def _joined(model):
    """Where the answer is read from."""
    return "mean over tokens" if model.class_token is None else "the class token"


def vit_block(model: ViT, size: Shape) -> Sheet:
    """On the left from patches to tokens, in the middle a block, on the right its attention; upward, as in the paper."""
    attention = model.blocks[0].attention
    patches = model.embedding[-1]
    if not isinstance(attention, Attention) or patches.kernel_size != patches.stride:
        raise InputError(f"the diagram is of a ViT with patches and full attention, not of {type(model).__name__}")
    found = shapes_of(model, image(patches.in_channels, size))
    sheet = Sheet("A vision transformer: tokens, a block, its attention", 636)
    block, tokens = "blocks.0.", found["blocks.0:in"]
    heads, width = attention.heads, tokens[1] // attention.heads

    # Left, downward: patches become tokens.
    side, rows, columns = 112, *model.grid
    left, top = 74, 56
    sheet.frame(left, top, side, side, GREY, fill="#d9d9d9")
    for number in range(1, rows):
        sheet.line([(left, top + side * number / rows), (left + side, top + side * number / rows)], "#ffffff")
    for number in range(1, columns):
        sheet.line([(left + side * number / columns, top), (left + side * number / columns, top + side)], "#ffffff")
    picture = sheet.node("image", found[":in"], left, top, left + side, top + side)
    sheet.lines(
        130,
        188,
        [f"image {shaped(found[':in'])}", f"patches of {patches.kernel_size[0]} × {patches.kernel_size[1]} pixels"],
    )
    linear = sheet.box(
        130, 246, 190, 40, ["one linear layer", "for every patch"], colour=BLUE, size=12, name="linear layer"
    )
    sheet.flow(
        picture,
        linear,
        [(130, 212), linear.north],
        by=f"patches of {patches.kernel_size[0]} x {patches.kernel_size[1]}",
    )
    count = rows * columns
    for number in range(6):
        if number != 4:
            sheet.frame(46 + 28 * number + (number > 4) * 2, 292, 22, 22, BLUE, fill="#c7e0ee")
    sheet.text(170, 308, "…", size=16)
    strip = sheet.node("patch tokens", (count, tokens[1]), 46, 292, 210, 314)
    sheet.flow(linear, strip, [linear.south, (130, 289)])
    sheet.text(130, 332, f"{count} patch tokens of {tokens[1]}")
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
    entry = sheet.box(130, 552, 130, 44, ["tokens"], colour=BLUE, shape=tokens)
    if model.positions is None:
        sheet.text(150, 434, "no positions here", anchor="start")
    else:
        place = sheet.box(130, 486, 150, 40, ["positions, learned"], colour=ORANGE, shape=found["positions"], size=12)
        sheet.flow(place, plus)
    sheet.flow(plus, entry, [plus.west, (36, 430), (36, 552), entry.west])

    # Middle, upward: a block.
    sheet.frame(270, 150, 200, 386, GREY)
    sheet.text(282, 170, f"block, {len(model.blocks)} times", size=13, bold=True, anchor="start")
    x, way = 390, 312
    first = sheet.box(x, 476, 130, 32, ["LayerNorm"], colour=GREY, name="LayerNorm 1")
    attend = sheet.box(x, 418, 130, 44, ["attention"], colour=VERMILION, shape=found[f"{block}attention"])
    add1 = sheet.sign(x, 366, "+", "add 1", colour=GREEN)
    second = sheet.box(x, 322, 130, 32, ["LayerNorm"], colour=GREY, name="LayerNorm 2")
    hidden = found[f"{block}mlp.0"]
    mlp = sheet.box(
        x,
        252,
        130,
        62,
        [f"linear → {hidden[1]}", "GELU", f"linear → {tokens[1]}"],
        colour=ORANGE,
        size=12,
        name=f"MLP (linear layer, {hidden[1]} numbers, GELU, linear layer, {tokens[1]} numbers)",
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
    # On top, to the right: the answer.
    norm = sheet.box(x, 108, 110, 40, ["LayerNorm"], colour=GREY, shape=found["norm"], name="last LayerNorm")
    sheet.flow(add2, norm, [add2.north, norm.south], by="further blocks")
    read = sheet.box(544, 108, 138, 40, [_joined(model)], colour=ORANGE, shape=found["classifier:in"], size=12)
    logits = sheet.box(700, 108, 80, 40, ["logits"], colour=GREEN, shape=found["classifier"])
    sheet.flow(norm, read)
    sheet.flow(read, logits, by="linear layer")
    sheet.text((read.right + logits.left) / 2, 100, "linear", colour=QUIET)

    # Right, upward: attention opened.
    sheet.frame(490, 150, 250, 386, VERMILION)
    sheet.text(502, 170, f"attention, {heads} heads", size=13, bold=True, anchor="start")
    for y, end in ((396, 150), (440, 536)):
        sheet.line([(attend.right, y), (490, end)], VERMILION, dashed=True)
    three = sheet.box(
        615, 486, 190, 36, ["linear layer"], colour=BLUE, shape=found[f"{block}attention.queries_keys_values"], size=12
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
        shape=found[f"{block}attention.softmax"],
        size=12,
        name="softmax of the products of queries and keys",
    )
    for letter in letters[:2]:
        sheet.flow(letter, weights, [letter.north, (letter.x, weights.bottom)])
    gather = sheet.sign(615, 304, "×", "times the values")
    sheet.flow(weights, gather, [(615, weights.top), gather.south], by="who looks at whom")
    sheet.flow(letters[2], gather, [letters[2].north, (699, 304), gather.east])
    side = sheet.box(
        615, 254, 190, 36, ["heads side by side"], colour=GREY, shape=found[f"{block}attention.mix:in"], size=12
    )
    out = sheet.box(
        615, 200, 190, 36, ["output projection, linear"], colour=BLUE, shape=found[f"{block}attention.mix"], size=12
    )
    sheet.flow(gather, side, [gather.north, side.south])
    sheet.flow(side, out, [side.north, out.south])
    sheet.tell(
        20,
        602,
        [
            f"In each head a token has a query, a key and a value of {width} numbers. The weights say how much each",
            f"of the {tokens[0]} tokens takes from each of the {tokens[0]}; a row of them adds up to 1.",
        ],
    )
    return sheet


def hybrid(model: Hybrid, size: Shape) -> Sheet:
    """In a row: convolutions, tokens, attention, answer."""
    entry = model.embedding[0].in_channels
    found = shapes_of(model, image(entry, size))
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
    for number in range(len(model.blocks)):
        sheet.frame(xs[-2] - 26 + 4 * number, middle - 44 + 8 * number, 44, 76, VERMILION, fill="#f6d9c7")
    things.append(
        sheet.node(
            f"{len(model.blocks)} transformer blocks",
            found["blocks"],
            xs[-2] - 26,
            middle - 44,
            xs[-2] + 14 + 4 * len(model.blocks),
            middle + 50,
        )
    )
    things.append(sheet.box(xs[-1], middle, 58, 44, ["logits"], colour=GREEN, shape=found["classifier"]))
    titles += ["tokens", f"{len(model.blocks)} blocks", "logits"]
    notes += ["one a place", "attention + MLP", "linear"]
    positions = "each place becomes a token" + (", with its position" if model.positions is not None else "")
    ways = [*["convolution"] * (len(maps) - 1), positions, "", f"{_joined(model)}, linear layer"]
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
        start, end = xs[first] - step * 0.4, xs[last] + step * 0.4
        sheet.line([(start, 76), (start, 68), (end, 68), (end, 76)], colour)
        sheet.text((start + end) / 2, 60, words)
    sheet.tell(
        20,
        284,
        [
            f"The {tokens[0]} places of the last map are the {tokens[0]} tokens, each of {tokens[1]} numbers. The answer is read from {'the mean over all tokens' if model.class_token is None else 'the class token'}."
        ],
    )
    return sheet


def fusion(model: Fusion, size: Shape) -> Sheet:
    """Three ways side by side, upward to the answer, for images and tables such as the model's."""
    columns = model.table.layers[0].in_features // 2 if model.table is not None else 2
    channels = model.image[0].in_channels if model.image is not None else 1
    last = [each for each in model.modules() if isinstance(each, nn.Linear)][-1]
    sheet = Sheet("An image and a table: three places where they can meet", 548)
    for place, way in enumerate(("early", "gated", "late")):
        with torch.device("meta"):
            one = Fusion(channels, size, last.out_features, columns, way).eval()
        found = shapes_of(one, image(channels, size), torch.zeros(1, columns, device="meta"))
        _fused(sheet, found, way, 20 + 244 * place)
    sheet.tell(
        20, 532, ["Features joined: the table can change what the image means. Logits added: each part answers alone."]
    )
    return sheet


def _fused(sheet, found, way, left):
    titles = {"early": "features joined, MLP", "gated": "features joined, gates", "late": "logits added"}
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
    joint = sheet.box(middle, 272, 190, 40, ["side by side"], colour=VERMILION, shape=found["answer:in"], size=12)
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
