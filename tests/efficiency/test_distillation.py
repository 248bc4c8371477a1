"""A student that is taught: the loss by hand, and a teacher who knows what the labels do not say."""

import pytest
import torch
import torch.nn.functional as F

from medtutor.efficiency import distil, distillation_loss
from medtutor.errors import InputError
from medtutor.models import CNN, MLP

IMAGES, LABELS = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1, torch.arange(64) % 2


def test_the_loss_by_hand():
    student, teacher = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    p, q = (teacher / 2).softmax(1), (student / 2).softmax(1)
    soft = float((p * (p / q).log()).sum()) * 4
    hard = float(F.cross_entropy(student, torch.tensor([0])))
    found = distillation_loss(student, teacher, torch.tensor([0]), 2.0, 0.7)
    assert float(found) == pytest.approx(0.7 * soft + 0.3 * hard, rel=1e-5)


def test_the_slopes_keep_their_size_at_any_temperature():
    sizes = []
    for temperature in (10.0, 40.0):
        student = torch.tensor([[0.2, -0.1, 0.3]], requires_grad=True)
        distillation_loss(student, torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([0]), temperature, 1.0).backward()
        sizes.append(float(student.grad.norm()))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_a_student_learns_what_the_teacher_says_and_not_what_the_labels_say():
    """The teacher goes by brightness; the labels are by turns."""
    bright = (IMAGES.mean((1, 2, 3)) > 0).long()
    teacher = F.one_hot(bright, 2) * 8.0 - 4
    torch.manual_seed(0)
    student = distil(
        MLP(shape=(8, 8), width=16), IMAGES, LABELS, teacher, weight=1.0, epochs=30, batch_size=16, progress=False
    )
    with torch.no_grad():
        assert (student(IMAGES).argmax(1) == bright).float().mean() > 0.95
    assert not student.training


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"teacher": torch.zeros(3, 2)}, "64 images; give a row for each"),
        ({"labels": LABELS.float()}, "one label for each"),
        ({"temperature": 0}, "temperature"),
        ({"weight": 1.5}, "weight"),
        ({"images": torch.zeros(64, 1, 8, 8, dtype=torch.uint8)}, "float tensor"),
    ],
)
def test_what_does_not_fit_is_refused(change, sentence):
    given = {"images": IMAGES, "labels": LABELS, "teacher": torch.zeros(64, 2)} | change
    with pytest.raises(InputError, match=sentence):
        distil(CNN(shape=(8, 8), widths=(4,)), progress=False, **given)
