"""The quick tests with the oldest and the newest packages that pyproject.toml allows, and each Python that is here.

    python tools/matrix.py                          # what `make test-matrix` runs
    python tools/matrix.py oldest --python 3.11     # one of them
    python tools/matrix.py --resolve                # make the lists in locks/ anew

One environment at a time, in a temporary folder: some GB each. The oldest packages are tried with the oldest Python
only, for they have no wheels for others. A table at the end says what broke; the status is 1 then.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Which Python a list in locks/ is resolved for, and how.
LOCKS = {"oldest": ("3.11", "lowest-direct"), "newest": ("3.14", "highest")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="?", choices=LOCKS)
    parser.add_argument("--python", choices=PYTHONS)
    parser.add_argument("--resolve", action="store_true", help="make the lists anew, with uv")
    options = parser.parse_args()
    if options.resolve:
        return resolve()
    rows = []
    for packages in [options.packages] if options.packages else LOCKS:
        for python in [options.python] if options.python else PYTHONS:
            if packages == "oldest" and python != LOCKS["oldest"][0]:
                continue
            rows.append((packages, python, *outcome(packages, python)))
            print(*rows[-1], sep="  ", flush=True)
    print("\n| packages | Python | outcome | what broke |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    return int(any(row[2] == "broken" for row in rows))


def resolve():
    """Write locks/: `pip install uv` first."""
    for name, (python, how) in LOCKS.items():
        path = ROOT / "locks" / f"{name}.txt"
        found = subprocess.run(
            ["uv", "pip", "compile", "-q", "--no-header", "--no-annotate", "--extra", "dev", "--python-version", python]
            + ["--resolution", how, "pyproject.toml"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        head = (
            f"# The {name} packages that pyproject.toml allows, for Python {python} on Linux: tools/matrix.py --resolve"
        )
        path.write_text(f"{head}\n{found.stdout}", encoding="utf-8")
    return 0


def outcome(packages, python):
    """(word, what broke) of the quick tests in a new environment."""
    program = shutil.which(f"python{python}")
    if program is None or subprocess.run([program, "--version"], capture_output=True).returncode:
        return "not tried", "this Python is not on the machine"
    with tempfile.TemporaryDirectory(prefix="medtutor-matrix-") as folder:
        own = Path(folder, "bin", "python")
        # Another Python than the newest list was resolved for may need other versions: bounds, not a list, there.
        exact = python == LOCKS[packages][0]
        wanted = ["-r", f"locks/{packages}.txt", "--no-deps"] if exact else [".[dev]"]
        for step in (
            [program, "-m", "venv", folder],
            [own, "-m", "pip", "install", "-q", "--upgrade", "pip"],
            [own, "-m", "pip", "install", "-q", *wanted],
            [own, "-m", "pip", "install", "-q", "--no-deps", "--editable", "."],
        ):
            done = subprocess.run(step, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                return "broken", f"not installed: {last_line(done.stderr)}"
        path = f"{own.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [own, "-m", "pytest", "-q", "--quick", "-n", "logical", "--dist", "loadfile", "--tb=line", "tests"],
            cwd=ROOT,
            env=os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        print(done.stdout[-8000:], file=sys.stderr)
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.M)
        if done.returncode:
            return "broken", ", ".join(dict.fromkeys(failed)) or last_line(done.stdout)
        return "passed", last_line(done.stdout)


def last_line(text):
    return (text.strip().splitlines() or ["nothing was said"])[-1].replace("|", "/")


if __name__ == "__main__":
    sys.exit(main())
