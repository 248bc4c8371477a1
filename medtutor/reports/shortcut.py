"""Whether a Run goes by a marker that was planted."""

from ..explanation import explain_batch, relevance_mass


def on_marker(run, dataset, count=32):
    """Mean share of the positive attribution (integrated gradients) that lies on the place of the marker, images of
    class 1.
    """
    chosen = (dataset.test.labels == 1).nonzero()[:count, 0]
    maps = explain_batch(run, dataset.test.images[chosen], "integrated_gradients", target=1)
    shares = [relevance_mass(one, truth) for one, truth in zip(maps, dataset.test.evidence[chosen])]
    return sum(shares) / len(shares)
