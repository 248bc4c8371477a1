"""All families side by side: what stands in the table is what the evidence holds."""

from types import SimpleNamespace

import pytest

from medtutor.errors import InputError
from medtutor.review import families, read_evidence, side_by_side
from medtutor.review.evidence import Contrast


@pytest.fixture(scope="module")
def table():
    return side_by_side(timed=False)


def row_of(table, **wanted):
    (found,) = [row for row in table.rows if all(getattr(row, name) == value for name, value in wanted.items())]
    return found


def test_auc_and_interval_are_those_of_the_evidence(table):
    contrast = read_evidence("vits-need-more-data").contrast("cnn against vit: pneumoniamnist, 5% of labels")
    row = row_of(table, dataset="pneumoniamnist", model="vit", labels=0.05)
    assert row.aucs == contrast.second and row.auc == pytest.approx(sum(contrast.second) / 5)
    assert row.interval == Contrast("", ("", ""), contrast.second, (0.0,) * 5).interval
    assert row_of(table, dataset="pneumoniamnist", model="cnn", labels=0.05).aucs == contrast.first


def test_every_family_that_classifies_is_there_on_three_sets(table):
    assert table.datasets == ["pneumoniamnist", "breastmnist", "vesselmnist3d"]
    assert {row.family for row in table.of("pneumoniamnist")} == {"baseline", "CNN", "ViT", "hybrid", "autoencoder"}
    assert {row.family for row in table.of("vesselmnist3d")} == {"CNN", "ViT", "hybrid", "RNN"}
    assert {row.labels for row in table.of("pneumoniamnist") if row.model == "vit"} == {0.05, 0.25, 1.0}


def test_equal_parameters_where_the_lessons_say_so(table):
    sizes = {row.model: row.cost.parameters for row in table.of("pneumoniamnist")}
    assert max(sizes[name] for name in ("cnn", "vit", "hybrid")) < 1.03 * min(
        sizes[name] for name in ("cnn", "vit", "hybrid")
    )


def test_the_best_explanation_is_the_best_of_those_tried(table):
    evidence = read_evidence("attention-explains")
    hits = {
        each.name: each.mean
        for each in evidence.contrasts
        if each.name.startswith("vit, ") and each.name.endswith(": hit")
    }
    method, value = row_of(table, dataset="pneumoniamnist", model="vit", labels=1.0).explanation
    assert value == max(hits.values()) and hits[f"vit, {method}: hit"] == value
    assert row_of(table, dataset="breastmnist", model="vit").explanation is None


def test_untimed_says_so_and_every_form_has_every_row(table):
    assert (
        all(row.seconds is None and row.cost.predict_ms is None for row in table.rows)
        and "not measured this time" in table.about
    )
    for text in (str(table), table.as_markdown(), table._repr_html_()):
        for row in table.rows:
            assert f"{row.auc:.3f} (" in text and row.model in text
    assert len(table.as_records()) == len(table.rows)
    picture = table.figure()
    assert picture.png.startswith(b"\x89PNG") and all(f"{row.auc:.3f}" in picture.alt for row in table.rows)


def test_seconds_are_those_of_all_steps(monkeypatch):
    """Milliseconds an image, times images, times epochs: of the evidence's own recipe."""
    monkeypatch.setattr(
        families,
        "measure_cost",
        lambda model, card, timed: SimpleNamespace(parameters=1, flops=1, train_ms=2.0, predict_ms=1.0, threads=1),
    )
    row = row_of(side_by_side(), dataset="pneumoniamnist", model="cnn", labels=0.25)
    arm = next(
        arm
        for arm in read_evidence("vits-need-more-data").arms
        if arm["dataset"] == "pneumoniamnist-25%" and arm["model"] == "cnn"
    )
    assert row.seconds == pytest.approx(2.0 * 4708 * 0.25 * arm["recipe"]["epochs"] / 1000)


def test_rows_without_evidence_are_left_out(monkeypatch):
    monkeypatch.setattr(
        families, "read_evidence", lambda claim_id: read_evidence(claim_id) if claim_id == "cnn-beats-mlp" else None
    )
    assert {row.model for row in side_by_side(timed=False).rows} == {"mlp"}
    monkeypatch.setattr(families, "read_evidence", lambda claim_id: None)
    nothing = side_by_side(timed=False)
    assert nothing.as_records() == [] and "labels: share" in nothing._repr_html_() and nothing.as_markdown()
    with pytest.raises(InputError, match="no evidence"):
        nothing.figure()
