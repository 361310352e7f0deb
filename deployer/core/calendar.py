"""At which moments does something happen?  Rules over the wall clock, the next moment, and systemd's words for them.

A moment is what the host's clock on the wall shows: year, month, day, hour, minute, second.  There is no clock here:
whoever asks for the next moment says after which.
"""

from __future__ import annotations

from typing import Iterable, Optional

from deployer.core.message import message

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FIRST_YEAR, LAST_YEAR = 1970, 2199  # those that systemd knows
LONGEST = 41  # years between two 29th of February on the same weekday, and one more
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # their days
FEBRUARY, DECEMBER = 2, 12

Moment = tuple[int, int, int, int, int, int]
Day = tuple[int, int, int]
Numbers = tuple[int, ...]
EVERY_YEAR: Numbers = ()
EVERY_MONTH, EVERY_DAY = tuple(range(1, 13)), tuple(range(1, 32))
EVERY_HOUR, EVERY_MINUTE = tuple(range(24)), tuple(range(60))
EVERY_WEEKDAY = tuple(range(7))


@message
class Rule:
    """Moments of which every part is one of these: ascending, `years` () for any, weekdays from 0, Monday."""

    years: Numbers = EVERY_YEAR
    months: Numbers = EVERY_MONTH
    days: Numbers = EVERY_DAY
    weekdays: Numbers = EVERY_WEEKDAY
    hours: Numbers = (0,)
    minutes: Numbers = (0,)
    seconds: Numbers = (0,)

    def next_time(self, after: Moment) -> Optional[Moment]:
        """The first moment after `after`, or None if none is left."""
        day, last = after[:3], min(after[0] + LONGEST, LAST_YEAR)
        while day[0] <= last:
            if day[1] not in self.months or (self.years and day[0] not in self.years):
                day = _next_month(day)
                continue
            if day[2] in self.days and weekday(day) in self.weekdays:
                found = self._time(after[3:] if day == after[:3] else (0, 0, -1))
                if found is not None:
                    return (*day, *found)
            day = _next_day(day)
        return None

    def _time(self, after: tuple[int, int, int]) -> Optional[tuple[int, int, int]]:
        """The first time of day after `after`."""
        for hour in self.hours:
            if hour < after[0]:
                continue
            for minute in self.minutes:
                if (hour, minute) < after[:2]:
                    continue
                for second in self.seconds:
                    if (hour, minute, second) > after:
                        return hour, minute, second
        return None

    def expression(self) -> str:
        """The rule as a calendar expression of systemd.time(7), in the simplest of its forms."""
        weekdays = "" if self.weekdays == EVERY_WEEKDAY else ",".join(WEEKDAYS[day] for day in self.weekdays) + " "
        years = ",".join(map(str, self.years)) or "*"
        day = f"{years}-{_part(self.months, EVERY_MONTH)}-{_part(self.days, EVERY_DAY)}"
        parts = ((self.hours, EVERY_HOUR), (self.minutes, EVERY_MINUTE), (self.seconds, EVERY_MINUTE))
        return f"{weekdays}{day} {':'.join(_part(values, every) for values, every in parts)}"


@message
class Calendar:
    """The moments of all these rules together."""

    rules: tuple[Rule, ...]

    def next_time(self, after: Moment) -> Optional[Moment]:
        """The first moment after `after`, or None if none is left."""
        found = [moment for moment in (rule.next_time(after) for rule in self.rules) if moment is not None]
        return min(found) if found else None

    @property
    def every_hour(self) -> bool:
        """Whether all hours of a day are alike: then a clock that is put back or forward by an hour changes nothing."""
        return all(rule.hours == EVERY_HOUR for rule in self.rules)

    def expressions(self) -> list[str]:
        """Calendar expressions of systemd.time(7) that mean the same together."""
        return [rule.expression() for rule in self.rules]


def ascending(numbers: Iterable[int]) -> Numbers:
    """These numbers, each once, the smallest first."""
    return tuple(sorted(set(numbers)))


def weekday(day: Day) -> int:
    """0 for a Monday."""
    return (day_number(day) + 3) % 7  # 1970-01-01 was a Thursday


def day_number(day: Day) -> int:
    """How many days after 1970-01-01, in the Gregorian calendar."""
    year = day[0] - 1
    before = 365 * year + year // 4 - year // 100 + year // 400
    return before + sum(_length(day[0], month) for month in range(1, day[1])) + day[2] - 719163


def _length(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return MONTHS[month - 1] + (leap and month == FEBRUARY)


def _next_day(day: Day) -> Day:
    return (day[0], day[1], day[2] + 1) if day[2] < _length(day[0], day[1]) else _next_month(day)


def _next_month(day: Day) -> Day:
    return (day[0], day[1] + 1, 1) if day[1] < DECEMBER else (day[0] + 1, 1, 1)


def _part(values: Numbers, every: Numbers) -> str:
    """`*`, `00/15`, or `00,15`: of those, what says it shortest."""
    if values == every:
        return "*"
    if len(values) > 2:
        step = values[1] - values[0]
        if values == tuple(range(values[0], every[-1] + 1, step)):
            return f"{values[0]:02}/{step}"
    return ",".join(f"{value:02}" for value in values)
