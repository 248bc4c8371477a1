"""What the lessons say of the claims is what rule and evidence come to now."""

import json
import re
from pathlib import Path

import pytest

import medtutor
from medtutor.course.builder import shown_claims
from medtutor.review import claim, claims

HERE = Path(medtutor.__file__).parent.parent
CARD = re.compile(r"^(?:display\()?\s*review\.claim\(", re.M)
LESSONS = sorted(HERE.glob("notebooks/**/[0-9][0-9]_*.ipynb"))

pytestmark = pytest.mark.skipif(not LESSONS, reason="only in a clone")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_card_in_a_lesson_is_older_than_rule_and_evidence(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        shown = shown_claims(cell["source"]) if cell["cell_type"] == "code" else []
        assert shown or not CARD.search("".join(cell["source"])), "cards stand in a cell of their own"
        for claim_id, output in zip(shown, cell.get("outputs", []), strict=bool(shown)):
            assert "".join(output["data"]["text/plain"]) == str(claim(claim_id)), (
                f"the card of {claim_id} is old; run: medtutor notebooks build --text {path.name[:2]}"
            )


def test_every_claim_stands_in_its_lesson():
    for each in claims():
        assert f'review.claim("{each.id}")' in (HERE / "notebooks" / "source" / f"{each.lesson}.py").read_text(
            encoding="utf-8"
        )
