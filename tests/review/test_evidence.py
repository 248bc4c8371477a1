"""Evidence: its statistics, and a file that cannot be altered unnoticed."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from mutations import check_altered
from scipy import stats

from medtutor.errors import InputError
from medtutor.review import Contrast, Evidence, claim, read_evidence
from medtutor.review.evidence import FOLDER, digest


def contrast(differences, name="plain"):
    """A contrast whose second arm has AUC 0.5 throughout."""
    return Contrast(name, ("cnn", "mlp"), tuple(0.5 + value for value in differences), (0.5,) * len(differences))


def evidence(claim_id="a-claim", seeds=(0, 1, 2), **changes):
    values = dict(
        claim=claim_id,
        registered="x",
        seeds=seeds,
        contrasts=(contrast([0.01 * seed for seed in seeds]),),
        arms=[{"dataset": "d", "model": "cnn", "options": {}, "parameters": 7, "recipe": {"epochs": 8}}],
        data={"d": {"provenance": "medmnist", "train": 9, "val": 9, "test": 9}},
        versions={"medtutor": "0", "torch": "0", "numpy": "0"},
        device="cpu",
        threads=1,
        seconds=1.5,
    )
    return Evidence(**values | changes)


@pytest.mark.parametrize("differences", [[0.01, 0.02, 0.05], [-0.01, 0.01], list(np.linspace(-0.1, 0.2, 5))])
def test_statistics_equal_scipy(differences):
    given = contrast(differences)
    low, high = stats.ttest_1samp(given.values, 0).confidence_interval(0.95)
    assert given.interval == pytest.approx((low, high), abs=1e-6)
    assert given.mean == pytest.approx(np.mean(differences), abs=1e-6)
    assert given.sd == pytest.approx(np.std(differences, ddof=1), abs=1e-6)


def test_one_seed_has_no_spread():
    assert contrast([0.1]).interval is None and contrast([0.1]).sd is None
    assert contrast([0.1]).as_record()["interval"] is None


def test_equal_seeds_have_an_interval_without_width():
    low, high = contrast([0.1, 0.1, 0.1]).interval
    assert low == high == 0.1


def test_evidence_comes_back_from_its_file(tmp_path):
    path = evidence().save(tmp_path)
    assert path.name == "a-claim.json" and [each.name for each in tmp_path.iterdir()] == ["a-claim.json"]
    assert read_evidence("a-claim", tmp_path) == evidence()
    assert read_evidence("another", tmp_path) is None


def test_a_repeated_trial_leaves_the_file_as_it_was(tmp_path):
    path = evidence().save(tmp_path)
    before = path.read_bytes()
    evidence(seconds=99.0).save(tmp_path)
    assert path.read_bytes() == before
    evidence(threads=2, seconds=99.0).save(tmp_path)
    assert path.read_bytes() != before


def alter(path, change):
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def resign(record):
    """What a careful forger does: a fresh SHA-256."""
    record["sha256"] = digest({key: value for key, value in record.items() if key != "sha256"})


ALTERED = {
    "a value": lambda record: record["contrasts"][0]["first"].__setitem__(0, 0.99),
    "a mean": lambda record: record["contrasts"][0].update(mean=0.9),
    "a mean, signed anew": lambda record: (record["contrasts"][0].update(mean=0.9), resign(record)),
    "the provenance": lambda record: record["data"]["d"].update(provenance="phantom"),
    "an unknown provenance": lambda record: (record["data"]["d"].update(provenance="web"), resign(record)),
    "no data": lambda record: (record.update(data={}), resign(record)),
    "a verdict by hand": lambda record: (record.update(verdict="supported"), resign(record)),
    "no signature": lambda record: record.pop("sha256"),
    "a missing key": lambda record: record.pop("contrasts"),
    "a seed too many": lambda record: (record["seeds"].append(3), resign(record)),
    "text for a number": lambda record: record["contrasts"][0].update(first=["a", "b", "c"]),
    "no number, signed anew": lambda record: (record["contrasts"][0].update(first=[None, 0.5, 0.5]), resign(record)),
    "a huge number, signed anew": lambda record: (record["contrasts"][0].update(first=[10**400, 1, 1]), resign(record)),
    "numbers too large for statistics, signed anew": lambda record: (
        record["contrasts"][0].update(first=[1e308, -1e308, 1e308]),
        resign(record),
    ),
    "a name that is no text, signed anew": lambda record: (record["contrasts"][0].update(name=5), resign(record)),
    "three arms, signed anew": lambda record: (record["contrasts"][0].update(arms=["a", "b", "c"]), resign(record)),
    "a seed that is no number, signed anew": lambda record: (record.update(seeds=["0", "1", "2"]), resign(record)),
    "a seed twice, signed anew": lambda record: (record.update(seeds=[0, 0, 1]), resign(record)),
    "negative seconds, signed anew": lambda record: (record.update(seconds=-1), resign(record)),
    "no thread, signed anew": lambda record: (record.update(threads=0), resign(record)),
    "an arm without a model, signed anew": lambda record: (record["arms"][0].pop("model"), resign(record)),
    "no epochs, signed anew": lambda record: (record["arms"][0].update(recipe={}), resign(record)),
    "options that are none, signed anew": lambda record: (record["arms"][0].update(options=[]), resign(record)),
    "cases that are no number, signed anew": lambda record: (record["data"]["d"].update(test="9"), resign(record)),
    "a version that is no text, signed anew": lambda record: (record.update(versions={"torch": 2}), resign(record)),
    "an AUC above one": lambda record: record["contrasts"][0].update(first=[2, 2, 2]),
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
def test_an_altered_file_is_one_clear_sentence(tmp_path, change):
    alter(evidence().save(tmp_path), change)
    with pytest.raises(InputError, match=r"a-claim.json cannot be used: .*: medtutor trial run a-claim$"):
        read_evidence("a-claim", tmp_path)


MALFORMED = [
    "",
    "{",
    "[1, 2]",
    "null",
    '"supported"',
    '{"seconds": NaN}',
    "\x00",
    "[" * 100_000,
    '{"claim": 1, "claim": 2}',
    '{"seconds": Infinity}',
]


@pytest.mark.parametrize("text", MALFORMED, ids=[text[:30] for text in MALFORMED])
def test_a_malformed_file_is_one_clear_sentence(tmp_path, text):
    (tmp_path / "a-claim.json").write_text(text)
    with pytest.raises(InputError, match="a-claim.json cannot be .* medtutor trial run a-claim$") as caught:
        read_evidence("a-claim", tmp_path)
    assert "\n" not in str(caught.value)
    # A new trial replaces it.
    evidence().save(tmp_path)
    assert read_evidence("a-claim", tmp_path) == evidence()


def test_evidence_under_another_name_is_refused(tmp_path):
    evidence().save(tmp_path).rename(tmp_path / "other.json")
    with pytest.raises(InputError, match="is about 'a-claim'"):
        read_evidence("other", tmp_path)


def test_phantoms_are_known_as_such():
    mixed = {"d": {"provenance": "medmnist"}, "e": {"provenance": "phantom"}}
    assert replace(evidence(), data=mixed).on_phantoms and not evidence().on_phantoms


def test_shipped_evidence_is_sound():
    for path in FOLDER.glob("*.json"):
        shipped = read_evidence(path.stem)
        # On phantoms only where the claim is about them and says so.
        of = claim(path.stem)
        assert shipped.on_phantoms == bool(of.settings.get("phantoms")), path
        assert not shipped.on_phantoms or "PHANTOM" in of.protocol, path
        assert "verdict" not in path.read_text(), path


def resigned(record):
    if isinstance(record, dict):
        resign(record)
    return record


@pytest.mark.parametrize("sign", [None, resigned])
def test_whatever_is_altered_is_found_out_or_means_the_same(tmp_path, sign):
    path = evidence().save(tmp_path)
    check_altered(path, lambda: read_evidence("a-claim", tmp_path), lambda one, other: one == other, resign=sign)


def test_evidence_that_could_not_be_read_again_is_not_written(tmp_path):
    for change, words in (
        (dict(seconds=float("nan")), "seconds must be"),
        (dict(contrasts=(contrast([float("nan")] * 3),)), "contrast plain must be"),
    ):
        with pytest.raises(InputError, match=words):
            evidence(**change).save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_two_trials_may_write_one_folder(tmp_path):
    """Of the same claim and of others: each file is whole, and nothing else is left."""
    with ThreadPoolExecutor() as pool:
        saves = [
            pool.submit(evidence(name, seconds=float(number), threads=1 + number).save, tmp_path)
            for name in ("a", "b")
            for number in range(6)
        ]
        for save in saves:
            save.result()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]
    assert read_evidence("a", tmp_path) and read_evidence("b", tmp_path)


def test_what_a_killed_trial_left_of_its_file_goes(tmp_path):
    for name in ("a-claim.json.0a1b2c3d.partial", "a-claim.json.4711.partial", "notes.partial"):
        (tmp_path / name).write_text("{")
    evidence().save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-claim.json", "notes.partial"]


def test_evidence_of_version_0_1_0_had_no_keys_and_is_read():
    evidence = read_evidence("cnn-beats-mlp")
    without = replace(evidence, contrasts=tuple(replace(each, keys={}) for each in evidence.contrasts))
    record = without.as_record()
    assert "keys" not in record["contrasts"][0]
    assert Evidence.from_record(record) == without and without.where(dataset="breastmnist") == []


def test_a_file_is_parsed_once_and_anew_when_it_has_changed(tmp_path, monkeypatch):
    evidence(seconds=1.0).save(tmp_path)
    first = read_evidence("a-claim", tmp_path)
    parse = Evidence.from_record
    monkeypatch.setattr(Evidence, "from_record", lambda record: pytest.fail("it was parsed again"))
    assert read_evidence("a-claim", tmp_path) is first
    monkeypatch.setattr(Evidence, "from_record", parse)
    (tmp_path / "a-claim.json").unlink()
    evidence(seconds=2.0).save(tmp_path)
    assert read_evidence("a-claim", tmp_path).seconds == 2.0
