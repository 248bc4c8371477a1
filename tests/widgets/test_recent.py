"""What is kept is bounded by its bytes, not by its number alone."""

from medtutor.widgets import recent
from medtutor.widgets.recent import Recent


def test_the_oldest_go_where_there_are_too_many():
    kept = Recent()
    for number in range(5):
        assert kept.keep(number, str(number), 1, most=3) == str(number)
    assert len(kept) == 3 and kept.get(1) is None and kept.get(4) == "4" and 2 in kept


def test_the_oldest_go_where_they_are_too_large(monkeypatch):
    monkeypatch.setattr(recent, "BYTES", 100)
    kept = Recent()
    for number in range(5):
        kept.keep(number, number, 40)
    assert [number for number in range(5) if number in kept] == [3, 4]
    kept.keep(3, "again", 40)
    assert len(kept) == 2 and kept.get(3) == "again"
    kept.keep(9, "larger than all", 1000)
    assert len(kept) == 1 and kept.get(9) == "larger than all"  # what was asked for last is there
    kept.keep(10, "small", 10)
    assert len(kept) == 1 and kept.get(10) == "small"
