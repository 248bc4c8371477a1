"""What a thread does by itself, and what is not to be answered therefore."""

import threading


class Silence(threading.local):
    """A context that is true within, for the thread that is within; for others it is not.

    So the thread of a `Job` that sets a control silences no move that the user makes at the same time, nor the other
    way round.
    """

    deep = 0

    def __enter__(self):
        self.deep += 1

    def __exit__(self, *error):
        self.deep -= 1

    def __bool__(self):
        return self.deep > 0
