"""From a moved control to the new picture."""

import statistics
import time
from itertools import cycle

from ..data import load
from ..data.cohort import draw_cohort
from ..models import build
from ..models.autoencoder import Autoencoder
from ..models.hybrid import WAYS, Fusion
from ..training import default_recipe, fit
from ..training.gan import load_gan

MOVES = 20


def measure_explorers(dataset):
    """Median milliseconds of 20 moves of a control, each with what a map of its own costs.

    From a control's new value to the picture in the page's widget, in the kernel; what
    the browser adds, the tests of the explorers in a real JupyterLab print.
    """
    from .. import explorers
    from ..explanation import METHODS, methods_for

    def trained(model, images):
        """A run of one epoch: how good it is does not matter here."""
        return fit(build(model, images), images, default_recipe(images.card, epochs=1, shift_at_test=0))

    run, mri, heart = trained("cnn", dataset), load("hippocampus"), load("cine_filling")
    outcomes, why, gallery = (
        explorers.classification(run, dataset),
        explorers.explore(run, dataset),
        explorers.gallery(),
    )
    organ, film = explorers.segmentation(trained("unet", mri), mri), explorers.sequence(trained("lstm", heart), heart)
    codes, drawn = (
        explorers.latent(Autoencoder().eval(), dataset),
        explorers.generator(load_gan("pneumoniamnist"), dataset),
    )
    looks = explorers.attention(trained("vit", dataset), dataset, cnn=run)
    # As trained ones are: of a network in training mode a twin is asked.
    both = explorers.fusion({way: Fusion(way=way).eval() for way in WAYS}, draw_cohort(dataset))
    power = explorers.sample_size(())

    def moved(control, values):
        """Median over `MOVES` values that differ from the one before."""
        times = []
        for _, value in zip(range(MOVES), cycle(values)):
            start = time.perf_counter()
            control.value = value
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1000

    figures = {
        "classification, threshold": moved(outcomes.threshold, [0.30 + 0.02 * i for i in range(MOVES)]),
        "gallery, page": moved(gallery.pages.number, range(2, MOVES + 2)),
        "attribution, opacity": moved(why.opacity, [0.3, 0.4, 0.5, 0.6]),
        "segmentation, slice": moved(organ.depth, range(5, MOVES + 5)),
        "sequence, frame": moved(film.frame, range(2, heart.card.frames + 1)),
        "latent, axis": moved(codes.axes[0], [0.5, 1.0, 1.5]),
        "latent, along": moved(codes.along, [0.2, 0.4, 0.6, 0.8]),
        "attention, patch": moved(looks.column, range(1, 8)),
        "attention, another image": moved(looks.image, range(1, MOVES + 1)),
        "generator, axis": moved(drawn.axes[0], [0.5, 1.0, 1.5]),
        "generator, truncation": moved(drawn.truncation, [0.5, 0.6, 0.7, 0.8]),
        "fusion, lab value": moved(both.lab, [0.5, 1.0, 1.5]),
        "sample size, test cases": moved(power.cases, [50, 156, 624, 7180]),
        "sample size, trainings": moved(power.seeds, range(2, 11)),
    }
    for method in (name for name in methods_for(run) if METHODS[name].live):
        why.method.value = method
        figures[f"attribution, another image, {method}"] = moved(why.pages.number, range(2, MOVES + 2))
    return figures
