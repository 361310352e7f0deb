"""How is a moment or a duration shown?"""

from __future__ import annotations

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


def moment(text: str, *, now: datetime | None) -> str:
    """The RFC 3339 time `text` for people: `2 min ago` seen from `now`, or local date and time without a `now`."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return text
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    if now is None:
        return f"{then.astimezone():%Y-%m-%d %H:%M:%S}"
    age = (now - then).total_seconds()
    if age < -MINUTE or age >= 7 * DAY:  # a clock that is wrong is shown as it is, not as "just now"
        return f"{then.astimezone():%Y-%m-%d %H:%M}"
    if age < MINUTE:
        return "just now"
    if age < HOUR:
        return f"{int(age // MINUTE)} min ago"
    return f"{int(age // HOUR)} h ago" if age < DAY else f"{int(age // DAY)} d ago"


def took(seconds: float) -> str:
    """`0.3 s`, `42 s`, `3 min 5 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    return f"{whole} s" if whole < MINUTE else f"{whole // MINUTE} min {whole % MINUTE} s"


def size(count: int) -> str:
    """`512 B`, `11.5 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
