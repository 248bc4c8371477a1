"""The card of a Run: its numbers are the Run's, and a card that was changed is refused."""

import copy
import json
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
from conftest import blobs

import medtutor as mt
from medtutor import cli
from medtutor.data.groups import GROUPS, plant_groups
from medtutor.errors import InputError
from medtutor.metrics.groups import measure_groups
from medtutor.reports.checklist import answered, checklist, checklist_table
from medtutor.reports.model_card import ModelCard, check_card, model_card
from medtutor.training.run import Run


@cache
def planted():
    data = mt.from_arrays(*[blobs(60, seed) for seed in range(3)], classes=["well", "ill"], name="tiny")
    return plant_groups(data)


@cache
def run():
    data = planted().dataset
    return mt.fit(mt.build("mlp", data, width=8), data, mt.Recipe(epochs=1), progress=False)


@cache
def card():
    return model_card(run())


def numbers(value):
    """As JSON has them."""
    return json.loads(json.dumps(value))


def test_its_numbers_are_the_runs():
    record, summary = card().as_record(), run().summary()
    for split in ("val", "test"):
        assert record["metrics"][split] == numbers(asdict(getattr(run(), split))) == numbers(summary[split])
    assert record["model"]["parameters"] == run().parameters
    assert record["model"]["recipe"] == numbers(run().recipe.as_dict())
    assert record["data"]["cases"] == {"val": 60, "test": 60}
    assert f"{run().test.auc:.3f} [{run().test.auc_interval[0]:.3f}, " in card().markdown


def test_its_groups_are_measured_as_everywhere():
    group = planted().groups["test"]
    record = model_card(run(), groups=group, names=GROUPS).as_record()
    wanted = measure_groups(run().labels["test"], run().predictions["test"][:, 1], group, names=GROUPS)
    for row, each in zip(record["subgroups"], wanted, strict=True):
        assert row["n"] == each.n and row["rates"]["sensitivity"][0] == each.sensitivity.value
        assert row["rates"]["auc"][1:] == list(each.auc.interval)
    assert "| A |" in model_card(run(), groups=group, names=GROUPS).markdown


def test_who_is_not_known_is_called_so():
    assert card().as_record()["subgroups"] == [] and "No subgroup was evaluated" in " ".join(card().record["limits"])
    assert "None was evaluated." in card().markdown


def test_phantoms_are_called_phantoms():
    assert card().record["phantom"] and "PHANTOM" in card().markdown
    assert "phantoms" in card().record["out_of_scope"][0]


def test_the_children_of_pneumoniamnist_are_named():
    xray = mt.data.card("pneumoniamnist")
    its = Run(mt.build("mlp", xray, width=4), xray, mt.Recipe(epochs=1), "medmnist", val=run().val, test=run().test,
              labels=run().labels, predictions=run().predictions)  # fmt: skip
    assert "Children of one to five years of one hospital" in model_card(its).markdown


def test_a_card_can_be_read_again():
    again = ModelCard(json.loads(json.dumps(card().as_record())))
    assert again.markdown == card().markdown


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda r: r.pop("limits"), "limits is missing"),
        (lambda r: r.update(limits=[]), "limits is empty"),
        (lambda r: r.update(intended_use="  "), "intended_use is empty"),
        (lambda r: r["metrics"]["test"].update(auc=1.5), "outside of its interval"),
        (lambda r: r["data"].pop("licence"), "data.licence is missing"),
        (lambda r: r.update(phantom=False), "does not agree"),
        (lambda r: r.update(more=1), "more is not known"),
        (lambda r: r.update(format=2), "format must be"),
        (lambda r: r["metrics"].update(test=None), "metrics.test must be"),
        (lambda r: r["data"].update(task="guessing"), "unknown data.task"),
    ],
)
def test_what_is_no_card_is_refused(change, words):
    record = copy.deepcopy(card().as_record())
    change(record)
    with pytest.raises(InputError, match=words):
        check_card(record)


def test_what_has_no_card_is_one_sentence():
    unread = Run(run().model, run().card, mt.Recipe(epochs=1), "phantom")
    for call, words in (
        (lambda: model_card("run"), "run must be a Run"),
        (lambda: model_card(unread), "test split was not read"),
        (lambda: model_card(run(), groups=[0]), "give one of each for every case"),
    ):
        with pytest.raises(InputError, match=words):
            call()


def test_the_command_writes_both_files(tmp_path, capsys):
    run().save(tmp_path / "run")
    assert cli.main(["card", str(tmp_path / "run"), "--out", str(tmp_path / "out")]) == 0
    written = json.loads((tmp_path / "out" / "card.json").read_text())
    check_card(written)
    assert written["metrics"]["test"]["auc"] == run().test.auc
    assert (tmp_path / "out" / "card.md").read_text().startswith("# Model card: mlp on tiny")
    capsys.readouterr()
    assert cli.main(["card", str(tmp_path / "run"), "--json", "--use", "To teach."]) == 0
    assert json.loads(capsys.readouterr().out)["intended_use"] == "To teach."
    assert cli.main(["card", str(tmp_path / "nothing")]) == 2
    assert "medtutor train" in capsys.readouterr().err


# The checklist ----------------------------------------------------------------------------------


def test_every_item_is_paraphrased_and_has_its_source():
    items = checklist()
    assert len({item.id for item in items}) == len(items) == len(checklist_table().rows)
    assert {item.source for item in items} == {"CLAIM 2024", "TRIPOD+AI", "DECIDE-AI"}
    assert all(item.paraphrased and item.doi.startswith("10.") and item.asks.endswith("?") for item in items)


def test_what_is_answered_is_counted_and_the_rest_is_open():
    table = answered("01", {"C7": ("yes", "How good is it?"), "D4": ("not applicable", "no patient saw it")})
    assert table.caption == f"01: 2 of {len(checklist())} items answered, 1 yes"
    assert sum(row[3] == "open" for row in table.rows) == len(checklist()) - 2


@pytest.mark.parametrize(
    "answers, words",
    [
        ({"X9": ("yes", "there")}, "unknown item"),
        ({"C7": "yes"}, "give a pair"),
        ({"C7": ("perhaps", "there")}, "unknown answer"),
        ({"C7": ("yes", "")}, "where of C7 is empty"),
        ([], "answers must be a dict"),
    ],
)
def test_a_wrong_answer_is_one_sentence(answers, words):
    with pytest.raises(InputError, match=words):
        answered("01", answers)


def test_a_group_of_one_says_so_on_the_card():
    group = np.zeros(60, dtype=int)
    group[0] = 1
    assert "single case" in model_card(run(), groups=group, names=GROUPS).markdown
