"""The memory of the processes that a lesson runs in, as long as it runs."""

import threading
from pathlib import Path


class Memory:
    """Within it, looks at the processes that this one starts, and those that they do.

    peak    most bytes of their own at once: what they have written, alone or shared. This counts
            where memory is limited, as on Binder
    mapped  most bytes of files at once, such as the code of libraries
    """

    SECONDS = 0.1  # between two looks

    def __init__(self):
        self.peak = self.mapped = 0
        self._ended, self._before = threading.Event(), set()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._before = set(_children())
        self._watch.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._watch.join()

    def _look(self):
        while not self._ended.wait(self.SECONDS):
            held = [memory_of(process) for process in _children() if process not in self._before]
            self.peak = max(self.peak, sum(own for own, _ in held))
            self.mapped = max(self.mapped, sum(files for _, files in held))


def _children():
    """The processes below this one, but for those that are still its copy, and not yet the program that they become."""
    import psutil

    own, found = psutil.Process().cmdline(), []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline() != own:
                found.append(process)
        except psutil.Error:  # ended
            continue
    return found


def memory_of(process):
    """(own, mapped) bytes of a psutil process; nothing of one that has ended."""
    import psutil

    try:
        text = Path(f"/proc/{process.pid}/status").read_text()
    except ProcessLookupError:
        return 0, 0
    except OSError:
        # Ended, or no Linux.
        try:
            held = process.memory_full_info()
        except psutil.Error:
            return 0, 0
        return held.uss, held.rss - held.uss
    kilobytes = {line.split(":")[0]: line.split()[1] for line in text.splitlines() if line.startswith("Rss")}
    own, shared, files = (int(kilobytes.get(name, 0)) for name in ("RssAnon", "RssShmem", "RssFile"))
    return (own + shared) * 1024, files * 1024
