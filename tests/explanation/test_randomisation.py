"""Randomised weights: exactly the named layers, from the head down."""

import pytest
import torch
from squares import data, images, run  # noqa: F401 (fixtures)
from torch import nn

import medtutor as mt
from medtutor.errors import InputError
from medtutor.explanation import cascade, explain, randomised, weighted_layers


def changed(one, other):
    """The names of the modules whose weights or statistics differ."""
    theirs = other.state_dict()
    return {name.rpartition(".")[0] for name, value in one.state_dict().items() if not torch.equal(value, theirs[name])}


def test_each_stage_changes_one_layer_more(run):
    model, down = run.model, set()
    names = weighted_layers(run)
    assert list(names)[:2] == ["classifier", "blocks.2.skip.0"] and list(names)[-1] == "stem.0"
    assert names["stem.0"] == ["stem.0", "stem.1"]  # a normalisation goes with its convolution
    for name, modules in names.items():
        down |= set(modules)
        assert changed(model, randomised(model, name)) == down
    assert changed(model, randomised(model, "head")) == {"classifier"}
    assert changed(model, randomised(model)) == down == changed(model, randomised(model, "stem.0"))


def test_a_layer_gets_the_same_weights_however_far_it_goes(run):
    head, both = randomised(run.model, "head", seed=3), randomised(run.model, seed=3)
    assert torch.equal(head.classifier.weight, both.classifier.weight)
    assert not torch.equal(head.classifier.weight, randomised(run.model, "head", seed=4).classifier.weight)


def test_a_run_stays_a_run_without_results(run, images):
    blank = randomised(run)
    assert isinstance(blank, mt.Run) and blank.test is None and not blank.predictions and run.test is not None
    assert explain(blank, images[0], target="bottom").target.name == "bottom"


def test_cascade(run, images):
    stages = cascade(run, images[:2], "saliency")
    assert [stage.layer for stage in stages] == ["trained", *weighted_layers(run)]
    assert stages[0].similarity == 1 and all(-1 <= stage.similarity <= 1 for stage in stages)
    assert stages[-1].similarity < 0.6 and len(stages[1].similarities) == 2
    assert cascade(run, images[:2], "saliency") == stages


def test_what_cannot_be_randomised(run):
    class Token(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1))

    with pytest.raises(InputError, match="no reset_parameters"):
        randomised(nn.Sequential(Token()))
    with pytest.raises(InputError, match="no weights"):
        randomised(nn.Sequential(nn.ReLU()))
    with pytest.raises(InputError, match="did you mean blocks.2.conv"):
        randomised(run, "blocks.2.conv")
    with pytest.raises(InputError, match="no weights"):
        cascade(nn.Sequential(nn.Flatten()), [torch.zeros(1, 2, 2, dtype=torch.uint8)], "saliency")
    for call, words in (
        (lambda: randomised(run, ["head"]), "unknown layer"),
        (lambda: randomised(run, seed=-1), "seed must be from 0"),
        (lambda: randomised(run, seed=2**64), "seed must be from 0"),
        (lambda: randomised("run"), "a Run or a torch model has layers, not str|not str"),
        (lambda: weighted_layers(None), "not NoneType"),
        (
            lambda: cascade(run, [torch.zeros(1, 28, 28, dtype=torch.uint8)], "saliency", seed=None),
            "seed must be a whole number",
        ),
    ):
        with pytest.raises(InputError, match=words):
            call()
