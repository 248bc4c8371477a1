"""`medtutor bench against REVISION`: this checkout beside another of its revisions, in turn, on one machine.

Every piece of work runs in a fresh process, the other revision and this one in turn. Processor
time is user and system time of the process and of those it started and waited for.
"""

import compileall
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import torch

from ..errors import InputError, MedtutorError
from ..training.processes import cpu_quota, seconds_of_children
from .workloads import chosen

ROOT = Path(__file__).resolve().parents[2]
SETS = {"AVX2": "avx2", "AVX-512": "avx512f", "AMX": "amx_tile"}


def compare(revision, words=(), *, times=3, seeds=(0,), quick=False, report=None):
    """{"machine": …, "revision": …, workload: {"runs": […], "costs": …, "quality": …}}.

    revision  of this repository, as git names them
    words     the workloads, see `chosen`
    times     how often each runs with each seed, on both sides
    seeds     whole numbers; what has no chance in it runs with each all the same
    quick     one epoch, few steps: tells nothing about quality; a lesson is always whole
    report    gets a line of text at a time

    Raises `InputError` where there is no repository, revision or workload of that name,
    `MedtutorError` where a piece of work fails.
    """
    if times < 1 or not seeds:
        raise InputError("--times must be 1 or more, and --seeds name one at least")
    scripts = chosen(words)
    found = {"machine": machine(), "revision": revision, "times": times, "seeds": list(seeds), "quick": quick}
    say = report or (lambda line: None)
    with other_tree(revision) as other:
        say(", ".join(f"{name} {value}" for name, value in found["machine"].items()))
        trees = {"other": other, "this": ROOT}
        for tree in trees.values():
            # Neither side compiles its modules while the clock runs.
            compileall.compile_dir(tree / "medtutor", quiet=2)
        for name, script in scripts.items():
            say(f"\n{name}")
            runs = []
            for seed in seeds:
                for _ in range(times):
                    pair = {side: run_once(script, tree, seed, quick, name) for side, tree in trees.items()}
                    runs.append({"seed": seed, **pair})
            found[name] = {"runs": runs, **summary(runs)}
            for line in lines(found[name], revision):
                say(line)
    return found


def machine():
    """{what: value} of the machine and of what torch makes of it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        text = ""
    model = re.search(r"^model name\s*: (.*)$", text, re.M)
    flags = re.search(r"^(?:flags|Features)\s*: (.*)$", text, re.M)
    known = flags[1].split() if flags else []
    return {
        "CPU": model[1] if model else platform.processor() or platform.machine(),
        "cores": cpu_quota(),
        "threads": os.environ.get("OMP_NUM_THREADS") or "chosen by each",
        "torch": torch.__version__,
        "instructions": " ".join(name for name, flag in SETS.items() if flag in known) or "unknown",
        "used by torch": torch.backends.cpu.get_cpu_capability(),
    }


@contextmanager
def other_tree(revision):
    """A temporary folder with the files of a revision. Raises `InputError` where there is none."""
    if not (ROOT / ".git").exists():
        raise InputError("this medtutor is not in a clone of its repository; clone it, and run: make lab")
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit.returncode:
        raise InputError(f"no revision {revision!r} in {ROOT}; git log --oneline lists them")
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "tree.tar"
        made = _git("archive", "--format=tar", f"--output={packed}", commit.stdout.strip())
        if made.returncode:
            raise MedtutorError(f"git could not write out {revision}: {made.stderr.strip()}")
        tree = Path(folder) / "tree"
        with tarfile.open(packed) as archive:
            archive.extractall(tree, filter="data")
        packed.unlink()
        yield tree


def _git(*arguments):
    try:
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)
    except OSError:
        raise InputError("git cannot be run; install it") from None


def run_once(script, tree, seed, quick, name):
    """{"costs": {…}, "quality": {…}} of a script in a fresh Python that imports the medtutor of a tree."""
    path = os.pathsep.join(filter(None, [str(tree), os.environ.get("PYTHONPATH", "")]))
    before, start = seconds_of_children(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, str(seed), "quick" if quick else "whole"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    wall, spent = time.perf_counter() - start, seconds_of_children() - before
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        where = "this revision" if tree == ROOT else "the other revision"
        raise MedtutorError(f"{name} failed in {where}: {last}")
    found = json.loads(done.stdout.splitlines()[-1])
    found["costs"] = {"processor s": spent, "wall s": wall, **found["costs"]}
    return found


def spread(values):
    """{"median", "least", "most"} of numbers.

    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'least': 1.0, 'most': 3.0}
    """
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def summary(runs):
    """{"costs": {name: other, this, ratio}, "quality": {name: other, this, difference}}, each a `spread`.

    runs  [{"other": …, "this": …}], the two of a pair having run one after the other: ratios
          (this over other) and differences (this less other) are those within the pairs. The quality
          of a seed is its mean, and `mean` of both sides and of the difference is that over seeds.
    """
    answer = {"costs": {}, "quality": {}}
    for name in runs[0]["this"]["costs"]:
        other, this = ([run[side]["costs"][name] for run in runs] for side in ("other", "this"))
        answer["costs"][name] = {
            "other": spread(other),
            "this": spread(this),
            "ratio": spread([new / old for old, new in zip(other, this)]),
        }
    for name in runs[0]["this"]["quality"]:
        other, this = (_of_seeds(runs, side, name) for side in ("other", "this"))
        differences = [new - old for old, new in zip(other, this)]
        parts = {"other": other, "this": this, "difference": differences}
        answer["quality"][name] = {
            part: {**spread(values), "mean": statistics.fmean(values)} for part, values in parts.items()
        }
    return answer


def _of_seeds(runs, side, name):
    """The mean of a quality for each seed."""
    values = {}
    for run in runs:
        values.setdefault(run["seed"], []).append(run[side]["quality"][name])
    return [statistics.fmean(each) for each in values.values()]


def lines(found, revision):
    """The lines of a table of one workload's `summary`."""
    yield f"  {'':40} {revision[:12]:>12} {'this':>12} {'this / other':>14}  least to most"
    for name, row in found["costs"].items():
        ratio = row["ratio"]
        yield (
            f"  {name:40} {row['other']['median']:12.4g} {row['this']['median']:12.4g} {ratio['median']:14.3f}"
            f"  {ratio['least']:.3f} to {ratio['most']:.3f}"
        )
    for name, row in found["quality"].items():
        difference = row["difference"]
        yield (
            f"  {name + ', mean over seeds':40} {row['other']['mean']:12.4f} {row['this']['mean']:12.4f}"
            f" {difference['mean']:+14.4f}  {difference['least']:+.4f} to {difference['most']:+.4f}"
        )


__all__ = ["compare", "lines", "machine", "spread", "summary"]
