"""How many objects a second `medtutor clinic watch` processes, and what memory it takes.

    python tools/measure_watch.py [--objects 1000] [--watchers 2] [--size 256] [--picture]

Draws single-frame X-rays as DICOM files, trains the usual CNN on phantoms for an epoch, and starts that many
watchers on one folder. Time counts from the first object that is done to the last: loading the libraries is not
part of it.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

import medtutor as mt
from medtutor.clinic.broken import x_ray
from medtutor.data import card, phantoms


def fill(folder, count, size):
    """So many different X-rays; the names of the files are numbers."""
    dice = np.random.default_rng(0)
    shade = np.linspace(0, 2000, size)[:, None] + np.linspace(0, 1000, size)[None]
    for number in range(count):
        pixels = (shade + dice.normal(500, 150, (size, size))).clip(0, 4095).astype(np.uint16)
        x_ray(pixels, str(number)).save_as(folder / str(number), enforce_file_format=True)


class Watcher:
    """A `medtutor clinic watch` in a process of its own."""

    def __init__(self, inbox, run, more):
        command = [sys.executable, "-m", "medtutor", "clinic", "watch", str(inbox), "--run", str(run), "--once", *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.done, self.memory, self.refused = [], [], 0
        self.seconds = 0.0
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        of = psutil.Process(self.process.pid)
        first = None
        for line in self.process.stdout:
            self.refused += " refused: " in line
            if " processed: " in line:
                self.done.append(time.monotonic())
                used = sum(of.cpu_times()[:2])
                first = used if first is None else first
                self.seconds = used - first
                self.memory.append(of.memory_info().rss / 2**20)


def main():
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--watchers", type=int, default=2)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--picture", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "inbox").mkdir()
        fill(folder / "inbox", options.objects, options.size)
        dataset = phantoms.draw(card("pneumoniamnist"), {"train": 200, "val": 50, "test": 50})
        run = mt.fit(mt.build("cnn", dataset, seed=0), dataset, mt.Recipe(epochs=1, seed=0), progress=False)
        run.save(folder / "run")
        more = [] if options.picture else ["--no-picture"]
        watchers = [Watcher(folder / "inbox", folder / "run", more) for _ in range(options.watchers)]
        for each in watchers:
            each.thread.join()
            each.process.wait()
        done = sorted(moment for each in watchers for moment in each.done)
        results = len(list((folder / "inbox-results" / "results").iterdir()))
    print(f"{len(done)} of {options.objects} objects processed, {results} results, {options.watchers} watchers")
    print(f"refused: {sum(each.refused for each in watchers)}")
    print(f"{(len(done) - 1) / (done[-1] - done[0]):.1f} objects a second")
    cost = sum(each.seconds for each in watchers) / max(1, len(done) - len(watchers))
    print(f"{1000 * cost:.1f} ms of processor time an object: {options.watchers / cost:.1f} a second, had each a core")
    for number, each in enumerate(watchers, 1):
        tenth = each.memory[:: max(1, len(each.memory) // 5)]
        print(
            f"watcher {number}: {len(each.done)} objects; memory in MB: {', '.join(f'{value:.0f}' for value in tenth)}"
        )


if __name__ == "__main__":
    main()
