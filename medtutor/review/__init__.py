"""The review as data: claims, the rule each is judged by, the evidence, the answer.

    from medtutor.review import claim

    claim("cnn-beats-mlp")        # a card with evidence and answer

    side_by_side()                # every family that classifies, its AUC and its cost
    coverage()                    # what the review names, and where it lives in the course
    work("unet-2015")             # a work around it
    draw_flow(flows()["ali-2023"])               # a flow diagram of PRISMA 2020
    Screening(load_collection("Jeyaraman_2020"))  # titles of a real review, to be screened

The experiments are in `medtutor.review.trials`, which loads torch.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .active import Simulation, Stop, recall_curve, simulate
from .bibliography import Record, read_records, write_records
from .claims import Claim, claim, claims
from .collection import Collection, collection_names, load_collection
from .coverage import Named, companion, coverage
from .curves import Curve, stored_curves
from .evidence import Contrast, Evidence, read_evidence
from .literature import Work, cite, work, works
from .own import OwnClaim, lock_claim, read_claim, read_own, run_claim
from .prisma import Checklist, Flow, checklist, flows, read_flow
from .prisma_picture import draw_flow
from .render import pivot
from .rule import Rule
from .screening import Agreement, Screening, agreement, without_duplicates
from .standing import Standing, answer_map, corrected, forest, standings, survivors
from .verdict import ANSWERS, Reading, Verdict, judge, verdict

if TYPE_CHECKING:
    from .families import SideBySide


def side_by_side(timed: bool = True, report: Callable[[str], object] | None = None) -> "SideBySide":
    """All families that classify, side by side: see `medtutor.review.families`.

    >>> from medtutor.review import side_by_side
    >>> table = side_by_side(timed=False)
    >>> {row.family for row in table.of("pneumoniamnist")} >= {"CNN", "ViT", "hybrid"}
    True
    """
    from .families import side_by_side as made  # it loads torch and every model

    return made(timed, report)


__all__ = [
    "Agreement",
    "Checklist",
    "ANSWERS",
    "Claim",
    "Collection",
    "Contrast",
    "Curve",
    "Evidence",
    "Flow",
    "Named",
    "Record",
    "Reading",
    "Rule",
    "Screening",
    "Simulation",
    "Stop",
    "Verdict",
    "Work",
    "agreement",
    "checklist",
    "cite",
    "claim",
    "claims",
    "collection_names",
    "companion",
    "coverage",
    "draw_flow",
    "flows",
    "judge",
    "load_collection",
    "pivot",
    "read_evidence",
    "read_flow",
    "read_records",
    "recall_curve",
    "side_by_side",
    "simulate",
    "stored_curves",
    "verdict",
    "without_duplicates",
    "work",
    "works",
    "write_records",
    "OwnClaim",
    "lock_claim",
    "read_claim",
    "read_own",
    "run_claim",
    "Standing",
    "answer_map",
    "corrected",
    "forest",
    "standings",
    "survivors",
]
