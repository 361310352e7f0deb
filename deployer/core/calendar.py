"""At which moments does something happen?  Rules over the wall clock, the next moment, and systemd's words for them.

A moment is a `datetime` without a time zone, to the second: what the host's clock on the wall shows.  There is no clock
here: whoever asks for the next moment says after which.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Iterable, Optional

from deployer.core.message import message

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FIRST_YEAR, LAST_YEAR = 1970, 2199  # those that systemd knows
LONGEST = 41  # years between two 29th of February on the same weekday, and one more

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

    def next_time(self, after: datetime) -> Optional[datetime]:
        """The first moment after `after`, or None if none is left."""
        begin = after.replace(microsecond=0, fold=0) + timedelta(seconds=1)
        day, last = begin.date(), min(begin.year + LONGEST, LAST_YEAR)
        while day.year <= last:
            if day.month not in self.months or (self.years and day.year not in self.years):
                day = _next_month(day)
                continue
            if day.day in self.days and day.weekday() in self.weekdays:
                found = self._time(begin.time() if day == begin.date() else time())
                if found is not None:
                    return datetime.combine(day, found)
            day += timedelta(days=1)
        return None

    def _time(self, first: time) -> Optional[time]:
        """The first time of day that is not before `first`."""
        for hour in self.hours:
            if hour < first.hour:
                continue
            for minute in self.minutes:
                if (hour, minute) < (first.hour, first.minute):
                    continue
                for second in self.seconds:
                    if (hour, minute, second) >= (first.hour, first.minute, first.second):
                        return time(hour, minute, second)
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

    def next_time(self, after: datetime) -> Optional[datetime]:
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


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def _part(values: Numbers, every: Numbers) -> str:
    """`*`, `00/15`, or `00,15`: of those, what says it shortest."""
    if values == every:
        return "*"
    if len(values) > 2:
        step = values[1] - values[0]
        if values == tuple(range(values[0], every[-1] + 1, step)):
            return f"{values[0]:02}/{step}"
    return ",".join(f"{value:02}" for value in values)
