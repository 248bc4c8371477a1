"""Whether a Run goes by a marker that was planted."""

from typing import Any

from ..data import Dataset
from ..explanation import explain_batch, relevance_mass
from ..training.run import Run


def on_marker(run: Run, dataset: Dataset, count: int = 32) -> float:
    """Mean share of the positive attribution (integrated gradients) that lies on the place of the marker, images of
    class 1.

    >>> import medtutor as mt
    >>> from medtutor.data.planting import plant_marker
    >>> xray = mt.load("pneumoniamnist", source="phantom")
    >>> run = mt.fit(mt.build("mlp", xray, width=16), xray, mt.Recipe(epochs=1), progress=False)
    >>> 0 <= on_marker(run, plant_marker(xray, 1.0), count=2) <= 1
    True
    """
    test: Any = dataset.test  # with labels and evidence
    chosen = (test.labels == 1).nonzero()[:count, 0]
    maps = explain_batch(run, test.images[chosen], "integrated_gradients", target=1)
    shares = [relevance_mass(one, truth) for one, truth in zip(maps, test.evidence[chosen])]
    return sum(shares) / len(shares)
