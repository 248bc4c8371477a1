"""The benchmark measures what it says; how fast is not for a test to judge."""

import pytest

from medtutor.bench import against, common, data
from medtutor.bench.workloads import AFTER, BEFORE
from medtutor.data import load
from medtutor.errors import InputError, MedtutorError


@pytest.fixture(scope="module")
def dataset():
    """Phantoms, as many as the real set has images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common, "load", lambda name: load(name, source="phantom"))
        return common.images()


def test_data(dataset, monkeypatch):
    median = common.median_seconds
    monkeypatch.setattr(data, "median_seconds", lambda work, repeats=1: median(work, 1))
    figures = data.measure_data(dataset)
    assert figures["times faster"] == pytest.approx(figures["medmnist, us per image"] / figures["ours, us per image"])
    assert figures["times faster"] > 1 and figures["times faster, augmented"] > 1


def test_the_reference_reads_the_very_same_images(dataset):
    from torchvision.transforms import ToTensor

    loader = common.reference_loader(dataset, "val", [ToTensor()])
    images, labels = next(iter(loader))
    assert ((images * 255).round().byte() == dataset.val.images[: len(images)]).all()
    assert (labels.squeeze(1) == dataset.val.labels[: len(labels)]).all()


def pair(seed, other, this):
    """A run of both sides: (seconds, AUC) of each."""
    sides = {"other": other, "this": this}
    return {
        "seed": seed,
        **{side: {"costs": {"wall s": s}, "quality": {"test auc": q}} for side, (s, q) in sides.items()},
    }


def test_ratios_are_of_neighbours_and_quality_is_of_seeds():
    runs = [pair(0, (2, 0.90), (1, 0.92)), pair(0, (4, 0.92), (6, 0.92)), pair(1, (10, 0.80), (10, 0.83))]
    found = against.summary(runs)
    assert found["costs"]["wall s"]["ratio"] == {"median": 1, "least": 0.5, "most": 1.5}
    assert found["costs"]["wall s"]["other"] == {"median": 4, "least": 2, "most": 10}
    quality = found["quality"]["test auc"]
    # Seed 0: 0.91 and 0.92; seed 1: 0.80 and 0.83.
    assert quality["other"]["mean"] == pytest.approx(0.855) and quality["this"]["mean"] == pytest.approx(0.875)
    assert quality["difference"] == pytest.approx({"median": 0.02, "least": 0.01, "most": 0.03, "mean": 0.02})
    costs, score = list(against.lines(found, "v1"))[1:]
    assert costs.split()[2:] == ["4", "6", "1.000", "0.500", "to", "1.500"] and "+0.0200" in score


def test_what_cannot_be_compared_is_said_in_a_sentence(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="no revision 'no-such-branch'"):
        against.compare("no-such-branch", ["import"])
    with pytest.raises(InputError, match="did you mean import"):
        against.compare("HEAD", ["imports"])
    with pytest.raises(InputError, match="such as: lesson 05"):
        against.compare("HEAD", ["lesson", "five"])
    with pytest.raises(InputError, match="--times must be 1 or more"):
        against.compare("HEAD", ["import"], times=0)
    with pytest.raises(MedtutorError, match="^x failed in the other revision: ValueError: no$"):
        against.run_once("raise ValueError('no')", tmp_path, 0, True, "x")
    monkeypatch.setattr(against, "ROOT", tmp_path)
    with pytest.raises(InputError, match="not in a clone"):
        against.compare("HEAD", ["import"])


def test_each_side_imports_its_own(tmp_path):
    (tmp_path / "medtutor.py").write_text("")
    script = BEFORE + "import medtutor; quality['length'] = len(medtutor.__file__)" + AFTER
    lengths = [against.run_once(script, tree, 0, True, "x")["quality"] for tree in (tmp_path, against.ROOT)]
    homes = (tmp_path / "medtutor.py", against.ROOT / "medtutor" / "__init__.py")
    assert [each["length"] for each in lengths] == [len(str(path)) for path in homes]


@pytest.mark.skipif(not (against.ROOT / ".git").exists(), reason="not in a clone")
def test_a_revision_beside_itself_costs_the_same(capsys):
    found = against.compare("HEAD", ["import"], times=3, report=print)
    assert 0.5 < found["import"]["costs"]["processor s"]["ratio"]["median"] < 2
    assert len(found["import"]["runs"]) == 3 and found["machine"]["torch"] in capsys.readouterr().out
