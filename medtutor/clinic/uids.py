"""Identifiers that are a function of what they identify: the same again for the same, another for anything else.

A server that has an instance keeps it, whatever is sent under its UID afterwards: a correction must be another one.
"""

import hashlib
import io
import json
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid5

from ..records import digest
from ..training.run import Run

SPACE = UUID("6d656474-7574-6f72-8c6c-696e69630001")  # ours alone: no other name makes the same UIDs
MADE = ("1.2.826.0.1.3680043.8.498.", "1.2.826.0.1.3680043.10.511.3.")  # begin UIDs that pydicom and highdicom draw


def uid_of(*facts: str) -> str:
    """A DICOM UID (2.25, of a UUID), always the same of the same facts.

    >>> uid_of("series", "1.2.3") == uid_of("series", "1.2.3"), uid_of("a") == uid_of("b"), uid_of("a")[:5]
    (True, False, '2.25.')
    """
    return f"2.25.{uuid5(SPACE, json.dumps(facts)).int}"


def weights_hash(run: Run) -> str:
    """SHA-256 of a run's weights; its first twelve digits name their file in the run's folder.

    >>> import medtutor as mt
    >>> card = mt.data.card("breastmnist")
    >>> len(weights_hash(mt.Run(mt.build("mlp", card), card, mt.Recipe(), "phantom")))
    64
    """
    from safetensors.torch import save

    return hashlib.sha256(save({key: each.detach().cpu().contiguous() for key, each in _state(run)})).hexdigest()


def _state(run):
    return run.model.state_dict().items()


def model_hash(run: Run, weights: str | None = None) -> str:
    """SHA-256 of all that a run's answer depends on: weights, network, what its data set was, views at test.

    weights  their hash, where it is known
    """
    facts = [weights or weights_hash(run), run.model.name, run.model.options, asdict(run.card), run.recipe.as_dict()]
    return digest(json.loads(json.dumps([*facts, list(run.scale)], default=str)))


def settle(dataset: Any, sources: Any, *facts: str) -> Any:
    """Give a finished DICOM object its UIDs: drawn ones become a function of their place, its own one of its content.

    sources  the data sets that it is about: their UIDs stay as they are
    facts    what it depends on but does not hold
    """
    theirs = {str(element.value) for source in sources for element in source.iterall() if element.VR == "UI"}
    found: dict[str, str] = {}
    for element in dataset.iterall():
        value = str(element.value)
        if element.VR == "UI" and value.startswith(MADE) and value not in theirs:
            element.value = found.setdefault(value, uid_of("part", str(len(found)), *facts))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid_of("unsettled")
    uid = uid_of("instance", hashlib.sha256(as_bytes(dataset)).hexdigest(), *facts)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    return dataset


def as_bytes(dataset: Any) -> bytes:
    """A data set with its file's head as the bytes of a DICOM file."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
