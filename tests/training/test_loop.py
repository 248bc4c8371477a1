"""The loop: it learns, repeats, resumes, stops cleanly, and reads test once."""

import dataclasses
import math
import signal

import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data import Dataset
from medtutor.errors import InputError, MedtutorError
from medtutor.training import Interrupted, default_recipe, loop


def train(dataset, recipe, **options):
    return mt.fit(mt.build("cnn", dataset, widths=(4, 8, 8)), dataset, recipe, progress=False, **options)


def same(run, other):
    """Same weights, history and predictions, bit for bit; times aside."""
    weights = zip(run.model.state_dict().values(), other.model.state_dict().values())
    curves = ([{k: v for k, v in row.items() if k != "seconds"} for row in r.history] for r in (run, other))
    first, second = curves
    scores = zip(run.predictions.values(), other.predictions.values())
    return (
        all(torch.equal(a, b) for a, b in weights)
        and first == second
        and all(torch.equal(a, b) for a, b in scores)
        and (run.val, run.test) == (other.val, other.test)
    )


@pytest.mark.parametrize("name", ["cnn", "mlp", "lenet", "vgg", "swish_cnn"])
def test_each_model_learns(name, tiny):
    run = mt.fit(
        mt.build(name, tiny), tiny, mt.Recipe(epochs=10, batch_size=8, shift=0, learning_rate=3e-3), progress=False
    )
    assert run.val.auc > 0.9 and run.test.auc > 0.9
    assert run.history[-1]["loss"] < run.history[0]["loss"]
    assert not run.model.training and run.epochs_done == 10 and not run.interrupted


@pytest.mark.parametrize("kind", ["volumes", "colour", "multi-class", "ordinal", "multi-label"])
def test_each_kind_of_data_trains(kind, quick):
    options = {"volumes": {"depth": 8, "size": 16}, "colour": {"channels": 3}}.get(kind, {"classes": 3})
    splits = [blobs(count, seed, **options) for seed, count in enumerate((48, 21, 19))]
    if kind == "multi-label":
        splits = [(images, (labels[:, None] == [[0, 1, 2]]).astype(int)) for images, labels in splits]
    dataset = mt.from_arrays(*splits, task=kind if kind in ("ordinal", "multi-label") else None, mirror=(-1,))
    run = train(dataset, quick)
    assert run.test.n == 19 and math.isfinite(run.test.auc)
    total = run.predictions["test"].sum(1)
    assert kind == "multi-label" or torch.allclose(total, torch.ones(19))


def test_same_seed_same_run_and_another_seed_another(tiny, quick):
    first, again = train(tiny, quick), train(tiny, quick)
    assert same(first, again)
    assert not same(first, train(tiny, quick.but(seed=1)))


def test_the_test_split_is_read_once_after_the_last_epoch(tiny, quick):
    reads = []

    class Watched(Dataset):
        def __getattribute__(self, name):
            if name == "test":
                reads.append(len(trained))
            return super().__getattribute__(name)

    trained = []
    original = loop._Trainer.train_epoch
    watched = Watched(**{f.name: getattr(tiny, f.name) for f in dataclasses.fields(tiny)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Trainer, "train_epoch", lambda self, epoch: (original(self, epoch), trained.append(epoch)))
        train(watched, quick)
    assert reads == [quick.epochs]


def test_test_labels_change_nothing_but_the_test_numbers(tiny, quick):
    """Nothing of the model hangs on the test split."""
    other = dataclasses.replace(tiny, test=dataclasses.replace(tiny.test, labels=1 - tiny.test.labels))
    run, flipped = train(tiny, quick), train(other, quick)
    assert torch.equal(run.predictions["test"], flipped.predictions["test"]) and run.val == flipped.val


def interrupt_in(patch, epoch, step=1):
    """Ctrl-C in the middle of an epoch, as the terminal sends it."""
    original, calls = loop._Trainer.step, []

    def step_then_interrupt(self, rows, generator):
        calls.append(1)
        if len(calls) == self.steps * epoch + step + 1:
            signal.raise_signal(signal.SIGINT)
        return original(self, rows, generator)

    patch.setattr(loop._Trainer, "step", step_then_interrupt)


def test_interrupted_keeps_the_finished_epochs_and_resumes_as_if_never_stopped(tiny, quick, tmp_path, capsys):
    whole = train(tiny, quick)
    with pytest.MonkeyPatch.context() as patch:
        interrupt_in(patch, epoch=2)
        stopped = train(tiny, quick)
    assert stopped.interrupted and stopped.epochs_done == 2 and stopped.test is None
    assert "keeping the 2 finished of 3 epochs" in capsys.readouterr().err
    stopped.save(tmp_path / "run")
    resumed = train(tiny, quick, resume=mt.Run.load(tmp_path / "run"))
    assert same(whole, resumed)


def test_interrupted_in_the_first_epoch_says_that_nothing_is_kept(tiny, quick):
    with pytest.MonkeyPatch.context() as patch:
        interrupt_in(patch, epoch=0)
        with pytest.raises(Interrupted, match="nothing to keep"):
            train(tiny, quick)


@pytest.mark.parametrize("split", ["val", "test"])
def test_interrupted_while_it_is_measured_keeps_what_was_trained(tiny, quick, tmp_path, capsys, split):
    whole, evaluate = train(tiny, quick), loop._Trainer.evaluate

    def press(self, name, views, quick=False):
        if name == split and not quick:
            signal.raise_signal(signal.SIGINT)
        return evaluate(self, name, views, quick)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Trainer, "evaluate", press)
        stopped = train(tiny, quick)
    assert stopped.interrupted and stopped.epochs_done == 3 and stopped.test is None and set(stopped.labels) == {"val"}
    assert "keeping the trained weights" in capsys.readouterr().err and "test  not read" in str(stopped)
    assert (stopped.val.auc_interval is None) == (split == "val")
    stopped.save(tmp_path / "run")
    read = mt.Run.load(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:  # and again
        patch.setattr(loop._Trainer, "evaluate", press)
        assert train(tiny, quick, resume=read).interrupted
    resumed = train(tiny, quick, resume=read)
    assert same(whole, resumed) and not resumed.interrupted and resumed.state is None


def test_only_an_interrupted_run_of_the_same_recipe_is_resumed(tiny, quick):
    with pytest.raises(InputError, match="finished"):
        train(tiny, quick, resume=train(tiny, quick))
    with pytest.MonkeyPatch.context() as patch:
        interrupt_in(patch, epoch=1)
        stopped = train(tiny, quick)
    with pytest.raises(InputError, match="own data, model and recipe"):
        train(tiny, quick.but(seed=5), resume=stopped)


def test_a_loss_that_is_no_number_names_its_cause(tiny):
    with pytest.raises(MedtutorError, match="loss is .* in epoch 1.*learning rate 1e\\+20"):
        train(tiny, mt.Recipe(epochs=2, batch_size=16, learning_rate=1e20))


def test_a_model_of_another_shape_is_refused_before_training(tiny, quick):
    other = mt.from_arrays(blobs(8, 0, size=24), blobs(8, 1, size=24), blobs(8, 2, size=24))
    with pytest.raises(InputError, match="build it for this data set"):
        mt.fit(mt.build("mlp", other), tiny, quick, progress=False)
    three = mt.from_arrays(*[blobs(9, seed, classes=3) for seed in range(3)])
    with pytest.raises(InputError, match="build it for this data set"):
        mt.fit(mt.build("cnn", three), tiny, quick, progress=False)
    with pytest.raises(InputError, match="medtutor.build"):
        mt.fit(torch.nn.Flatten(), tiny, quick, progress=False)


def test_unknown_device(tiny, quick):
    with pytest.raises(InputError, match="unknown device"):
        train(tiny, quick, device="tpu")


def test_progress_goes_to_stderr(tiny, quick, capsys):
    mt.fit(mt.build("mlp", tiny), tiny, quick)
    out, err = capsys.readouterr()
    assert out == "" and "val AUC" in err and "mlp on tiny" in err


@pytest.mark.parametrize(
    "values, words",
    [
        ({"epochs": 0}, "epochs must be above 0"),
        ({"epochs": 2.5}, "whole number"),
        ({"learning_rate": float("nan")}, "must be a number"),
        ({"learning_rate": -1}, "above 0"),
        ({"batch_size": 1}, "at least 2"),
        ({"seed": -1}, "not be negative"),
        ({"average": 1.0}, "0…1"),
        ({"shift": "2"}, "must be a number"),
    ],
)
def test_recipe_refuses(values, words):
    with pytest.raises(InputError, match=words):
        mt.Recipe(**values)


def test_recipe_but():
    recipe = mt.Recipe(epochs=4)
    assert recipe.but(seed=2) == mt.Recipe(epochs=4, seed=2) and recipe.seed == 0
    with pytest.raises(InputError, match="no 'epoch'"):
        recipe.but(epoch=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.epochs = 3


def test_every_set_has_a_default_recipe():
    from medtutor.data import card, names

    for name in names():
        assert default_recipe(card(name), seed=7).seed == 7
