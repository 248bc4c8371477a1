"""What a trial measured: contrasts over seeds, as a file that cannot be altered unnoticed.

A file holds no verdict and no date: the verdict is computed from the claim's rule
whenever it is shown (`verdict.verdict`), and the same trial leaves the same file.
"""

import ast
import json
import os
import re
import statistics
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

from filelock import Timeout

from ..checks import number, one_of, whole
from ..data.dataset import PROVENANCES
from ..errors import InputError, MedtutorError
from ..files import WAIT, locked, remove_partial, resolve, write_whole
from ..metrics.intervals import over_seeds
from ..records import digest, parse_json, signed, typed
from .cases import Cases

# Ships with the package; `medtutor trial run` in a clone writes here.
FOLDER = Path(__file__).parent / "evidence"
DECIMALS = 6
# In a word or two, where a claim is told.
PROVENANCE = PROVENANCES | {"decathlon": "published volumes", "phantom": "PHANTOM"}


@dataclass(frozen=True)
class Contrast:
    """Two arms trained with the same seeds, and the difference of what they reached.

    name           which data, and what was done to them
    arms           names of the first and the second arm
    first, second  the metric per seed, in the order of the evidence's seeds
    keys           {what: value} by which `Evidence.where` and `pivot` find it: "row" and "column",
                   the words of which its name is made, and what is peculiar to its experiment,
                   such as "dataset", "labels", "method" or "score"

    cases          what every training said of each test case, `Cases`; None where only the metric was kept

    All numbers are kept to six decimals: more is noise, and the verdict is
    computed from the same numbers that are shown.
    """

    name: str
    arms: tuple[str, str]
    first: tuple[float, ...]
    second: tuple[float, ...]
    keys: dict = field(default_factory=dict, hash=False)
    cases: Cases | None = None

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
        if len(self.values) < 2:
            return None
        return tuple(round(bound, DECIMALS) for bound in over_seeds(self.values).interval())

    def as_record(self):
        """Plain values for JSON. The statistics are for readers: `Contrast` computes them anew."""
        return {
            "name": self.name,
            **({"keys": self.keys} if self.keys else {}),  # evidence of version 0.1.0 has none
            "arms": list(self.arms),
            "first": list(self.first),
            "second": list(self.second),
            "difference": list(self.values),
            "mean": self.mean,
            "sd": self.sd,
            "interval": self.interval and list(self.interval),
            "n": len(self.values),
            **({"cases": as_plain(self.cases)} if self.cases else {}),
        }


def as_plain(record):
    """A dataclass without others in it as plain values, as JSON gives them: with lists for tuples."""
    return {name: list(each) if isinstance(each, tuple) else each for name, each in vars(record).items()}


def contrast(row, column, first, second, cases=None, **keys):
    """The `Contrast` whose name is made of what is compared, and on what.

    row, column    such as "vit against cnn" and "shapes, 2500 images"; the column may be empty
    first, second  (name of the arm, its values per seed)
    keys           that it is found by, beside row and column
    """
    (arm, values), (other, others) = first, second
    return Contrast(
        f"{row}: {column}" if column else row,
        (arm, other),
        *(tuple(round(value, DECIMALS) for value in each) for each in (values, others)),
        keys={"row": row, "column": column, **keys},
        cases=cases,
    )


def between(row, column, first, second, sign=1, **keys):
    """The `contrast` of two measured values, one of each training.

    first, second  (name of the arm, trainings with the same seeds, key in their `values`)
    sign           -1 where less is better: both are turned round

    Where all trainings have kept what they said of each case, the contrast keeps it, too.
    """
    arms = [(arm, [sign * training.values[key] for training in trainings]) for arm, trainings, key in (first, second)]
    told = [[training.cases.get(key) for training in trainings] for _, trainings, key in (first, second)]
    cases = Cases.of(*told, sign=sign) if all(each for arm in told for each in arm) else None
    return contrast(row, column, *arms, cases=cases, **keys)


def among(whole, chosen, where):
    """A `Contrast` that has kept its cases, of some of them alone: told beside it, never judged.

    chosen  bool, one for each case
    where   in words, such as "without near-duplicates"; it ends the name

    Its numbers come of predictions in half precision, so that the third digit after the point is the last.
    """
    cases = whole.cases.among(chosen)
    row, column = whole.keys["row"], whole.keys["column"]
    names = (row, f"{column}, {where}") if column else (f"{row}, {where}", "")
    return contrast(*names, *zip(whole.arms, cases.numbers()), cases=cases, of=whole.name)


class Arm(TypedDict):
    """What was trained on what: the recipe is without its seed."""

    dataset: str
    model: str
    options: dict
    parameters: int
    recipe: dict


class Origin(TypedDict):
    """Where the images of a data set come from, and how many cases each split has."""

    provenance: str
    train: int
    val: int
    test: int


@dataclass(frozen=True)
class Evidence:
    """What one trial of one claim measured.

    claim       the claim's id
    registered  `Claim.registered` at the time: what the evidence was collected under
    seeds       one training per arm and seed
    contrasts   (`Contrast`, …)
    arms        [`Arm`, …]
    data        {data set: `Origin`}; the provenance is "medmnist", "decathlon", "phantom" or "arrays"
    versions    of medtutor, torch and numpy
    code        `code_of` the experiment at the time; None of evidence from before it was kept
    device, threads, seconds   where, and the wall time of all trainings together
    """

    claim: str
    registered: str
    seeds: tuple[int, ...]
    contrasts: tuple[Contrast, ...]
    arms: list[Arm]
    data: dict[str, Origin]
    versions: dict[str, str]
    device: str
    threads: int
    seconds: float
    code: str | None = None

    @property
    def on_phantoms(self):
        return any(entry["provenance"] == "phantom" for entry in self.data.values())

    def contrast(self, name):
        """The `Contrast` of that name, or None."""
        return next((contrast for contrast in self.contrasts if contrast.name == name), None)

    def where(self, **keys):
        """The contrasts that have these keys, in their order; `arm` and `against` are the names of the arms."""
        return [
            contrast
            for contrast in self.contrasts
            if keys.items() <= ({"arm": contrast.arms[0], "against": contrast.arms[1]} | contrast.keys).items()
        ]

    def as_record(self):
        """Plain values for JSON, with a SHA-256 over all of them."""
        of_contrasts = [contrast.as_record() for contrast in self.contrasts]
        record = asdict(replace(self, contrasts=())) | {"seeds": list(self.seeds), "contrasts": of_contrasts}
        if self.code is None:
            del record["code"]
        return signed(record)

    @classmethod
    def from_record(cls, record):
        """The evidence in a record. Raises `InputError` where it is not exactly what `as_record` gives."""
        try:
            values = {key: value for key, value in record.items() if key != "sha256"}
            # What can be computed from the values is compared below.
            given = [field.name for field in fields(Contrast)]
            values["contrasts"] = [
                {name: contrast[name] for name in given if name not in ("keys", "cases") or name in contrast}
                for contrast in values["contrasts"]
            ]
            evidence = typed("", values, cls)
            evidence.check()
            altered = evidence.as_record() != record
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise InputError(f"it is not evidence as medtutor writes it ({error})") from None
        if altered:
            raise InputError("it was altered after it was written")
        return evidence

    def check(self):
        """Raises `InputError`, which names the part, for numbers that cannot be or do not fit each other."""
        for seed in self.seeds:
            whole("seeds", seed, 0)
        for contrast in self.contrasts:
            if len({len(self.seeds), len(contrast.first), len(contrast.second)}) > 1 or not self.seeds:
                raise InputError(f"contrast {contrast.name} needs one number per arm and seed")
            for value in (*contrast.first, *contrast.second):
                number(f"contrast {contrast.name}", value)
            if contrast.cases:
                contrast.cases.check(contrast.first, contrast.second)
        names = [contrast.name for contrast in self.contrasts]
        if len(set(names)) < len(names) or len(set(self.seeds)) < len(self.seeds):
            raise InputError("a contrast or a seed stands in it twice")
        for arm in self.arms:
            whole("parameters", arm["parameters"], 0)
            whole("recipe.epochs", arm["recipe"].get("epochs"), 1)
        if not self.data:
            raise InputError("it does not say which images it was made on")
        for origin in self.data.values():
            one_of("provenance", origin["provenance"], PROVENANCE)
            for split in ("train", "val", "test"):
                whole(f"cases of {split}", origin[split], 1)
        whole("threads", self.threads, 1)
        number("seconds", self.seconds, 0)

    def save(self, folder):
        """Write `CLAIM.json` to a folder; the file is there whole or not at all.

        Where the file there differs in nothing but the seconds, it stays: a
        trial repeated leaves nothing to commit. Raises `InputError` for what could not
        be read again, `MedtutorError` where the folder cannot be written.
        """
        self.check()
        path = resolve(folder) / f"{self.claim}.json"
        text = json.dumps(self.as_record(), indent=1, allow_nan=False) + "\n"
        with writing(path.parent):
            try:
                earlier = read_evidence(self.claim, path.parent)
            except InputError:
                earlier = None  # damaged: replaced
            if earlier is None or replace(earlier, seconds=self.seconds) != self:
                write_whole(path, text)
            remove_partial(path.parent, re.escape(path.name))
        return path


def read_evidence(claim_id: str, folder: str | os.PathLike | None = None) -> Evidence | None:
    """The `Evidence` for a claim, or None where there is none.

    folder  that of the package when left out

    Raises `InputError` for a file that is malformed or was altered.

    >>> from medtutor.review import read_evidence
    >>> [contrast.name for contrast in read_evidence("depth-helps").contrasts]
    ['pneumoniamnist']
    """
    path = (FOLDER if folder is None else resolve(folder)) / f"{claim_id}.json"
    try:
        evidence = _parsed(path.read_bytes())
    except FileNotFoundError:
        return None
    except InputError as error:
        raise InputError(
            f"the evidence in {path.name} cannot be used: {error}; collect it anew: {command(claim_id)}"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"the evidence in {path.name} cannot be read ({reason}); collect it anew: {command(claim_id)}"
        ) from None
    if evidence.claim != claim_id:
        raise InputError(
            f"the evidence in {path.name} is about {evidence.claim!r}; collect it anew: {command(claim_id)}"
        )
    return evidence


@lru_cache(maxsize=128)  # tables and cards ask for all claims again and again; a file that was changed has other bytes
def _parsed(content):
    return Evidence.from_record(parse_json(content))


def code_of(trial: str) -> str | None:
    """SHA-256 of the file in experiments/ that holds a trial: of what it computes, not of comments and layout.

    None where no file holds it.

    >>> len(code_of("cnn_against_mlp"))
    64
    """
    for path in sorted((Path(__file__).parent / "experiments").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if f"def {trial}(" in text:
            return _computes(text)
    return None


@lru_cache(maxsize=32)  # several claims have one file, and a file that was changed has another text
def _computes(text):
    return digest([ast.dump(without_docstrings(ast.parse(text)))])


def without_docstrings(tree):
    """A syntax tree, in place, without what only explains."""
    for node in ast.walk(tree):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree


def command(claim_id):
    """What to type to collect the evidence for a claim."""
    return f"medtutor trial run {claim_id}"


@contextmanager
def writing(folder):
    """Within, this process alone writes to a folder, which is made first.

    Raises `MedtutorError` where that is impossible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            yield
    except Timeout:
        raise MedtutorError(
            f"{folder} could not be written: another process is writing there, and did not end within {WAIT} seconds; "
            "wait for it, or choose a folder with --out"
        ) from None
    except OSError as error:
        raise MedtutorError(
            f"{folder} could not be written ({error.strerror or error}); choose a folder with --out"
        ) from error
