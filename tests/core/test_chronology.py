"""Logs are merged by time; within a log the order of writing counts, whatever the clock said."""

from deployer.core.chronology import merged


def times(*logs):
    return merged([list(log.split()) for log in logs], lambda entry: "" if entry == "torn" else entry)


def test_logs_are_merged_by_time():
    assert times("10 30 50", "20 40") == ["10", "20", "30", "40", "50"]


def test_what_a_clock_in_the_future_dated_does_not_stand_after_what_came_later():
    assert times("10 99 30 40", "20 35") == ["10", "20", "99", "30", "35", "40"]
    assert times("98 99 30", "20")[-1] == "30"


def test_an_entry_without_a_time_stays_where_it_was_written():
    assert times("10 torn 30", "20") == ["10", "20", "torn", "30"]
    assert times("10 torn") == ["10", "torn"]
