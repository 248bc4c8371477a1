"""What ships is found by the keys that its experiment gives, and bears the name that is made of them."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from medtutor.data import card
from medtutor.explanation import methods_for
from medtutor.models import build
from medtutor.review import Evidence, claims, read_evidence
from medtutor.review.experiments import interpretability, vision_transformers
from medtutor.review.experiments.autoencoders import features_without_labels
from medtutor.review.trials import TRIALS


class Anything(dict):
    """A value for whatever is asked."""

    def __missing__(self, name):
        return 0.5


@dataclass
class Trained:
    model: str
    values: dict
    cases: dict = field(default_factory=dict)


def train(model, dataset, seed, measure=None, longer=1.0, **options):
    """Stands in for a training: it has measured whatever the experiment asks for."""
    if measure is None:
        return Trained(model, {str(pixels): 0.5 for pixels in range(5)})
    if measure is interpretability.marker_seen:
        methods = methods_for(build("cnn", dataset))
        names = [interpretability.SWAP, *methods, *(f"{method}{interpretability.TOUCH}" for method in methods)]
        return Trained(model, dict.fromkeys(names, 0.5))
    if measure is interpretability.trust_of_attention:
        scores = ("hit", "mass", "touch", "deletion", "insertion", "similar all", "similar head")
        of_methods = [f"{m} {s}" for m in (*interpretability.OF_ATTENTION, "random map") for s in scores]
        names = ["AUC", *of_methods]
        names += [f"{name} untrained" for name in names]
        return Trained(model, {f"{kind} {name}": 0.5 for kind in interpretability.SPOTS for name in names})
    return Trained(model, Anything())


MEASURED = ("low", "high", "of_seeds", "each")  # of a point of a curve: what its interval is, and what it is of


def contrasts_of(claim, tiny):
    """{name: keys} of all that the experiment of a claim yields."""
    data = {name: replace(tiny, card=replace(tiny.card, name=name)) for name in claim.settings["epochs"]}
    if claim.trial == "order_of_slices":
        data = {name: SimpleNamespace(as_sequence=lambda: None) for name in data}
    if claim.lesson == "10_small_data":  # whose curves go to all training cases
        cases = {"train": range(4708), "test": range(4)}
        data = {name: SimpleNamespace(card=card(name), is_phantom=True, **cases) for name in data}
    experiment, _ = TRIALS[claim.trial]
    return {contrast.name: contrast.keys for contrast in experiment(data, (0, 1), train)}


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.id)
def test_shipped_contrasts_have_the_keys_of_their_experiment(claim, tiny, monkeypatch):
    monkeypatch.setattr(vision_transformers, "draw_marks", lambda kind, **noisy: tiny)
    monkeypatch.setattr(vision_transformers, "some_of", lambda dataset, count: dataset)
    given = contrasts_of(claim, tiny)
    assert {name for name in claim.rule.contrasts if not name.endswith("without near-duplicates")} <= set(given)
    for contrast in read_evidence(claim.id).contrasts:
        if "of" in contrast.keys:  # the same on some of the cases, which these stand-ins do not keep
            assert contrast.keys["of"] in given and contrast.cases and contrast.name not in given
        else:
            keys = {name: key for name, key in contrast.keys.items() if name not in MEASURED}
            assert keys == given[contrast.name]
        assert contrast.name == ": ".join(filter(None, (contrast.keys["row"], contrast.keys["column"])))


def test_contrasts_are_found_by_keys_and_arms():
    probes = [Trained(None, Anything())] * 2
    found = list(features_without_labels({"any": None}, (0, 1), lambda *_, measure: probes[0]))
    evidence = Evidence("it", "", (0, 1), tuple(found), [], {}, {}, "cpu", 1, 0.0)
    (one,) = evidence.where(arm="DAE", against="PCA", labels=50)
    assert one.name == "DAE against PCA: 50 labels"
    assert len(evidence.where(labels=50)) == 15 and evidence.where(labels=50, arm="GAN") == []
