"""What can be known of a claim before its evidence."""

import ast
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_claims import A_CLAIM
from test_evidence import contrast

from medtutor import cli
from medtutor.cli import trials
from medtutor.errors import InputError
from medtutor.review import claim, claims, read_evidence
from medtutor.review import plan as plans
from medtutor.review.claims import parse_claims
from medtutor.review.plan import estimate, plan
from medtutor.review.verdict import read

(NEW,) = parse_claims(A_CLAIM.replace("seeds =", "noise = { seeds = 0.02, cases = 0.005 }\nseeds ="))


def test_how_long_it_takes_is_what_it_took_and_shared_trainings_count_once(monkeypatch):
    ids = ("order-carries-information", "recurrence-uses-order", "depth-helps")
    shared, same, other = map(claim, ids)
    longest = max(read_evidence(each.id).seconds for each in (shared, same))
    assert estimate([shared, same]) == (longest, [])
    assert estimate([shared, other, same]) == (longest + read_evidence(other.id).seconds, [])
    assert estimate([NEW]) == (0, ["a-claim"])
    sentence = trials._estimate([other, NEW])
    assert sentence.startswith(f"estimate: {read_evidence(other.id).seconds / 3600:.1f} hours")
    assert sentence.endswith("not known of a-claim")


def test_trials_that_measure_the_same_networks_are_known():
    """A measure that two experiments give to `train` is trained once for both: the plan must know."""
    by = {}
    for path in sorted((Path(plans.__file__).parent / "experiments").glob("*.py")):
        for function in ast.parse(path.read_text(encoding="utf-8")).body:
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "train":
                    measures = [key.value.id for key in call.keywords if key.arg == "measure"]
                    for measure in measures:
                        by.setdefault(f"{path.stem}.{measure}", set()).add(function.name)
    trials_of_claims = {each.trial for each in claims()}
    shared = {name: used & trials_of_claims for name, used in by.items() if len(used & trials_of_claims) > 1}
    assert {trial: name.split(".")[1] for name, used in shared.items() for trial in used} == plans.MEASURES
    assert len(by) > 20


def test_claims_with_the_same_trainings_train_alike():
    for group in plans.sharing(claims()):
        recipes = {json.dumps([each.settings.get("recipe"), each.settings.get("moves"), each.seeds]) for each in group}
        assert len(recipes) == 1, [each.id for each in group]
        epochs = {}
        for each in group:
            for name, count in each.settings["epochs"].items():
                assert epochs.setdefault(name, count) == count, each.id


def test_two_at_once_take_as_long_as_whoever_ends_last():
    chosen = [claim(name) for name in ("depth-helps", "organ-first-helps", "dropout-helps")]
    long, *short = sorted((read_evidence(each.id).seconds for each in chosen), reverse=True)
    assert plans.at_once(chosen, 2) == max(long, sum(short)) == plans.at_once(chosen, 9)
    assert plans.at_once(chosen, 1) == estimate(chosen)[0] == pytest.approx(long + sum(short))
    with pytest.raises(InputError, match="workers must be from 1, not 0"):
        plans.at_once(chosen, 0)


def test_the_estimate_alone_trains_nothing_and_the_guide_says_it(capsys, monkeypatch):
    monkeypatch.setattr("medtutor.review.trials.run_trial", lambda *_, **__: pytest.fail("it trained"))
    assert cli.main(["trial", "run", "--estimate", "--processes", "2"]) == 0
    said = capsys.readouterr().out
    hours, both = re.findall(r"(\d+\.\d) hours", said)
    assert cli.main(["trial", "run", "--estimate", "--processes", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert f"{found['seconds'] / 3600:.1f}" == hours and f"{found['at_once'] / 3600:.1f}" == both
    guide = Path(plans.__file__).parents[2] / "docs" / "review.rst"
    if guide.is_file():
        text = " ".join(guide.read_text(encoding="utf-8").split())
        told = (found[name] / 3600 for name in ("seconds", "at_once"))
        assert "about {:.0f} hours one after the other, {:.0f} hours with ``--processes 2``".format(*told) in text


def test_what_a_coarse_map_can_score_at_most_is_printed():
    said = str(plan(claim("explanations-reveal-a-shortcut")))
    assert "grad_cam: points to the marker: at most 0.250" in said
    assert "kernel_shap: points to the marker: at most 0.562" in said


def test_a_claim_without_evidence_is_planned_from_the_noise_that_is_given():
    made = plan(NEW)
    assert made.error == pytest.approx(np.hypot(0.02 / np.sqrt(3), 0.005)) and made.room is None
    assert made.sees > NEW.rule.margin and made.equivalent > 0 and not made.cannot_be_passed
    silent = plan(replace(NEW, noise={}))
    assert silent.error is None and "not known" in str(silent)


def test_the_power_is_as_said():
    """In four of five repetitions a difference of that size is called supported."""
    only_seeds = replace(NEW, noise={"seeds": 0.02, "cases": 0.0}, seeds=(0, 1, 2, 3, 4))
    rule = replace(only_seeds.rule, secondary=())
    rng = np.random.default_rng(0)
    for effect, answer in ((plan(only_seeds).sees, "supported"), (0.0, "no difference larger than the margin")):
        wide = replace(rule, margin=plan(only_seeds).equivalent) if effect == 0 else rule
        answers = [
            read(wide, [contrast(rng.normal(effect, 0.02, size=5).tolist())])["plain"].answer for _ in range(1000)
        ]
        assert 0.75 < answers.count(answer) / 1000 < 0.87, (answer, answers.count(answer))


def test_a_rule_that_cannot_be_passed_says_so_beforehand():
    full = replace(NEW, rule=replace(NEW.rule, ceilings={"plain": 0.02}))
    made = plan(full)
    assert "a margin of 0.02 AUC cannot be passed" in str(made) and made.room == 0.02


def test_every_shipped_claim_could_be_passed():
    for each in claims():
        assert plan(each).cannot_be_passed is None, each.id


def test_plan_command(capsys):
    assert cli.main(["trial", "plan", "recurrence-helps-on-slices", "order-carries-information"]) == 0
    first, second = capsys.readouterr().out.split("\n\n")
    for words in ("ceiling: ", "noise: ", "power: in four of five repetitions", "convergence: lstm must reach 0.7"):
        assert words in first
    assert "by construction: Class 1 is class 0 run backwards" in second
    assert cli.main(["trial", "plan", "--json", "cnn-beats-mlp"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["plans"]
    assert record["claim"] == "cnn-beats-mlp" and record["sees"] < record["room"]
    assert cli.main(["trial", "plan", "cnn-beat-mlp"]) == 2
    assert "did you mean cnn-beats-mlp" in capsys.readouterr().err


def test_a_plan_is_of_evidence_where_there_is_any():
    assert "measured" in plan(claim("cnn-beats-mlp")).known and plan(claim("cnn-beats-mlp")).room < 0.1
