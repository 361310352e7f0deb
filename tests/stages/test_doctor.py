"""What the doctor makes of what it hears."""

import pytest

from deployer.agent.examine_ports import ports
from deployer.stages.doctor import skew


@pytest.mark.parametrize(
    ("clock", "ok", "warn", "found"),
    [
        (1000.5, True, False, "as here"),
        (1002.9, True, False, "as here"),
        (998.5, True, False, "as here"),
        (1004.1, True, True, "3.1 s ahead of this machine's"),
        (995.0, True, True, "5.0 s behind this machine's"),
        (1100.0, False, False, "99.0 s ahead of this machine's"),
        (900.0, False, False, "100.0 s behind this machine's"),
    ],
)
def test_a_clock_is_judged_by_how_far_it_is_off_at_least(clock, ok, warn, found):
    told = skew("web1", clock, before=1000.0, after=1001.0)
    assert (told.where, told.ok, told.warn, told.found) == ("web1", ok, warn, found)
    assert bool(told.hint) == (warn or not ok)


def test_reserved_ports_are_read_as_the_kernel_writes_them():
    assert ports("8000,9000-9002") == {8000, 9000, 9001, 9002}
    assert ports("") == set()
