"""Exercises of lesson 06, generative adversarial networks."""

import torch
import torch.nn.functional as F

from ....training.losses import discriminator_loss, generator_loss
from ...check import Exercise, Mistake


def covered(points, others, k):
    """Which share of the points lies in a ball around at least one of the others.

    Each of the others has its own ball, which reaches to its k-th nearest neighbour among the others.
    points (N, F), others (M, F), k below M -> one number, 0…1
    """
    radii = _distances(others, others).kthvalue(k + 1, dim=1).values  # the nearest of all is the point itself
    return _share_inside(points, others, radii)


def _distances(points, others):
    # By matrix products a distance to itself comes out as 1e-3 rather than 0.
    return torch.cdist(points, others, compute_mode="donot_use_mm_for_euclid_dist")


def _share_inside(points, others, radii):
    return (_distances(points, others) <= radii).any(dim=1).double().mean()


def _two_clouds(generator):
    """A wide cloud and a narrow one that overlap by a part: precision and recall differ, and every k another share."""
    count, features, k = int(generator.integers(26, 34)), int(generator.integers(2, 4)), int(generator.integers(3, 6))
    close = True
    while close:
        points = torch.tensor(generator.normal(size=(count, features)) * 2)
        others = torch.tensor(generator.normal(size=(count + 7, features)) + 0.5)
        # No point lies just at the border of a ball: there single precision would decide.
        close = (
            (_distances(points, others) - _distances(others, others).kthvalue(k + 1, dim=1).values).abs() < 1e-3
        ).any()
    return points, others, k


def _counts_itself(points, others, k):
    return _share_inside(points, others, _distances(others, others).kthvalue(k, dim=1).values)


def _one_radius(points, others, k):
    return _share_inside(points, others, _distances(others, others).kthvalue(k + 1, dim=1).values.mean())


def _in_all_balls(points, others, k):
    radii = _distances(others, others).kthvalue(k + 1, dim=1).values
    return (_distances(points, others) <= radii).all(dim=1).double().mean()


def _balls_of_the_points(points, others, k):
    radii = _distances(points, points).kthvalue(k + 1, dim=1).values
    return (_distances(points, others) <= radii[:, None]).any(dim=1).double().mean()


def _ball_of_the_nearest(points, others, k):
    radii = _distances(others, others).kthvalue(k + 1, dim=1).values
    nearest = _distances(points, others).min(dim=1)
    return (nearest.values <= radii[nearest.indices]).double().mean()


def _squared(points, others, k):
    radii = _distances(others, others).kthvalue(k + 1, dim=1).values
    return (_distances(points, others) ** 2 <= radii).any(dim=1).double().mean()


def _pairs_inside(points, others, k):
    radii = _distances(others, others).kthvalue(k + 1, dim=1).values
    return (_distances(points, others) <= radii).double().mean()


def _two_verdicts(generator):
    """Logits of as many real and drawn images, of a judge that is mostly right and mistaken now and then.

    Of 6 at most: beyond, log(1 - p) in single precision is a matter of how it is written.
    """
    count = int(generator.integers(5, 10))
    real, fake = generator.normal(size=count) * 3 + 1, generator.normal(size=count) * 3 - 1
    return torch.tensor(real).clamp(-6, 6), torch.tensor(fake).clamp(-6, 6)


def _one_verdict(generator):
    return _two_verdicts(generator)[1:]


EXERCISES = [
    Exercise(
        "discriminator_loss",
        discriminator_loss,
        _two_verdicts,
        (
            Mistake(
                "labels the wrong way round",
                lambda real, fake: F.softplus(real).mean() + F.softplus(-fake).mean(),
                "this is small where real images are called drawn, and drawn ones real. A logit above 0 says: real.",
            ),
            Mistake(
                "sign",
                lambda real, fake: -discriminator_loss(real, fake),
                "the sign is wrong: an optimiser makes this as small as it can, and the judge as bad. A cross-entropy"
                " is never below 0.",
            ),
            Mistake(
                "all called real",
                lambda real, fake: F.softplus(-real).mean() + F.softplus(-fake).mean(),
                "drawn images are asked to be real, too. That is what the generator wants; the discriminator wants the"
                " opposite.",
            ),
            Mistake(
                "real images alone",
                lambda real, fake: F.softplus(-real).mean(),
                "a half is missing: this judge never learns what drawn images look like, and calls everything real.",
            ),
            Mistake(
                "drawn images alone",
                lambda real, fake: F.softplus(fake).mean(),
                "a half is missing: this judge never learns what real images look like, and calls everything drawn.",
            ),
            Mistake(
                "summed over the batch",
                lambda real, fake: F.softplus(-real).sum() + F.softplus(fake).sum(),
                "this is summed over the images, so that a larger batch takes larger steps. Take the mean of each"
                " half.",
            ),
            Mistake(
                "halved",
                lambda real, fake: discriminator_loss(real, fake) / 2,
                "this is half of what is asked for: add the mean over the real images and the mean over the drawn"
                " ones.",
            ),
            Mistake(
                "sigmoid twice",
                lambda real, fake: discriminator_loss(real.sigmoid(), fake.sigmoid()),
                "the sigmoid is applied twice. A function whose name ends in with_logits, softplus too, takes the"
                " logits as they are.",
            ),
            Mistake(
                "scores of a critic",
                lambda real, fake: fake.mean() - real.mean(),
                "this is the loss of a critic (WGAN): a difference of mean scores without any logarithm. Here the"
                " logits are those of a probability.",
            ),
            Mistake(
                "hinge",
                lambda real, fake: (1 - real).relu().mean() + (1 + fake).relu().mean(),
                "this is the hinge loss, which is flat where the judge is sure. Asked for is the cross-entropy, with a"
                " logarithm.",
            ),
            Mistake(
                "least squares",
                lambda real, fake: ((1 - real.sigmoid()) ** 2).mean() + (fake.sigmoid() ** 2).mean(),
                "these are squares of what the probabilities lack. Asked for is the cross-entropy, with a logarithm.",
            ),
            Mistake(
                "labels smoothed",
                lambda real, fake: (
                    F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9)) + F.softplus(fake).mean()
                ),
                "real images are labelled less than 1, to keep the judge from being too sure. That is a trick of its"
                " own; here a real image is real.",
            ),
            Mistake(
                "pairs compared",
                lambda real, fake: F.softplus(fake - real).mean(),
                "you compare each real image with a drawn one. Every image is judged by itself.",
            ),
            Mistake(
                "logarithm of the mean",
                lambda real, fake: -real.sigmoid().mean().log() - (1 - fake.sigmoid()).mean().log(),
                "you take the mean of the probabilities, and its logarithm. First the logarithm of each, then the"
                " mean.",
            ),
        ),
        gradients=True,
    ),
    Exercise(
        "generator_loss",
        generator_loss,
        _one_verdict,
        (
            Mistake(
                "saturating",
                lambda fake: -F.softplus(fake).mean(),
                "this is log(1 - p), the original game. It wants the same, but where p is near 0, at the beginning, it"
                " has nearly no slope. Take the one that is steep there.",
            ),
            Mistake(
                "the discriminator's side",
                lambda fake: F.softplus(fake).mean(),
                "this is small where drawn images are found out: it is the discriminator's own half. The generator"
                " wants them to be called real.",
            ),
            Mistake(
                "sign",
                lambda fake: -generator_loss(fake),
                "the sign is wrong: this becomes small where p, the probability of being real, does. A minus belongs"
                " before the logarithm.",
            ),
            Mistake(
                "summed over the batch",
                lambda fake: F.softplus(-fake).sum(),
                "this is summed over the images, so that a larger batch takes larger steps. Take the mean.",
            ),
            Mistake(
                "sigmoid twice",
                lambda fake: generator_loss(fake.sigmoid()),
                "the sigmoid is applied twice. A function whose name ends in with_logits, softplus too, takes the"
                " logits as they are.",
            ),
            Mistake(
                "no logarithm",
                lambda fake: 1 - fake.sigmoid().mean(),
                "there is no logarithm in this. Like log(1 - p), 1 - p is flat where the images are bad.",
            ),
            Mistake(
                "score of a critic",
                lambda fake: -fake.mean(),
                "this is the loss against a critic (WGAN), whose scores are no logits. Here p = sigmoid(logit), and"
                " -log p is asked for.",
            ),
            Mistake(
                "logarithm of the mean",
                lambda fake: -fake.sigmoid().mean().log(),
                "you take the mean of the probabilities, and its logarithm. First the logarithm of each, then the"
                " mean.",
            ),
            Mistake(
                "mean of the logits",
                lambda fake: F.softplus(-fake.mean()),
                "you take the mean of the logits first: one image that is believed makes up for one that is not. First"
                " -log p of each, then the mean.",
            ),
            Mistake(
                "least squares",
                lambda fake: ((1 - fake.sigmoid()) ** 2).mean(),
                "these are squares of what p lacks. Asked for is -log p.",
            ),
            Mistake(
                "not averaged",
                lambda fake: F.softplus(-fake),
                "this is -log p of each image. Asked for is one number, their mean.",
            ),
        ),
        gradients=True,
    ),
    Exercise(
        "covered",
        covered,
        _two_clouds,
        (
            Mistake(
                "counts itself",
                _counts_itself,
                "your balls are too small by one neighbour: the nearest of all to a point is the point itself, at"
                " distance 0.",
            ),
            Mistake(
                "balls around the wrong ones",
                _balls_of_the_points,
                "the radii are those of the points. The balls lie around the others, and reach to neighbours among the"
                " others.",
            ),
            Mistake(
                "the other way round",
                lambda points, others, k: covered(others, points, k),
                "the two sets have changed places: recall for precision. Count the points, and draw the balls around"
                " the others.",
            ),
            Mistake("in all balls", _in_all_balls, "this asks for points that lie in every ball. One ball is enough."),
            Mistake(
                "pairs counted",
                _pairs_inside,
                "this is the share of all pairs. A point counts once, in however many balls it lies.",
            ),
            Mistake(
                "one radius for all",
                _one_radius,
                "all your balls have the same radius. Where neighbours are dense the balls should be small, each has"
                " its own.",
            ),
            Mistake(
                "the nearest one's ball alone",
                _ball_of_the_nearest,
                "you ask the nearest of the others alone. A point may lie outside its ball and inside the larger one of"
                " another.",
            ),
            Mistake(
                "first neighbour",
                lambda points, others, k: covered(points, others, 1),
                "your balls reach to the nearest neighbour, whatever k is.",
            ),
            Mistake(
                "one neighbour too many",
                lambda points, others, k: covered(points, others, k + 1),
                "your balls are too large by one neighbour. Which place has the k-th, counted from 0, and is the point"
                " itself among them?",
            ),
            Mistake("squared distances", _squared, "you hold squared distances against radii that are not squared."),
            Mistake(
                "a number of points",
                lambda points, others, k: covered(points, others, k) * len(points),
                "this is a number of points. Asked for is their share.",
            ),
            Mistake(
                "not covered",
                lambda points, others, k: 1 - covered(points, others, k),
                "this is the share of points that lie in no ball.",
            ),
        ),
    ),
]
