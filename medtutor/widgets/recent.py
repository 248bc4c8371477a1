"""The last answers, as many as fit into memory."""

import math
import threading
from collections import OrderedDict

BYTES = 2**25  # 32 MB: of small images many answers, of volumes few


class Recent:
    """The last answers to questions, at most `BYTES` of them in all; threads may share it."""

    def __init__(self):
        self._kept, self._size, self._lock = OrderedDict(), 0, threading.Lock()

    def __len__(self):
        return len(self._kept)

    def __contains__(self, question):
        return question in self._kept

    def get(self, question):
        """The answer, or None."""
        return self._kept.get(question, (None, 0))[0]

    def keep(self, question, answer, size, most=math.inf):
        """Keep an answer of `size` bytes, and at most `most` answers; the oldest go. Returns the answer."""
        with self._lock:
            self._size += size - self._kept.pop(question, (None, 0))[1]
            self._kept[question] = answer, size
            while len(self._kept) > max(most, 1) or (self._size > BYTES and len(self._kept) > 1):
                self._size -= self._kept.popitem(last=False)[1][1]
        return answer
