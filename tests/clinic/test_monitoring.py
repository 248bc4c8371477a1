"""What a monitor follows, what may change, a silent run, and the way back."""

import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor.clinic.monitoring import (
    SIGNALS,
    InService,
    draw_streams,
    followed,
    limit_in_advance,
    rescanned,
    signals_of,
    silent_run,
)
from medtutor.errors import InputError
from medtutor.explanation.familiar import known
from medtutor.metrics import first_alarm, run_length


@pytest.fixture(scope="module")
def watched(xray):
    """(run, images, known, signals of the images)."""
    run, dataset = xray
    familiar = known(run, dataset.val.images)
    return run, dataset.train.images, familiar, signals_of(run, dataset.train.images, familiar)


def test_the_score_is_the_networks_own_and_brightness_the_images(watched):
    run, images, _, found = watched
    assert set(found) == set(SIGNALS) and all(len(each) == len(images) for each in found.values())
    with torch.no_grad():
        logits = run.model.eval()(mt.data.normalise(images[:8]))
    assert found["score"][:8] == pytest.approx(logits.softmax(1)[:, 1].numpy(), abs=1e-5)
    assert found["brightness"] == pytest.approx(images.double().mean((1, 2, 3)).numpy())


def test_noise_sharpens_blur_softens_and_no_change_is_none(watched):
    run, images, familiar, plain = watched
    sharp, soft, same = (
        signals_of(run, rescanned(images, kind, size), familiar)["sharpness"].mean()
        for kind, size in (("noise", 0.5), ("blur", 0.5), ("contrast", 0.0))
    )
    assert soft < plain["sharpness"].mean() == same < sharp


def test_streams_are_of_the_pool_and_change_where_they_should():
    labels = np.r_[np.zeros(30), np.ones(70)]
    made = draw_streams(labels, 400, 100, prevalence=0.2, count=50)
    assert labels[made.quiet].mean() == pytest.approx(0.7, abs=0.02)
    assert labels[made.changed[:, 100:]].mean() == pytest.approx(0.2, abs=0.02)
    assert (made.changed[:, :100] == made.quiet[:, :100]).all()
    assert (draw_streams(labels, 40, 10).changed == draw_streams(labels, 40, 10).quiet).all()


@pytest.mark.parametrize("detector", ["CUSUM", "KS"])
def test_a_limit_chosen_in_advance_holds_on_other_cases(detector):
    rng = np.random.default_rng(0)
    usual, streams = rng.exponential(size=3000), rng.exponential(size=(300, 500))
    limit = limit_in_advance(detector, usual, 500)
    assert 300 < run_length(followed(detector, streams, usual), limit) < 900
    changed = first_alarm(followed(detector, streams + 1.0, usual), limit)
    assert np.median(changed) < 60


def test_a_silent_run_counts_who_says_what():
    found = silent_run([0.9, 0.2, 0.8, 0.1, 0.6], [1, 0, 0, 1, 1])
    assert (found.n, found.agree, found.only_model, found.only_reader) == (5, 3, (2,), (3,))
    from sklearn.metrics import cohen_kappa_score

    assert found.kappa == pytest.approx(cohen_kappa_score([1, 0, 1, 0, 1], [1, 0, 0, 1, 1]))
    assert np.isnan(silent_run([0.9, 0.8], [1, 1]).kappa)


def test_the_way_back_goes_one_step_at_a_time_and_never_to_what_was_left(tmp_path):
    service = InService(tmp_path)
    assert service.current is None
    for name in ("a", "b", "c"):
        service.take(name, "better", "2026-11-01")
    assert service.roll_back("alarm", "2026-11-02") == "b" == InService(tmp_path).current
    assert service.roll_back("alarm again", "2026-11-03") == "a"
    with pytest.raises(InputError, match="no model before"):
        service.roll_back("once more", "2026-11-04")
    service.take("d", "mended", "2026-11-05")
    assert service.roll_back("alarm", "2026-11-06") == "a"
    assert [entry["why"] for entry in service.history][-2:] == ["mended", "alarm"]


def test_a_list_that_is_damaged_stops_everything(tmp_path):
    (tmp_path / "in_service.json").write_text('[{"why": "no model"}]')
    with pytest.raises(InputError, match="cannot be read"):
        InService(tmp_path).take("a", "first", "2026-11-01")


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda run, images: signals_of("run", images, None), "a Run"),
        (lambda run, images: rescanned(images, "prevalence", 0.5), "change of scanner"),
        (lambda run, images: rescanned(images, "noise", 2.0), "strength"),
        (lambda run, images: rescanned(images.repeat(1, 3, 1, 1), "noise", 0.5), "grey"),
        (lambda run, images: draw_streams([1, 1, 1], 10, 5), "both of them"),
        (lambda run, images: draw_streams([0, 1], 10, 50), "change"),
        (lambda run, images: draw_streams([0, 1], 10, 5, prevalence=2.0), "prevalence"),
        (lambda run, images: followed("EWMA", [0.0], np.arange(50.0)), "detector"),
        (lambda run, images: silent_run([0.5], [2]), "0 or 1"),
        (lambda run, images: silent_run([3.0, 1.0], [1, 0]), "probabilities"),
        (lambda run, images: silent_run([0.5, 0.5], [1]), "each case"),
    ],
)
def test_wrong_input_is_a_sentence(xray, wrong, words):
    run, dataset = xray
    with pytest.raises(InputError, match=words):
        wrong(run, dataset.val.images[:4])


def test_the_model_in_service_is_not_put_there_twice(tmp_path):
    service = InService(tmp_path)
    service.take("a", "first", "2026-11-01")
    with pytest.raises(InputError, match="in service already"):
        service.take("a", "again", "2026-11-02")
