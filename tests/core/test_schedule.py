"""A schedule means the same to us, to cron and to systemd, and what is none is told apart."""
# ruff: noqa: DTZ001 - a clock on the wall has no time zone

import contextlib
import re
import shutil
import subprocess
from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deployer.core.calendar import EVERY_DAY, EVERY_HOUR, EVERY_MINUTE, EVERY_MONTH, WEEKDAYS, Rule
from deployer.core.schedule import BadSchedule, parse, problem

SUNDAY = datetime(2026, 11, 22, 12, 34, 56)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1))


def moment(at):
    return at.timetuple()[:6]


def next_time(calendar, after):
    """As `calendar` says it, of what Python calls a time."""
    found = calendar.next_time(moment(after))
    return None if found is None else datetime(*found)


def upcoming(text, count=1, after=SUNDAY):
    found = []
    for _ in range(count):
        after = next_time(parse(text), after)
        found.append(f"{after:%Y-%m-%d %H:%M:%S}")
    return found if count > 1 else found[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/5 * * * *", "2026-11-22 12:35:00"),
        ("34 12 * * *", "2026-11-23 12:34:00"),
        ("30 7 * * mon-fri", "2026-11-23 07:30:00"),
        ("0 4 1,15 * *", "2026-12-01 04:00:00"),
        ("0 0 * * 7", "2026-11-29 00:00:00"),
        ("0 0 * * 0", "2026-11-29 00:00:00"),
        ("0 0 * * 5-7", "2026-11-27 00:00:00"),
        ("10-20/5 13 * FEB *", "2027-02-01 13:10:00"),
        ("0 0 29 2 *", "2028-02-29 00:00:00"),
        ("@hourly", "2026-11-22 13:00:00"),
        ("@weekly", "2026-11-29 00:00:00"),
        ("@yearly", "2027-01-01 00:00:00"),
    ],
)
def test_five_fields_are_read_as_cron_reads_them(text, expected):
    assert upcoming(text) == expected


def test_with_both_days_restricted_either_is_enough_as_in_cron():
    assert upcoming("0 0 24 * fri", 3) == ["2026-11-24 00:00:00", "2026-11-27 00:00:00", "2026-12-04 00:00:00"]


def test_a_day_field_that_begins_with_a_star_restricts_together_with_the_other_as_in_cron():
    assert upcoming("0 0 */10 * fri") == "2026-12-11 00:00:00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("minutely", "2026-11-22 12:35:00"),
        ("hourly", "2026-11-22 13:00:00"),
        ("Daily", "2026-11-23 00:00:00"),
        ("weekly", "2026-11-23 00:00:00"),
        ("Mon..Fri 07:30", "2026-11-23 07:30:00"),
        ("Sat,Sunday *-*-* 23:00", "2026-11-22 23:00:00"),
        ("*-*-* 04:00:00", "2026-11-23 04:00:00"),
        ("*:0/5", "2026-11-22 12:35:00"),
        ("*:*:0/2", "2026-11-22 12:34:58"),
        ("12-24", "2026-12-24 00:00:00"),
        ("2027-*-1..7/3 9..17/4:15", "2027-01-01 09:15:00"),
        ("Mon", "2026-11-23 00:00:00"),
    ],
)
def test_a_calendar_expression_is_read_as_systemd_reads_it(text, expected):
    assert upcoming(text) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "empty"),
        ("60 * * * *", "minute 60"),
        ("* 24 * * *", "hour 24"),
        ("* * 0 * *", "day of the month 0"),
        ("* * * 13 *", "month 13"),
        ("* * * * 8", "day of the week 8"),
        ("5-1 * * * *", "minute 5-1: it ends before it begins"),
        ("*/0 * * * *", "a step is a number from 1"),
        ("5/10 * * * *", "a step follows * or a range, such as 5-59/10"),
        ("* * * * * *", "6 fields"),
        ("@reboot", "@reboot is none of"),
        ("0 0 31 2 *", "no such day ever comes"),
        ("often", "'often' is no weekday"),
        ("Mon..Fri 7:60", "minute 60"),
        ("Mon 07:30 UTC", "'UTC' is no weekday, date or time"),
        ("25:00", "hour 25"),
        ("*-*-~1", "day ~1"),
        ("12:00:00.5", "second 00.5"),
        ("*-2-30", "no such day ever comes"),
        ("1,,2 * * * *", "minute nothing"),
    ],
)
def test_what_is_wrong_is_named(text, part):
    assert part in problem(text)


@given(st.text())
def test_no_text_makes_it_fail(text):
    with contextlib.suppress(BadSchedule):
        parse(text)


def some(every):
    return st.lists(st.sampled_from(every), min_size=1, max_size=4, unique=True).map(lambda v: tuple(sorted(v)))


@st.composite
def fields(draw):
    """Five fields of numbers and stars, and what they mean."""
    sets = [(EVERY_MINUTE, 0), (EVERY_HOUR, 0), (tuple(range(1, 29)), 1), (EVERY_MONTH, 1), (tuple(range(7)), 0)]
    chosen = [draw(st.none() | some(every)) for every, _ in sets]
    return " ".join("*" if values is None else ",".join(map(str, values)) for values in chosen), chosen


def matches(moment, chosen):
    minute, hour, day, month, weekday = chosen
    days = [day is None or moment.day in day, weekday is None or moment.isoweekday() % 7 in weekday]
    fits = any(days) if day is not None and weekday is not None else all(days)
    return fits and all(
        values is None or value in values
        for value, values in ((moment.minute, minute), (moment.hour, hour), (moment.month, month))
    )


@given(fields(), MOMENTS)
def test_the_next_moment_is_the_first_that_matches(written, after):
    text, chosen = written
    found = next_time(parse(text), after)
    assert found > after
    assert found.second == 0
    assert matches(found, chosen)
    nearer = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(2000):  # none that is nearer was left out
        if nearer >= found:
            break
        assert not matches(nearer, chosen)
        nearer += timedelta(minutes=1)


RULES = st.builds(
    Rule,
    years=st.just(()) | some((2031, 2032, 2033, 2047)),
    months=st.just(EVERY_MONTH) | some(EVERY_MONTH),
    days=st.just(EVERY_DAY) | some(tuple(range(1, 29))),
    weekdays=some(tuple(range(7))),
    hours=st.just(EVERY_HOUR) | some(EVERY_HOUR),
    minutes=st.just(EVERY_MINUTE) | some(EVERY_MINUTE) | st.integers(2, 29).map(lambda n: tuple(range(1, 60, n))),
    seconds=st.just((0,)) | some(EVERY_MINUTE),
)


@given(RULES)
def test_what_we_write_for_systemd_we_read_as_the_same(rule):
    assume(rule.next_time((1999, 12, 31, 0, 0, 0)))
    assert parse(rule.expression()).rules == (rule,)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
@settings(max_examples=60, deadline=None)
@given(RULES, st.datetimes(datetime(2026, 1, 1), datetime(2030, 12, 31)))
def test_systemd_takes_what_we_write_and_counts_as_we_do(rule, after):
    after = after.replace(microsecond=0)
    words = ["systemd-analyze", "calendar", f"--base-time={after:%Y-%m-%d %H:%M:%S} UTC", rule.expression()]
    told = subprocess.run(words, capture_output=True, text=True, check=True, env={"TZ": "UTC", "PATH": "/usr/bin"})
    found = re.search(r"Next elapse: (\w+) (\S+ \S+) UTC", told.stdout)
    expected = next_time(rule, after)
    if expected is None:
        assert "never" in told.stdout
    else:
        assert found is not None
        assert found.groups() == (WEEKDAYS[expected.weekday()], f"{expected:%Y-%m-%d %H:%M:%S}"), told.stdout
