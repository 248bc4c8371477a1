"""Heads on cached features: they learn, the same each time, and refuse what does not fit."""

import pytest
import torch

from medtutor.errors import InputError, MedtutorError
from medtutor.models.conv_lstm import ConvLSTM
from medtutor.models.recurrent import HEADS, FrameSequence
from medtutor.training.heads import features_of, fit_head


def rising_or_falling(count, seed=0):
    """(features (N, 8, 3), labels (N,)): the numbers rise over time (1) or fall (0), and are the same set."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    steps = torch.rand((count, 8, 3), generator=generator).sort(dim=1).values
    return torch.where(labels[:, None, None] == 1, steps, steps.flip(1)), labels


def head(name="lstm", outputs=2, **options):
    torch.manual_seed(0)
    return HEADS[name](3, outputs, frames=8, **options)


def accuracy(trained, features, labels):
    with torch.no_grad():
        return (trained(features).argmax(1) == labels).float().mean().item()


def test_only_heads_that_know_the_order_learn_an_order():
    features, labels = rising_or_falling(128)
    unseen, theirs = rising_or_falling(64, seed=1)
    quick = {"epochs": 20, "batch_size": 16, "learning_rate": 1e-2, "progress": False, "task": "binary"}
    lstm = fit_head(head("lstm"), features, labels, **quick)
    pooled = fit_head(head("max_min_frames"), features, labels, **quick)
    assert accuracy(lstm, unseen, theirs) > 0.95
    assert accuracy(lstm, unseen.flip(1), theirs) < 0.05
    assert 0.25 < accuracy(pooled, unseen, theirs) < 0.75


def test_a_number_is_learned_too():
    features, _ = rising_or_falling(128)
    targets = features.amax(1).mean(1)
    trained = fit_head(
        head("max_min_frames", 1),
        features,
        targets,
        task="regression",
        epochs=30,
        batch_size=16,
        learning_rate=1e-2,
        progress=False,
    )
    with torch.no_grad():
        error = trained(features)[:, 0] - targets
    assert error.std() < targets.std() / 2


@pytest.mark.parametrize("name", HEADS)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(name):
    features, labels = rising_or_falling(40)
    before = torch.random.get_rng_state()

    def weights(seed):
        initial = HEADS[name](3, 2, frames=8)
        torch.random.set_rng_state(before)
        initial.load_state_dict(start)
        trained = fit_head(initial, features, labels, task="binary", epochs=2, batch_size=16, seed=seed, progress=False)
        assert torch.equal(torch.random.get_rng_state(), before), "torch's own random state was touched"
        return torch.cat([each.flatten() for each in trained.parameters()])

    start = head(name).state_dict()
    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_a_trained_head_is_in_eval_mode_and_without_noise_answers_the_same_twice():
    features, labels = rising_or_falling(20)
    trained = fit_head(head("single_frame"), features, labels, task="binary", epochs=1, progress=False)
    assert not trained.training and torch.equal(trained(features), trained(features))


def test_noise_follows_the_spread_of_each_feature():
    """A feature a thousand times as large, with weights a thousand times as small, is learned alike."""
    features, labels = rising_or_falling(40)
    scale = torch.tensor([1.0, 1.0, 0.0])  # a feature that never changes gets no noise
    seen = []

    class Watched(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.answer = torch.nn.Linear(3, 2)

        def forward(self, x):
            if self.training:
                seen.append(x[..., 2].detach().clone())
            return self.answer(x.mean(1))

    fit_head(Watched(), features * scale, labels, task="binary", epochs=1, noise=0.5, progress=False)
    assert seen and all((each == 0).all() for each in seen)


def test_features_are_what_the_model_reads_whatever_the_batches():
    model = FrameSequence(shape=(12, 12), frames=5).train()
    images = torch.randint(0, 256, (7, 5, 1, 12, 12), dtype=torch.uint8)
    features = features_of(model, images, batch_size=3)
    assert features.shape == (7, 5, 48) and not features.requires_grad and model.training
    assert torch.allclose(features, features_of(model, images), atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(model.head(features), model(images / 127.5 - 1), atol=1e-5)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"task": "segmentation"}, "unknown task 'segmentation'"),
        ({"epochs": 0}, "epochs is 0; give a whole number from 1"),
        ({"batch_size": 1.5}, "batch_size is 1.5"),
        ({"features": torch.zeros(8, 3)}, r"features must be a float tensor \(N, T, F\)"),
        ({"features": torch.full((8, 8, 3), torch.nan)}, "finite numbers"),
        ({"features": torch.zeros(8, 8, 3, requires_grad=True)}, "without gradients"),
        ({"features": torch.zeros(1, 8, 3), "targets": torch.zeros(1).long()}, "fewer than two clips"),
        ({"targets": torch.zeros(7).long()}, r"targets must be a tensor \(8,\)"),
        ({"targets": torch.zeros(8)}, "targets of a binary task must be int64, not float32"),
        ({"targets": torch.full((8,), 2)}, "targets run from 2 to 2, but the head has 2 outputs"),
        ({"task": "regression", "targets": torch.zeros(8)}, "one output, not 2"),
        ({"head": HEADS["lstm"](48)}, "does not take features of shape"),
        ({"head": "lstm"}, "must be a network, not str"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(changes, sentence):
    given = {
        "head": head(),
        "features": torch.zeros(8, 8, 3),
        "targets": torch.zeros(8).long(),
        "task": "binary",
        **changes,
    }
    with pytest.raises(InputError, match=sentence):
        fit_head(given.pop("head"), given.pop("features"), given.pop("targets"), progress=False, **given)


def test_a_loss_that_is_no_number_is_named():
    features, labels = rising_or_falling(40)
    with pytest.raises(MedtutorError, match="the learning rate 1e\\+20 is probably too high"):
        fit_head(
            head("mean_frames"),
            features,
            labels,
            task="binary",
            epochs=3,
            batch_size=8,
            learning_rate=1e20,
            progress=False,
        )


def test_features_of_the_wrong_thing_are_refused():
    clips = torch.zeros(2, 5, 1, 12, 12, dtype=torch.uint8)
    with pytest.raises(InputError, match="ConvLSTM has no features of frames"):
        features_of(ConvLSTM(shape=(12, 12)), clips)
    with pytest.raises(InputError, match="uint8 tensor"):
        features_of(FrameSequence(shape=(12, 12)), clips.float())
    with pytest.raises(InputError, match="does not take clips of shape"):
        features_of(FrameSequence(shape=(28, 28)), clips)
