"""What a trial measured: contrasts over seeds, as a file that cannot be altered unnoticed.

A file holds no verdict and no date: the verdict is computed from the claim's rule
whenever it is shown (`claims.verdict`), and the same trial leaves the same file.
"""

import hashlib
import json
import math
import statistics
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scipy.special import stdtrit

from ..errors import InputError, MedtutorError
from ..files import write_whole

# Ships with the package; `medtutor trial run` in a clone writes here.
FOLDER = Path(__file__).parent / "evidence"
DECIMALS = 6
PROVENANCE = {
    "medmnist": "published images, MD5 checked", "decathlon": "published volumes", "phantom": "PHANTOM", "arrays": "your own arrays"
}  # fmt: skip


@dataclass(frozen=True)
class Contrast:
    """Two arms trained with the same seeds, and the difference of what they reached.

    name           which data, and what was done to them
    arms           names of the first and the second arm
    first, second  the metric per seed, in the order of the evidence's seeds

    All numbers are kept to six decimals: more is noise, and the verdict is
    computed from the same numbers that are shown.
    """

    name: str
    arms: tuple[str, str]
    first: tuple[float, ...]
    second: tuple[float, ...]

    @property
    def values(self):
        """First minus second, per seed."""
        return tuple(round(a - b, DECIMALS) for a, b in zip(self.first, self.second, strict=True))

    @property
    def mean(self):
        return round(statistics.fmean(self.values), DECIMALS)

    @property
    def sd(self):
        """Standard deviation over seeds (n - 1); None for one seed."""
        return round(statistics.stdev(self.values), DECIMALS) if len(self.values) > 1 else None

    @property
    def interval(self):
        """(low, high): Student's 95 % interval of the mean over seeds; None for one seed."""
        n = len(self.values)
        if n < 2:
            return None
        half = float(stdtrit(n - 1, 0.975)) * statistics.stdev(self.values) / math.sqrt(n)
        return tuple(round(statistics.fmean(self.values) + side * half, DECIMALS) for side in (-1, 1))

    def as_record(self):
        """Plain values for JSON. The statistics are for readers: `Contrast` computes them anew."""
        return {
            "name": self.name,
            "arms": list(self.arms),
            "first": list(self.first),
            "second": list(self.second),
            "difference": list(self.values),
            "mean": self.mean,
            "sd": self.sd,
            "interval": self.interval and list(self.interval),
            "n": len(self.values),
        }

    @classmethod
    def from_record(cls, record):
        first, second = tuple(record["first"]), tuple(record["second"])
        if not first or len(first) != len(second) or not all(math.isfinite(value) for value in (*first, *second)):
            raise ValueError(f"contrast {record['name']} needs one number per arm and seed")
        return cls(record["name"], tuple(record["arms"]), first, second)


def between(name, first, second, sign=1):
    """The `Contrast` of two measured values, one of each training.

    first, second  (name of the arm, trainings with the same seeds, key in their `values`)
    sign           -1 where less is better: both are turned round
    """
    (arm, trainings, key), (other, others, other_key) = first, second
    return Contrast(
        name, (arm, other),
        tuple(round(sign * training.values[key], DECIMALS) for training in trainings),
        tuple(round(sign * training.values[other_key], DECIMALS) for training in others),
    )  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """What one trial of one claim measured.

    claim       the claim's id
    registered  `Claim.registered` at the time: what the evidence was collected under
    seeds       one training per arm and seed
    contrasts   (`Contrast`, …)
    arms        [{dataset, model, options, parameters, recipe}, …]; the recipe without its seed
    data        {data set: {"provenance": "medmnist", "decathlon", "phantom" or "arrays", "train": cases, …}}
    versions    of medtutor, torch and numpy
    device, threads, seconds   where, and the wall time of all trainings together
    """

    claim: str
    registered: str
    seeds: tuple[int, ...]
    contrasts: tuple[Contrast, ...]
    arms: list
    data: dict
    versions: dict
    device: str
    threads: int
    seconds: float

    @property
    def on_phantoms(self):
        return any(entry["provenance"] == "phantom" for entry in self.data.values())

    def contrast(self, name):
        """The `Contrast` of that name, or None."""
        return next((contrast for contrast in self.contrasts if contrast.name == name), None)

    def as_record(self):
        """Plain values for JSON, with a SHA-256 over all of them."""
        record = asdict(self) | {"seeds": list(self.seeds), "contrasts": [c.as_record() for c in self.contrasts]}
        return record | {"sha256": digest(record)}

    @classmethod
    def from_record(cls, record):
        """The evidence in a record. Raises `InputError` where it is not exactly what `as_record` gives."""
        try:
            values = {key: value for key, value in record.items() if key != "sha256"}
            values |= {
                "seeds": tuple(values["seeds"]),
                "contrasts": tuple(Contrast.from_record(contrast) for contrast in values["contrasts"]),
            }
            evidence = cls(**values)
            if any(len(contrast.first) != len(evidence.seeds) for contrast in evidence.contrasts):
                raise ValueError("a contrast has more or fewer values than there are seeds")
            if not evidence.data or not {entry["provenance"] for entry in evidence.data.values()} <= set(PROVENANCE):
                raise ValueError("it does not say which images it was made on")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"it is not evidence as medtutor writes it ({error})") from None
        if evidence.as_record() != record:
            raise InputError("it was altered after it was written")
        return evidence

    def save(self, folder):
        """Write `CLAIM.json` to a folder; the file is there whole or not at all.

        Where the file there differs in nothing but the seconds, it stays: a
        trial repeated leaves nothing to commit.
        """
        path = Path(folder) / f"{self.claim}.json"
        try:
            earlier = read_evidence(self.claim, folder)
        except InputError:
            earlier = None  # damaged: replaced
        if earlier is None or replace(earlier, seconds=self.seconds) != self:
            keep(path, json.dumps(self.as_record(), indent=1, allow_nan=False) + "\n")
        return path


def read_evidence(claim_id, folder=None):
    """The `Evidence` for a claim, or None where there is none.

    folder  that of the package when left out

    Raises `InputError` for a file that is malformed or was altered.
    """
    path = Path(folder or FOLDER) / f"{claim_id}.json"
    try:
        evidence = Evidence.from_record(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except InputError as error:
        raise InputError(f"the evidence in {path.name} cannot be used: {error}; collect it anew: {command(claim_id)}") from None
    except (OSError, ValueError):
        raise InputError(f"the evidence in {path.name} cannot be read; collect it anew: {command(claim_id)}") from None
    if evidence.claim != claim_id:
        raise InputError(f"the evidence in {path.name} is about {evidence.claim!r}; collect it anew: {command(claim_id)}")
    return evidence


def command(claim_id):
    """What to type to collect the evidence for a claim."""
    return f"medtutor trial run {claim_id}"


def digest(record):
    """SHA-256 of plain values, in one spelling."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, allow_nan=False).encode()).hexdigest()


def keep(path, text):
    """`write_whole`, its folder made first. Raises `MedtutorError` where that is impossible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise MedtutorError(f"{path} could not be written ({error.strerror or error}); choose a folder with --out") from error
