"""Exercises of lesson 09, interpretability."""

import numpy as np
import torch
from torch import nn

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
]
