"""How is a schedule written?  Five fields as in crontab(5), or a calendar expression as in systemd.time(7).

    crontab     */5 * * * *        30 7 * * mon-fri      0 4 1,15 * *       @hourly
    systemd     *:0/5              Mon..Fri 07:30        *-*-1,15 04:00     hourly

Of crontab(5) all but `@reboot`; where both the day of the month and the day of the week are given, one of them is
enough.  Of systemd.time(7) weekdays, dates and times with lists, ranges (`..`) and repetitions (`/`), and the words
`minutely` to `yearly`; no time zone, no `~`, no fractions of a second.  All times are those of the host's own clock.
"""

from __future__ import annotations

import re
from typing import Mapping, Optional, Sequence

from deployer.core.calendar import (
    EVERY_DAY,
    EVERY_HOUR,
    EVERY_MINUTE,
    EVERY_MONTH,
    EVERY_WEEKDAY,
    EVERY_YEAR,
    FIRST_YEAR,
    LAST_YEAR,
    Calendar,
    Numbers,
    Rule,
    ascending,
)

EXPECTED = (
    "five fields as in crontab(5) such as */5 * * * *, or a calendar expression of systemd such as Mon..Fri 07:30"
)
FIELDS = 5
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
WORDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = {name: number for number, name in enumerate(_MONTHS, 1)}
_CRON_DAYS = {"sun": 0, **{day[:3]: number for number, day in enumerate(_DAYS[:6], 1)}}
_DAY_NAMES = {name: number for number, day in enumerate(_DAYS) for name in (day, day[:3])}
_NUMBER = re.compile(r"[0-9]{1,4}\Z")
_NO_NAMES: Mapping[str, int] = {}


class BadSchedule(ValueError):
    """A text that is no schedule; the message says what is wrong with which part of it."""


def parse(text: str) -> Calendar:
    """The moments that `text` names; `BadSchedule` says why it is none."""
    words = text.split()
    if text.startswith("@"):
        if text not in NICKNAMES:
            raise BadSchedule(f"{text} is none of {', '.join(NICKNAMES)}")
        found = _crontab(NICKNAMES[text].split())
    elif len(words) == FIELDS:
        found = _crontab(words)
    elif len(words) > FIELDS:
        raise BadSchedule(f"it has {len(words)} fields, crontab has {FIELDS}")
    else:
        found = Calendar((_expression(WORDS.get(text.lower(), text).split()),))
    first = min((year for rule in found.rules for year in rule.years), default=FIRST_YEAR)
    if found.next_time((first - 1, 12, 31, 23, 59, 59)) is None:
        raise BadSchedule("no such day ever comes")
    return found


def problem(text: str) -> str:
    """Why `text` is no schedule, or ''."""
    try:
        parse(text)
    except BadSchedule as bad:
        return str(bad)
    return ""


def _crontab(fields: Sequence[str]) -> Calendar:
    minutes = _cron_field("minute", fields[0], EVERY_MINUTE)
    hours = _cron_field("hour", fields[1], EVERY_HOUR)
    days = _cron_field("day of the month", fields[2], EVERY_DAY)
    months = _cron_field("month", fields[3], EVERY_MONTH, _MONTH_NAMES)
    sundays_first = _cron_field("day of the week", fields[4], tuple(range(8)), _CRON_DAYS)
    weekdays = ascending((day - 1) % 7 for day in sundays_first)  # both 0 and 7 are Sunday
    if fields[2].startswith("*") or fields[4].startswith("*"):
        return Calendar((Rule(months=months, days=days, weekdays=weekdays, hours=hours, minutes=minutes),))
    either = (
        Rule(months=months, days=days, hours=hours, minutes=minutes),
        Rule(months=months, weekdays=weekdays, hours=hours, minutes=minutes),
    )
    return Calendar(either)


def _cron_field(what: str, field: str, every: Numbers, names: Mapping[str, int] = _NO_NAMES) -> Numbers:
    """The numbers of `*`, `*/5`, `1-5`, `1-5/2`, `7`, and of lists of these."""
    found: list[int] = []
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if span == "*":
            low, high = every[0], every[-1]
        else:
            first, dash, last = span.partition("-")
            low = _number(what, first, every, names)
            high = _number(what, last, every, names) if dash else low
            if slash and not dash:
                raise BadSchedule(f"{what} {part}: a step follows * or a range, such as {low}-{every[-1]}/{step}")
        found += _steps(what, part, low, high, _step(what, part, step) if slash else 1)
    return ascending(found)


def _expression(words: Sequence[str]) -> Rule:
    """`[WEEKDAYS] [DATE] [TIME]`, at least one of them."""
    left = list(words)
    weekdays, years, months, days = EVERY_WEEKDAY, EVERY_YEAR, EVERY_MONTH, EVERY_DAY
    hours: Numbers = (0,)
    minutes: Numbers = (0,)
    seconds: Numbers = (0,)
    if left and left[0][:1].isalpha():
        weekdays = _weekdays(left.pop(0))
    if left and ":" not in left[0] and "-" in left[0]:
        years, months, days = _date(left.pop(0))
    if left and ":" in left[0]:
        hours, minutes, seconds = _time(left.pop(0))
    if left or not words:
        raise BadSchedule(f"{left[0]!r} is no weekday, date or time" if left else "it is empty")
    return Rule(years, months, days, weekdays, hours, minutes, seconds)


def _weekdays(text: str) -> Numbers:
    found: list[int] = []
    for part in text.rstrip(",").split(","):
        first, dots, last = part.partition("..")
        ends = [_DAY_NAMES.get(name.lower()) for name in ((first, last) if dots else (first, first))]
        low, high = ends
        if low is None or high is None:
            raise BadSchedule(f"{part!r} is no weekday, nor one of {', '.join(WORDS)}")
        found += _steps("weekday", part, low, high, 1)
    return ascending(found)


def _date(text: str) -> tuple[Numbers, Numbers, Numbers]:
    parts = text.split("-")
    if len(parts) not in (2, 3):
        raise BadSchedule(f"{text!r} is no date such as *-*-01 or 12-24")
    years = tuple(range(FIRST_YEAR, LAST_YEAR + 1))
    year = "*" if len(parts) == 2 else parts[0]
    return (
        EVERY_YEAR if year == "*" else _values("year", year, years),
        _values("month", parts[-2], EVERY_MONTH),
        _values("day", parts[-1], EVERY_DAY),
    )


def _time(text: str) -> tuple[Numbers, Numbers, Numbers]:
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise BadSchedule(f"{text!r} is no time such as 07:30 or *:0/5")
    seconds = _values("second", parts[2], EVERY_MINUTE) if len(parts) == 3 else (0,)
    return _values("hour", parts[0], EVERY_HOUR), _values("minute", parts[1], EVERY_MINUTE), seconds


def _values(what: str, field: str, every: Numbers) -> Numbers:
    """The numbers of `*`, `*/2`, `0/5`, `9..17`, `9..17/2`, `7`, and of lists of these."""
    found: list[int] = []
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dots, last = span.partition("..")
        low = every[0] if span == "*" else _number(what, first, every)
        high = _number(what, last, every) if dots else every[-1] if span == "*" or slash else low
        found += _steps(what, part, low, high, _step(what, part, step) if slash else 1)
    return ascending(found)


def _steps(what: str, part: str, low: int, high: int, step: int) -> range:
    if low > high:
        raise BadSchedule(f"{what} {part}: it ends before it begins")
    return range(low, high + 1, step)


def _step(what: str, part: str, text: str) -> int:
    if not _NUMBER.match(text) or int(text) == 0:
        raise BadSchedule(f"{what} {part}: a step is a number from 1")
    return int(text)


def _number(what: str, text: str, every: Numbers, names: Mapping[str, int] = _NO_NAMES) -> int:
    found: Optional[int] = names.get(text.lower())
    if found is None and _NUMBER.match(text):
        found = int(text)
    if found is None or not every[0] <= found <= every[-1]:
        raise BadSchedule(f"{what} {text or 'nothing'}: expected {every[0]} to {every[-1]}")
    return found
