"""The experiments on attention, hybrids and fusion, end to end on tiny images: what is compared with what."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch

import medtutor as mt
from medtutor.data import phantoms
from medtutor.data.augmentation import with_frames_lost
from medtutor.data.phantoms import cine
from medtutor.data.phantoms.marks import draw_marks
from medtutor.data.subsets import labelled, some_of
from medtutor.metrics.segmentation import dice
from medtutor.models import build
from medtutor.models.hybrid import as_masks
from medtutor.reports.cost import MATCHED, equal_work, forward_flops
from medtutor.review.claims import claim
from medtutor.review.experiments import hybrids_and_fusion as part_trials
from medtutor.review.experiments import interpretability as spot_trials
from medtutor.review.experiments import vision_transformers as transformer_trials
from medtutor.review.experiments.hybrids_and_fusion import fused, masks_of_clips, transformer_at_the_bottom
from medtutor.review.experiments.vision_transformers import FAMILIES, families, two_marks
from medtutor.review.trials import run_trial
from medtutor.training.organ import cut_out


@dataclass
class Measured:
    values: dict
    cases: dict


class Recorded:
    """Stands in for `train`: keeps what it was asked for, and answers with numbers that tell the arms apart."""

    def __init__(self):
        self.asked = []

    def __call__(self, model, dataset, seed, longer=1.0, measure=None, **options):
        self.asked.append(SimpleNamespace(model=model, dataset=dataset, seed=seed, longer=longer, options=options))
        values = {"0": 0.5 + 0.01 * len(model or "") + 0.001 * seed, "dice": 0.8, "surface dice": 0.9, "hd95": 2.0}
        return SimpleNamespace(model=model, values=values, cases={})


@pytest.fixture(scope="module")
def marks():
    few = {"train": 60, "val": 8, "test": 8}
    return {"marks_shapes": draw_marks("shapes", few), "marks_patterns": draw_marks("patterns", few)}


def test_equal_work_is_a_ratio_of_operations(tiny):
    for model in FAMILIES:
        ratio = forward_flops(build("cnn", tiny), tiny.card) / forward_flops(build(model, tiny), tiny.card)
        assert equal_work(model, tiny) == pytest.approx(ratio)
    assert equal_work("cnn", tiny) == 1


def test_two_marks_gives_every_arm_as_many_operations(marks, monkeypatch):
    monkeypatch.setattr(transformer_trials, "MARKS", {"shapes": (20, 40), "shapes, noisy": (20,), "patterns": (40,)})
    monkeypatch.setattr(transformer_trials, "PASSES", 80)
    monkeypatch.setattr(transformer_trials, "draw_marks", lambda kind, **noisy: marks["marks_shapes"])
    train = Recorded()
    names = [contrast.name for contrast in two_marks(marks, (0, 1), train)]
    assert len(train.asked) == 4 * len(MATCHED) * 2 and len(names) == 4 * 5 and len(set(names)) == len(names)
    assert "vit against cnn: shapes, 20 images" in names and "together against bag: patterns, 40 images" in names
    work = [
        len(each.dataset.train)
        * each.longer
        * forward_flops(build(each.model, each.dataset, **each.options), each.dataset.card)
        for each in train.asked
    ]
    assert max(work) == pytest.approx(min(work))


def test_the_arms_have_about_as_many_parameters(marks):
    sizes = [
        sum(p.numel() for p in build(model, marks["marks_shapes"], **options).parameters())
        for model, options in MATCHED.values()
    ]
    assert max(sizes) < 1.2 * min(sizes)


def test_some_of_keeps_labels_and_evidence_together(marks):
    part = some_of(marks["marks_shapes"], 10)
    assert len(part.train) == len(part.train.evidence) == 10 and torch.equal(
        part.train.labels, marks["marks_shapes"].train.labels[:10]
    )
    assert len(part.test) == len(marks["marks_shapes"].test)


def test_labelled_draws_from_each_class(tiny):
    few = labelled(tiny, 0.25, seed=3)
    assert few.card.name == "tiny-25%" and torch.bincount(few.train.labels).tolist() == [6, 6]
    assert torch.equal(few.train.images, labelled(tiny, 0.25, seed=3).train.images)
    assert not torch.equal(few.train.images, labelled(tiny, 0.25, seed=4).train.images)
    assert labelled(tiny, 1.0, seed=3) is tiny and few.test is tiny.test


def test_families_names_what_the_claims_judge(tiny, monkeypatch):
    card = lambda name: replace(tiny.card, name=name)  # noqa: E731
    data = {name: replace(tiny, card=card(name)) for name in ("pneumoniamnist", "breastmnist", "vesselmnist3d")}
    train = Recorded()
    found = {contrast.name: contrast for contrast in families(data, (0, 1), train)}
    for each in ("vits-need-more-data", "hybrids-beat-both-parents"):
        assert set(claim(each).rule.contrasts) <= set(found)
    lead = found["lead of the cnn over the vit: pneumoniamnist, 5% of labels against all"]
    assert lead.arms == ("5%", "100%") and lead.mean == 0  # the stand-in knows no labels
    assert all(
        each.longer == pytest.approx(equal_work(each.model, tiny) * factor)
        for each, factor in zip(train.asked[:6], [10] * 6)
    )
    assert [each.options for each in train.asked if each.options] == [{"positions": False}] * 2


def test_a_transformer_at_the_bottom_names_what_the_claim_judges(tiny):
    train = Recorded()
    found = {contrast.name: contrast for contrast in transformer_at_the_bottom({"hippocampus": tiny}, (0, 1), train)}
    assert set(claim("transformer-bottleneck-helps").rule.contrasts) <= set(found)
    assert [each.model for each in train.asked] == ["transformer_unet"] * 2 + ["unet"] * 2
    assert found["transformer_unet against unet: hd95"].first == (-2.0, -2.0), "nearer is better"


def test_attention_on_spots_names_what_the_claim_judges(tiny, monkeypatch):
    monkeypatch.setattr(spot_trials, "IMAGES", 2)
    monkeypatch.setattr(spot_trials, "CURVES", 1)
    rates = set()

    def fit(model, dataset, recipe, **options):
        rates.add((model.name, recipe.learning_rate))
        return mt.fit(model, dataset, recipe, **options)

    monkeypatch.setattr(spot_trials, "fit", fit)
    given = replace(claim("attention-explains"), seeds=(0, 1), settings={"epochs": {"tiny": 1}, "keep_all": True})
    evidence = run_trial(given, load=lambda name: tiny, progress=False)
    names = {contrast.name for contrast in evidence.contrasts}
    assert set(given.rule.contrasts) <= names
    assert {
        "vit, grad_cam: hit on dark spots",
        "vit, occlusion: deletion",
        "vit, attention_rollout: similar head",
    } <= names
    assert {"vit: AUC on bright spots", "vit: AUC on dark spots", "vit: AUC on texture spots"} <= names
    assert rates == {("vit", 1e-3)}, "a rate of its own"


def test_what_was_measured_on_one_kind_of_spot():
    values = {"dark AUC": 0.6, "dark saliency hit": 0.2, "bright AUC": 0.9}
    dark = spot_trials._of(Measured(values, values), "dark")
    assert dark.values == dark.cases == {"AUC": 0.6, "saliency hit": 0.2}


def test_fused_measures_what_the_claim_judges(tiny):
    found = fused(mt.Recipe(epochs=1, seed=0), tiny)
    keys = {
        f"{kind} {way}"
        for kind in ("additive", "interaction")
        for way in ("oracle", "image", "table", "early", "late", "gated")
    }
    assert keys <= set(found) and all(0 <= case.number <= 1 for case in found.values())
    # An image alone does not care for whose table it is, nor for gaps in it.
    assert found["additive image"] == found["additive image, table of others"] == found["additive image; gaps"]
    values = {name: case.number for name, case in found.items()}
    train = lambda model, dataset, seed, measure: SimpleNamespace(values=values, cases=found)  # noqa: E731
    names = {contrast.name for contrast in part_trials.parts_of_a_cohort({"tiny": tiny}, (0, 1), train)}
    assert set(claim("multimodal-data-helps").rule.contrasts) <= names


def test_lost_frames_are_black_and_about_as_many_as_asked():
    clips = torch.zeros(40, 16, 1, 4, 4)
    lost = (with_frames_lost(clips, 0.3, torch.Generator().manual_seed(0)) == -1).flatten(2)
    assert torch.equal(lost.any(2), lost.all(2)) and 0.25 < lost.any(2).float().mean() < 0.35


def test_dice_by_hand():
    found, wanted = (
        torch.tensor([[[1, 1], [0, 0]], [[0, 0], [0, 0]]]).bool(),
        torch.tensor([[[1, 0], [1, 0]], [[0, 0], [0, 0]]]).bool(),
    )
    assert dice(found, wanted) == pytest.approx((0.5 + 1) / 2)
    assert torch.equal(
        as_masks(torch.tensor([[0, 1], [2, 1]])), torch.tensor([[[-1.0, 1], [-1, 1]], [[-1, -1], [1, -1]]])
    )


def test_masks_of_clips_measures_three_networks(monkeypatch):
    monkeypatch.setattr(part_trials, "CLIPS", 16)
    monkeypatch.setattr(part_trials, "TESTED", 4)
    clips = {split: cine.draw(counts={"train": 16, "val": 2, "test": 4})[split] for split in ("train", "test")}
    splits = {
        split: SimpleNamespace(images=each.images, masks=each.masks, labels=each.ejection)
        for split, each in clips.items()
    }
    found = masks_of_clips(mt.Recipe(epochs=1, seed=0), SimpleNamespace(**splits))
    assert set(found) == {
        f"{name} {what}" for name in ("hybrid", "without lstm", "unet") for what in ("seen", "lost", "error")
    }
    values = {name: case.number for name, case in found.items()}
    train = lambda model, dataset, seed, measure: SimpleNamespace(values=values, cases=found)  # noqa: E731
    contrasts = [*part_trials.cine_of_parts({"cine_ejection": None}, (0, 1), train)]
    for each in contrasts:  # clips have lost unequal numbers of frames
        each.cases.check(each.first, each.second)
    names = {contrast.name for contrast in contrasts}
    assert names == set(claim("three-families-draw-better-masks").rule.contrasts)


def test_cut_out_keeps_what_the_segmenter_calls_lungs():
    drawn = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 4, "val": 4, "test": 4})
    inside = torch.zeros(4, 2, 28, 28)
    inside[:, 1, 10:12, 10:12] = 1
    inside[:, 0] = 0.5
    seen = cut_out(drawn, SimpleNamespace(predict=lambda images: inside), grow=1)
    kept = torch.zeros(28, 28, dtype=torch.bool)
    kept[9:13, 9:13] = True
    assert (
        torch.equal(seen.train.images[:, 0, kept], drawn.train.images[:, 0, kept])
        and not seen.train.images[:, 0, ~kept].any()
    )


def test_organ_first_names_what_the_claim_judges():
    found = {
        f"{where} {way} {what}": 0.5
        for where in ("phantom", "real")
        for way in ("whole", "lungs")
        for what in ("turned round", "no marker", "on marker")
    }

    def train(model, dataset, seed, measure):
        return SimpleNamespace(values=found | {"Dice of the lungs": 0.9, "nothing": 0.0}, cases={})

    names = {contrast.name for contrast in part_trials.organ_first({"tiny": None}, (0, 1), train)}
    assert set(claim("organ-first-helps").rule.contrasts) <= names
