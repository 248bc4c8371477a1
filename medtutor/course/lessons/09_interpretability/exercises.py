"""Exercises of lesson 09, interpretability."""

import numpy as np
import torch
from torch import nn

from ....explanation.attention import rollout
from ...check import Exercise, Mistake

CLASSES = 3


def gradient(model, image, target):
    """The gradient of one logit with respect to an image (C, H, W), and of its shape."""
    image = image.detach().clone().requires_grad_()
    return torch.autograd.grad(model(image[None])[0, target], image)[0]


def saliency(model, image, target):
    """How much the target's logit hangs on each pixel, whatever the direction (Simonyan et al. 2013).

    model (1, C, H, W) -> (1, classes), image (C, H, W) -> (C, H, W)
    """
    return gradient(model, image, target).abs()


def integrated_gradients(model, image, baseline, target, steps):
    """The gradient averaged on the straight way from the baseline, times the difference (Sundararajan et al. 2017).

    The gradient is taken in the middle of each step. image, baseline (C, H, W) -> (C, H, W)
    """
    ways = [(k + 0.5) / steps for k in range(steps)]
    gradients = [gradient(model, baseline + way * (image - baseline), target) for way in ways]
    return torch.stack(gradients).mean(0) * (image - baseline)


def _model_and_image(generator):
    """A small smooth model, whose gradients differ from place to place, an image, and a class that is not its
    answer.
    """
    torch_generator = torch.Generator().manual_seed(int(generator.integers(2**31)))
    model = nn.Sequential(nn.Flatten(), nn.Linear(32, 12), nn.Tanh(), nn.Linear(12, CLASSES)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch_generator) * 0.7)
    image = torch.randn(2, 4, 4, generator=torch_generator, dtype=torch.float64)
    answer = int(model(image[None]).argmax())
    return model, image, (answer + 1) % CLASSES


def _way(generator):
    model, image, target = _model_and_image(generator)
    baseline = torch.tensor(generator.normal(size=image.shape)) * 0.3
    return model, image, baseline, target, int(generator.integers(3, 6))


def _of_the_probability(model, image, target):
    return gradient(lambda x: model(x).softmax(1), image, target).abs()


def _of_the_answer(model, image, target):
    return saliency(model, image, int(model(image[None]).argmax()))


def _of_all_classes(model, image, target):
    return sum(gradient(model, image, each) for each in range(CLASSES)).abs()


def _left_ends(model, image, baseline, target, steps):
    gradients = [gradient(model, baseline + k / steps * (image - baseline), target) for k in range(steps)]
    return torch.stack(gradients).mean(0) * (image - baseline)


def _right_ends(model, image, baseline, target, steps):
    gradients = [gradient(model, baseline + (k + 1) / steps * (image - baseline), target) for k in range(steps)]
    return torch.stack(gradients).mean(0) * (image - baseline)


def _not_times_the_difference(model, image, baseline, target, steps):
    return integrated_gradients(model, image, baseline, target, steps) / (image - baseline)


def _times_the_image(model, image, baseline, target, steps):
    return _not_times_the_difference(model, image, baseline, target, steps) * image


def _trapezoids(model, image, baseline, target, steps):
    ends = [gradient(model, baseline + k / steps * (image - baseline), target) for k in range(steps + 1)]
    return (sum(ends) - (ends[0] + ends[-1]) / 2) / steps * (image - baseline)


def _chosen_places(model, image, baseline, target, steps):
    """By the places and weights of Gauss and Legendre, which Captum takes if nothing else is said."""
    places, weights = np.polynomial.legendre.leggauss(steps)
    gradients = [gradient(model, baseline + (1 + place) / 2 * (image - baseline), target) for place in places.tolist()]
    return sum(weight / 2 * each for weight, each in zip(weights.tolist(), gradients)) * (image - baseline)


def _attention_of_some_blocks(generator):
    """Weights (blocks, heads, N, N), sharp enough that heads and blocks differ."""
    blocks, heads = generator.integers(3, 5), generator.integers(2, 5)
    tokens = generator.integers(5, 9)
    return (torch.tensor(2 * generator.normal(size=(blocks, heads, tokens, tokens))).softmax(-1),)


def _steps(weights, of_heads=lambda each: each.mean(dim=0)):
    """What one block does, [(N, N), …]: half attention, half staying."""
    return [(of_heads(each) + torch.eye(each.shape[-1])) / 2 for each in weights]


def _multiplied(steps):
    """The product, the last block on the left."""
    through = steps[0]
    for step in steps[1:]:
        through = step @ through
    return through


def _head_by_head(weights):
    return torch.stack([_multiplied(_steps(weights[:, [head]])) for head in range(weights.shape[1])]).mean(0)


def _identity_at_the_end(weights):
    through = _multiplied([each.mean(dim=0) for each in weights])
    return (through + torch.eye(len(through))) / 2


def _place_by_place(weights):
    return torch.stack(_steps(weights)).prod(dim=0)


EXERCISES = [
    Exercise(
        "saliency",
        saliency,
        _model_and_image,
        (
            Mistake(
                "signed",
                gradient,
                "this still has its sign. Saliency asks how much a pixel matters, not in which direction.",
            ),
            Mistake(
                "of the probability",
                _of_the_probability,
                "this is the gradient of the probability, which also falls when another class rises. Take the logit.",
            ),
            Mistake(
                "of the model's own answer",
                _of_the_answer,
                "this explains the class the model would answer, not the target that was asked for.",
            ),
            Mistake(
                "of all classes", _of_all_classes, "this adds up the logits of all classes. One of them is the target."
            ),
            Mistake(
                "times the image",
                lambda model, image, target: (gradient(model, image, target) * image).abs(),
                "this is multiplied by the image: that is another method, input x gradient.",
            ),
            Mistake(
                "of the log probability",
                lambda model, image, target: gradient(lambda x: model(x).log_softmax(1), image, target).abs(),
                "this is the gradient of the log probability, as of a loss, which also falls when another class rises."
                " Take the logit.",
            ),
            Mistake(
                "the largest of the channels",
                lambda *case: saliency(*case).amax(0),
                "this is one number a pixel, the largest of its channels, which is often drawn. Asked for is one for"
                " each channel.",
            ),
            Mistake(
                "upward alone",
                lambda *case: gradient(*case).clamp(min=0),
                "you keep what raises the score and drop what lowers it. A pixel that lowers it matters as much.",
            ),
            Mistake(
                "the largest made 1",
                lambda *case: saliency(*case) / saliency(*case).max(),
                "you divide by the largest value. For a picture that is fine; asked for is the gradient in its own"
                " units.",
            ),
            Mistake(
                "squared", lambda *case: gradient(*case) ** 2, "this is the gradient squared. Asked for is its size."
            ),
        ),
    ),
    Exercise(
        "integrated_gradients",
        integrated_gradients,
        _way,
        (
            Mistake(
                "from the start of each step",
                _left_ends,
                "you take the gradient where each step begins. Take it in the middle: the sum is closer to the"
                " integral.",
            ),
            Mistake(
                "from the end of each step",
                _right_ends,
                "you take the gradient where each step ends. Take it in the middle: the sum is closer to the integral.",
            ),
            Mistake(
                "not times the difference",
                _not_times_the_difference,
                "this is the averaged gradient. What is still missing is how far each pixel went.",
            ),
            Mistake(
                "times the image",
                _times_the_image,
                "you multiply by the image, which is right only for a black baseline of zeros. How far did each"
                " pixel go?",
            ),
            Mistake(
                "baseline forgotten",
                lambda model, image, baseline, target, steps: integrated_gradients(
                    model, image, torch.zeros_like(image), target, steps
                ),
                "this starts at zero, whatever the baseline is.",
            ),
            Mistake(
                "summed over the steps",
                lambda *way: integrated_gradients(*way) * way[-1],
                "this is larger by the number of steps: an average is asked for.",
            ),
            Mistake(
                "trapezoids",
                _trapezoids,
                "you take the gradient at both ends of each step, the trapezoid rule. A good sum, too; asked for is the"
                " middle of each step.",
            ),
            Mistake(
                "at chosen places",
                _chosen_places,
                "you take the gradient at the places of Gauss and Legendre, as Captum does if nothing else is said. A"
                " good sum, too; asked for is the middle of each step.",
            ),
            Mistake(
                "at the image alone",
                lambda model, image, baseline, target, steps: gradient(model, image, target) * (image - baseline),
                "you take the gradient at the image alone, where the score may be saturated. Walk there from the"
                " baseline.",
            ),
            Mistake(
                "the other way",
                lambda *way: -integrated_gradients(*way),
                "the sign is turned round: how far a pixel went is where it arrives minus where it started.",
            ),
            Mistake(
                "without its sign",
                lambda *way: integrated_gradients(*way).abs(),
                "the sign is lost. It says whether a pixel speaks for the class or against it.",
            ),
            Mistake(
                "of the probability",
                lambda model, *way: integrated_gradients(lambda x: model(x).softmax(1), *way),
                "this is about the probability, which also falls when another class rises. Take the logit.",
            ),
        ),
    ),
    Exercise(
        "rollout",
        rollout,
        _attention_of_some_blocks,
        (
            Mistake(
                "wrong order",
                lambda weights: _multiplied(_steps(weights)[::-1]),
                "the blocks are multiplied in the other order. The last block looks at what the ones before have"
                " gathered: row i of the product starts at its token i, so which one stands on the left?",
            ),
            Mistake(
                "identity left out",
                lambda weights: _multiplied([each.mean(dim=0) for each in weights]),
                "the identity is missing: a block adds to what a token was, it does not replace it.",
            ),
            Mistake(
                "identity not halved",
                lambda weights: _multiplied([2 * step for step in _steps(weights)]),
                "attention and identity are added, and the rows add up to more than 1, more with each block. Take half"
                " of each.",
            ),
            Mistake(
                "identity at the end",
                _identity_at_the_end,
                "you add the identity once, after the product. Every block adds to what was there.",
            ),
            Mistake(
                "the strongest head",
                lambda weights: _multiplied(_steps(weights, lambda each: each.max(dim=0).values)),
                "you take the strongest head at each place. Asked for is their mean, whose rows still add up to 1.",
            ),
            Mistake(
                "heads added up",
                lambda weights: _multiplied(_steps(weights, lambda each: each.sum(dim=0))),
                "you add up the heads: a row then adds up to as many as there are heads. Take their mean.",
            ),
            Mistake(
                "head by head",
                _head_by_head,
                "you multiply each head through for itself, and average then. Heads are mixed after each block: average"
                " first.",
            ),
            Mistake(
                "blocks averaged",
                lambda weights: torch.stack(_steps(weights)).mean(0),
                "you average the blocks. They work one after another: the second one looks at what the first has"
                " gathered.",
            ),
            Mistake(
                "place by place",
                _place_by_place,
                "you multiply place by place (*). A way over two blocks goes from token to token to token, over all in"
                " between: @.",
            ),
            Mistake(
                "the last block alone",
                lambda weights: _steps(weights)[-1],
                "this is the last block alone. From the second block on, a token is no longer its own patch.",
            ),
            Mistake(
                "columns for rows",
                lambda weights: rollout(weights).T,
                "this is the transpose: the columns add up to 1. Row i has to say where token i comes from.",
            ),
            Mistake(
                "the first block alone",
                lambda weights: _steps(weights)[0],
                "this is the first block alone. What do the others do with what it has gathered?",
            ),
            Mistake(
                "one block many times",
                lambda weights: torch.linalg.matrix_power(torch.stack(_steps(weights)).mean(0), len(weights)),
                "you average the blocks, and go through the mean many times. Each block has its own weights and its own"
                " turn.",
            ),
            Mistake(
                "heads one after another",
                lambda weights: _multiplied(_steps(weights.flatten(0, 1)[:, None])),
                "you go through the heads of a block one after another. They work side by side: take their mean.",
            ),
            Mistake(
                "identity whole, attention half",
                lambda weights: _multiplied([step + torch.eye(step.shape[-1]) / 2 for step in _steps(weights)]),
                "you halve the attention and not the identity, and the rows add up to more than 1. Take half of each.",
            ),
            Mistake(
                "numbers of the last row",
                lambda weights: rollout(weights)[0],
                "this is one row, that of the first token. Asked for are the rows of all tokens.",
            ),
        ),
    ),
]
