"""The numbers of each class of a run: which split they are of, and what stands below them."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.errors import InputError
from medtutor.reports import by_class, class_table


@pytest.fixture
def run():
    """A run of three classes, of which the last is never called so; the predictions are set by the test."""
    splits = [blobs(30, seed, classes=3) for seed in range(3)]
    tiny = mt.from_arrays(*splits, classes=["top", "middle", "bottom"], name="tiny")
    trained = mt.fit(mt.build("mlp", tiny, width=4), tiny, mt.Recipe(epochs=1, batch_size=16), progress=False)
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    scores = torch.tensor([[0.8, 0.1, 0.1]] * 7 + [[0.2, 0.7, 0.1]] * 2 + [[0.4, 0.3, 0.3]])
    return replace(trained, labels={"val": labels, "test": labels}, predictions={"val": scores, "test": scores})


def test_counts_and_shares_of_each_class(run):
    top, middle, bottom = by_class(run)
    assert (top["class"], top["n"], top["called"]) == ("top", 6, 8) and top["recall"] == 1 and top["precision"] == 0.75
    assert middle["recall"] == pytest.approx(2 / 3) and middle["precision"] == 1 and middle["f1"] == pytest.approx(0.8)
    assert (bottom["called"], bottom["recall"], bottom["f1"], bottom["auc"]) == (0, 0, 0, 1)
    assert math.isnan(bottom["precision"])


def test_the_mean_counts_each_class_alike_and_says_where_one_has_no_number(run):
    rows = class_table(run, "test").rows
    assert rows[-1][0] == "mean (macro)" and float(rows[-1][3]) == pytest.approx((1 + 2 / 3 + 0) / 3, abs=1e-3)
    assert rows[-1][4] == rows[2][4] == "–" and "test split" in str(class_table(run, "test"))


def test_phantoms_are_marked_and_an_unread_split_is_refused(run):
    assert str(class_table(replace(run, provenance="phantom"))).startswith("PHANTOM")
    unread = replace(run, predictions={"val": run.predictions["val"]}, test=None)
    assert by_class(unread, "test") == []
    with pytest.raises(InputError, match="was not read"):
        class_table(unread, "test")
    with pytest.raises(InputError, match="split"):
        by_class(run, "train")
    with pytest.raises(InputError, match="those of a Run"):
        by_class("run")
