"""What a page of one kind of task is made of, and how many bytes it may have."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..data import Dataset
from ..errors import InputError
from ..training.run import Run

MOST = 6_000_000  # bytes of a page: what still goes by mail, and opens on a phone
RUNTIME = 4_440_000  # bytes of a page that are the runtime and the page itself
A_WEIGHT = 4.2  # bytes of a page for each weight


def check_room(run: Run, count: int, each: float, a_weight: float, what: str, advice: str) -> None:
    """Raises `InputError` where a network with so many cases does not fit into a page.

    each      bytes of a page for a case
    a_weight  and for each weight
    what, advice  in words: the cases with their size, and what to choose otherwise
    """
    weights = sum(weight.numel() for weight in run.model.state_dict().values())
    room = int((MOST - RUNTIME - a_weight * weights) / each)
    if room < 2:
        raise InputError(
            f"{run.model.name} with {weights:,} weights on {what} does not fit into a page of {MOST // 10**6} MB;"
            f" choose a smaller one, such as {advice}"
        )
    if count > room:
        things = "clips" if run.card.frames else "images"
        raise InputError(f"{count} {things} do not fit into a page of {MOST // 10**6} MB; give images={room}")


@dataclass(frozen=True)
class Content:
    """What stands in a page.

    facts  what its script reads as JSON
    early  {name: bytes} that are painted at once
    late   {name: bytes} after the script: graphs and weights
    """

    facts: dict[str, Any]
    early: dict[str, bytes] = field(default_factory=dict)
    late: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """How the page of a kind of task is made.

    name        of its HTML file, without .html
    question    that the page answers
    scripts     files of its own, after compute.mjs and shared.mjs
    check_size  (run, images): raises `InputError` for what would not fit, before the work is done
    content     (run, dataset, images) -> `Content`
    note        a sentence about what is shown, at its end
    """

    name: str
    question: str
    scripts: tuple[str, ...]
    check_size: Callable[[Run, int], None]
    content: Callable[[Run, Dataset, int], Content]
    note: str
