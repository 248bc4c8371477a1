"""Training on sequences, and on numbers."""

import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor.errors import InputError
from medtutor.models import models_for
from medtutor.training import default_recipe


def walks(count, seed, number=False):
    """(clips, labels): a bright bar walks right (1) or left (0); or the number is how far it walks."""
    generator = np.random.default_rng(seed)
    clips = generator.integers(0, 40, (count, 5, 12, 12), dtype=np.uint8)
    labels = np.arange(count) % 2
    speed = generator.uniform(0, 2, count)
    for clip, label, own in zip(clips, labels, speed):
        start = generator.integers(2, 4) if label or number else generator.integers(8, 10)
        for t, frame in enumerate(clip):
            place = int(start + own * t) if number else int(start + (t if label else -t))
            frame[:, np.clip(place, 0, 11)] = 250
    return clips, speed.astype(np.float32) if number else labels


@pytest.fixture(scope="module")
def direction():
    return mt.from_arrays(walks(64, 0), walks(20, 1), walks(40, 2), classes=["left", "right"], sequence=True)


def fitted(dataset, model, epochs=6):
    return mt.fit(
        mt.build(model, dataset), dataset, default_recipe(dataset.card, epochs=epochs, batch_size=16), progress=False
    )


def test_a_recurrent_model_learns_the_direction(direction, tmp_path):
    run = fitted(direction, "lstm")
    assert run.test.auc > 0.95 and run.predictions["test"].shape == (40, 2)
    run.save(tmp_path)
    again = mt.Run.load(tmp_path)
    assert torch.allclose(again.predict(direction.test.images), run.predict(direction.test.images), atol=1e-5)


@pytest.mark.parametrize(
    "name", ["bilstm", "conv_lstm", "temporal_conv", "fourier", "max_min_frames", "mean_frames", "single_frame", "gru"]
)
def test_every_sequence_model_trains_and_comes_back(direction, name, tmp_path):
    run = fitted(direction, name, epochs=1)
    run.save(tmp_path)
    assert mt.Run.load(tmp_path).test == run.test


def test_numbers_are_learned_too(tmp_path):
    dataset = mt.from_arrays(
        walks(96, 0, True), walks(20, 1, True), walks(40, 2, True), task="regression", classes=["speed"], sequence=True
    )
    run = fitted(dataset, "temporal_conv", epochs=20)
    assert run.test.r2 > 0.5 and run.test.mae < 0.5
    assert run.predictions["test"].shape == (40, 1) and set(run.history[0]) == {
        "epoch",
        "loss",
        "val_r2",
        "val_mae",
        "seconds",
    }
    run.save(tmp_path)
    assert mt.Run.load(tmp_path).test == run.test and "R²" in str(run)
    assert {"r2", "mae"} <= set(run.summary()["test"])


def test_the_units_of_a_target_do_not_matter(tmp_path):
    """In thousandths, far from 0, the same weights are learned and the answers come in those units."""

    def moved(split):
        images, speeds = split
        return images, 1000 * np.asarray(speeds) + 5e4

    splits = [walks(count, seed, True) for seed, count in enumerate((96, 20, 40))]
    plain, other = (
        fitted(mt.from_arrays(*parts, task="regression", classes=["speed"], sequence=True), "temporal_conv", epochs=2)
        for parts in (splits, [moved(split) for split in splits])
    )
    assert other.test.r2 == pytest.approx(plain.test.r2, abs=1e-3)
    assert torch.allclose(other.predictions["test"], 1000 * plain.predictions["test"] + 5e4, rtol=1e-3)
    other.save(tmp_path)
    again = mt.Run.load(tmp_path)
    assert again.scale == other.scale
    images = torch.as_tensor(splits[2][0])[:3, :, None]
    assert torch.equal(again.predict(images), other.predict(images))


def test_an_encoder_can_be_handed_over(direction, tmp_path):
    """It is copied and not trained further, and comes back from disk with the rest."""
    first = fitted(direction, "max_min_frames", epochs=1)
    model = mt.build("gru", direction, encoder=first.model.encoder)
    run = mt.fit(model, direction, default_recipe(direction.card, epochs=1, batch_size=16), progress=False)
    for old, new in zip(first.model.encoder.parameters(), run.model.encoder.parameters()):
        assert torch.equal(old, new)
    run.save(tmp_path)
    assert torch.equal(mt.Run.load(tmp_path).predictions["test"], run.predictions["test"])


def test_what_does_not_fit_is_refused(direction, tiny):
    assert models_for(direction)[0] == "lstm" and models_for(tiny)[0] == "cnn"
    with pytest.raises(InputError, match="cnn takes images, but arrays holds sequences; choose one of lstm"):
        mt.build("cnn", direction)
    with pytest.raises(InputError, match="lstm takes sequences, but tiny holds images; choose one of cnn"):
        mt.build("lstm", tiny)
    with pytest.raises(InputError, match="shift_at_test must be 0"):
        mt.fit(mt.build("lstm", direction), direction, default_recipe(direction.card, shift_at_test=1), progress=False)
