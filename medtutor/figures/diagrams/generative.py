"""The variational autoencoder of lesson 05 and the GAN of lesson 06."""

from typing import Any

import torch

from ...errors import InputError
from ..canvas import BLUE, GREEN, GREY, ORANGE, VERMILION
from ..drawing import Sheet, shaped
from .shapes import Shape, image, scale, shapes_of


def _maps(found, name):
    """The shapes (C, H, W) that the layers of a `Sequential` give, each once, in their order."""
    maps = []
    for key, shape in found.items():
        if key.startswith(f"{name}.") and key.count(".") == name.count(".") + 1 and ":" not in key:
            if len(shape) == 3 and shape not in maps:
                maps.append(shape)
    return maps


def _chain(sheet, things, y, by=""):
    for start, end in zip(things, things[1:]):
        gap = 3 if end.left > start.right else -3
        sides = (start.right, end.left) if gap > 0 else (start.left, end.right)
        sheet.flow(start, end, [(sides[0] + gap, y), (sides[1] - gap, y)], by=by)


def _under(sheet, node, lines, y):
    for number, words in enumerate(lines):
        sheet.text(node.x, y + 16 * number, words, bold=number == 0 and len(lines) > 1)


def vae(model: Any, size: Shape) -> Sheet:
    """Above from the image to a Gaussian, on the right the draw from it, below back to an image."""
    found = shapes_of(model, image(model, size))
    coded, drawn = [found[":in"], *_maps(found, "encoder.features")], _maps(found, "decoder.layers")
    drawn = [found["decoder.expand"], *drawn]
    if len(coded) > 3:
        raise InputError(f"the diagram has room for 2 convolutions, not for {len(coded) - 1}; give two widths")
    sheet = Sheet("A variational autoencoder (VAE)", 500)
    pixels, latents, above, below = scale(coded, 92, 44), found["decoder:in"], 130, 370
    xs = [70 + 118 * number for number in range(len(coded))]
    encoder = [
        sheet.slab(
            x,
            above,
            pixels(shape),
            BLUE if number else GREY,
            name=f"encoder {number}" if number else "image x",
            shape=shape,
        )
        for number, (x, shape) in enumerate(zip(xs, coded))
    ]
    _chain(sheet, encoder, above, "3 × 3 convolution of stride 2")
    for number, (node, shape) in enumerate(zip(encoder, coded)):
        _under(sheet, node, ["image x" if not number else "3 × 3 conv, ÷ 2", shaped(shape)], 206)

    sheet.frame(420, 62, 150, 162, GREY, dashed=True)
    sheet.text(495, 82, "a Gaussian", bold=True)
    mean = sheet.box(495, 116, 126, 44, ["mean μ"], colour=ORANGE, shape=latents, name="mean")
    spread = sheet.box(495, 190, 126, 44, ["log variance"], colour=ORANGE, shape=latents)
    for node in (mean, spread):
        last = encoder[-1]
        sheet.flow(last, node, [(last.right + 3, above), (392, above), (392, node.y), node.west], by="linear layer")
    sheet.text(364, above - 8, "linear")
    times = sheet.sign(690, spread.y, "×", "times")
    plus = sheet.sign(690, mean.y, "+", "plus")
    noise = sheet.box(672, 264, 112, 44, ["noise ε ~ N(0, 1)"], colour=GREY, shape=latents, name="noise", size=12)
    sheet.flow(mean, plus)
    sheet.flow(spread, times, by="exp(½ ·), the standard deviation")
    sheet.text((spread.right + times.left) / 2 + 6, spread.y - 8, "σ = exp(½ ·)")
    sheet.flow(noise, times, [(690, noise.top), times.south])
    sheet.flow(times, plus, [times.north, plus.south])
    sheet.tell(610, 326, ["z = μ + σ · ε"], size=13, bold=True)
    code = sheet.box(560, below, 110, 44, ["latent code z"], colour=ORANGE, shape=latents)
    sheet.flow(plus, code, [plus.east, (738, mean.y), (738, below), code.east])

    decoder = [
        sheet.slab(
            x,
            below,
            pixels(shape),
            GREEN if number < len(drawn) - 1 else GREY,
            name="reconstruction" if number == len(drawn) - 1 else f"decoder {number + 1}",
            shape=shape,
        )
        for number, (x, shape) in enumerate(zip(xs[::-1], drawn))
    ]
    sheet.flow(code, decoder[0], [code.west, (decoder[0].right + 3, below)], by="linear layer")
    sheet.text((code.left + decoder[0].right) / 2, below - 8, "linear")
    _chain(sheet, decoder, below, "transposed convolution of stride 2")
    for number, (node, shape) in enumerate(zip(decoder, drawn)):
        title = "reconstruction" if number == len(drawn) - 1 else ("transposed conv" if number else "linear, as maps")
        _under(sheet, node, [title, shaped(shape)], 444)

    error = sheet.box(90, 270, 140, 44, ["squared error,", "sum over pixels"], colour=VERMILION, size=12, dashed=True)
    sheet.line([(70, 230), (70, error.top)], VERMILION, dashed=True)
    sheet.line([(70, error.bottom), (70, decoder[-1].top - 4)], VERMILION, dashed=True)
    gap = sheet.box(495, 276, 150, 44, ["KL divergence", "from N(0, 1)"], colour=VERMILION, size=12, dashed=True)
    sheet.line([(495, 224), gap.north], VERMILION, dashed=True)
    for start in (encoder[0], decoder[-1]):
        sheet.told(start, error)
    for start in (mean, spread):
        sheet.told(start, gap)
    sheet.tell(212, 268, ["loss = squared error", "+ beta · KL divergence"], size=13, bold=True)
    sheet.tell(
        20,
        486,
        ["The noise comes in from the side: z is a function of mean and log variance, and the gradient passes."],
    )
    return sheet


def gan(drawer: Any, judge: Any, size: Shape) -> Sheet:
    """Two networks, two losses, and which loss changes which network."""
    if drawer.classes or judge.classes:
        raise InputError("the diagram is of a GAN without labels; give networks with classes=0")
    drawn = shapes_of(drawer, torch.zeros(1, drawer.latents, device="meta"))
    judged = shapes_of(judge, image(judge, size))
    made, seen = _maps(drawn, "layers"), _maps(judged, "features")
    if len(made) > 4 or len(seen) > 3:
        raise InputError("the diagram has room for three widths of each network; give fewer")
    sheet = Sheet("A GAN: one network generates, the other discriminates", 512)
    pixels = scale([*made, *seen], 72, 32)
    up, middle, low = 196, 274, 360

    sheet.frame(84, 122, 256, 150, GREEN)
    sheet.text(96, 142, "generator G", size=13, bold=True, anchor="start")
    noise = sheet.box(44, up, 52, 48, ["noise z"], colour=GREY, shape=drawn[":in"], size=12)
    generator = [
        sheet.slab(128 + 84 * number, up, pixels(shape), GREEN, name=f"layer {number + 1} of G", shape=shape)
        for number, shape in enumerate(made[:-1])
    ]
    fake = sheet.slab(384, up, pixels(made[-1]), GREY, name="generated image", shape=made[-1])
    _chain(sheet, [noise, *generator, fake], up)
    for node, shape in zip(generator, made):
        sheet.text(node.x, 260, shaped(shape))
    real = sheet.slab(384, low, pixels(judged[":in"]), GREY, name="real image", shape=judged[":in"])
    for node, title, shape in ((fake, "generated", made[-1]), (real, "real", judged[":in"])):
        sheet.lines(384, node.bottom + 18, [title, shaped(shape)])

    sheet.frame(438, 200, 256, 148, BLUE)
    sheet.text(450, 220, "discriminator D", size=13, bold=True, anchor="start")
    discriminator = [
        sheet.slab(482 + 84 * number, middle, pixels(shape), BLUE, name=f"layer {number + 1} of D", shape=shape)
        for number, shape in enumerate(seen)
    ]
    for node, shape in zip(discriminator, seen):
        sheet.text(node.x, 336, shaped(shape))
    first = discriminator[0]
    sheet.flow(fake, first, [(fake.right + 3, up), (430, up), (430, middle - 5), (first.left - 3, middle - 5)])
    sheet.flow(real, first, [(real.right + 3, low), (430, low), (430, middle + 5), (first.left - 3, middle + 5)])
    _chain(sheet, discriminator, middle)
    answer = sheet.box(728, middle, 46, 48, ["logit"], colour=ORANGE, shape=judged["score"])
    sheet.flow(discriminator[-1], answer, [(discriminator[-1].right + 3, middle), answer.west], by="linear layer")

    wins = sheet.box(
        613, 106, 276, 48, ["loss of G: small where generated", "images get a high logit"], colour=GREEN, size=13
    )
    tells = sheet.box(
        613, 432, 276, 48, ["loss of D: small where real images", "get high, generated ones low logits"], colour=BLUE
    )
    sheet.flow(answer, wins, [(728, answer.top), (728, wins.bottom)])
    sheet.flow(answer, tells, [(728, answer.bottom), (728, tells.top)])
    sheet.arrow([(566, tells.top), (566, 350)], VERMILION, dashed=True)
    sheet.text(558, 382, "gradient updates D", anchor="end")
    sheet.arrow([(wins.left, 92), (206, 92), (206, 120)], VERMILION, dashed=True)
    sheet.text(340, 84, "gradient passes D and updates G")
    remarks = ["Dashed: gradients. The loss of G updates only G, though it passes D; the loss of D updates only D."]
    if judge.minibatch:
        remarks.append("Not drawn: a map that tells D how much the images of a batch differ.")
    sheet.tell(20, 478, remarks)
    return sheet
