"""The job beside a widget: stop is heard at once, and what nobody waits for any more is not shown."""

import threading
import time

import pytest

from medtutor.widgets.job import Job

LONG = 5  # seconds after which a test gives up


@pytest.fixture
def job():
    return Job(threading.RLock())


@pytest.fixture
def deaf():
    """Work that does not ask whether to stop, until it is let go; `begun` tells when it is at it."""

    class Deaf:
        def __init__(self):
            self.begun, self.gate, self.result = threading.Event(), threading.Event(), "found"

        def __call__(self, tell):
            self.begun.set()
            self.gate.wait(LONG)
            if isinstance(self.result, Exception):
                raise self.result
            return self.result

    made = Deaf()
    yield made
    made.gate.set()


def seconds(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def test_what_is_quick_is_there_when_the_press_of_the_button_is_over(job):
    found = []
    job.start(lambda tell: 7, found.append, pytest.fail)
    job.wait()
    assert found == [7] and not job.running and "done" in job._words.value


@pytest.mark.parametrize("result", ["found", ValueError("broken")])
def test_stop_is_heard_at_once_and_what_comes_afterwards_is_dropped(job, deaf, result):
    shown, deaf.result = [], result
    job.start(deaf, shown.append, shown.append)
    assert deaf.begun.wait(LONG) and job.running
    assert seconds(job.stop.click) < 1
    assert not job.running and "stopped" in job._words.value
    deaf.gate.set()
    job.wait()
    assert shown == [] and "stopped" in job._words.value


def test_a_new_job_begins_without_waiting_in_the_thread_that_asks_and_after_the_old_one(job, deaf):
    order = []
    job.start(deaf, order.append, pytest.fail)
    assert deaf.begun.wait(LONG)
    assert (
        seconds(lambda: job.start(lambda tell: order.append(deaf.gate.is_set()) or "new", order.append, pytest.fail))
        < 1
    )
    assert job.running and order == [] and "computing" in job._words.value
    deaf.gate.set()
    job.wait()
    assert order == [True, "new"]  # the old one had ended


def test_bar_and_words_tell_of_the_present_work_alone(job):
    begun, gate = threading.Event(), threading.Event()

    def old(tell):
        begun.set()
        gate.wait(LONG)
        tell(0.9, "old")

    job.start(old, pytest.fail, pytest.fail)
    assert begun.wait(LONG)
    job.stop.click()
    gate.set()
    job.wait()
    assert job.progress.value == 0 and "old" not in job._words.value


def test_work_ends_where_it_asks_once_it_was_stopped(job):
    begun, asked = threading.Event(), []

    def work(tell):
        while True:
            begun.set()
            tell(0.5)
            asked.append(1)
            time.sleep(0.01)

    job.start(work, pytest.fail, pytest.fail)
    assert begun.wait(LONG)
    job.stop.click()
    job.wait()
    count = len(asked)
    time.sleep(0.05)
    assert len(asked) == count


def test_an_error_is_told(job):
    told = []
    job.start(lambda tell: 1 / 0, pytest.fail, told.append)
    job.wait()
    assert isinstance(told[0], ZeroDivisionError) and "failed" in job._words.value and not job.running


def test_it_is_not_on_the_page_while_nothing_runs_where_that_is_wanted(deaf):
    job = Job(threading.RLock(), always=False)
    assert job.box.layout.display == "none"
    job.start(deaf, lambda _: None, pytest.fail)
    assert job.box.layout.display is None
    job.stop.click()
    assert job.box.layout.display == "none"


def test_a_finished_job_holds_nothing_of_who_asked(job):
    """ipywidgets keeps the button, the button the job: it must not keep the explorer."""

    class Asker:
        def work(self, tell):
            return 1

        def done(self, result):
            self.result = result

    import weakref

    asker = Asker()
    gone = weakref.ref(asker)
    job.start(asker.work, asker.done, asker.done)
    job.wait()
    del asker
    assert gone() is None
