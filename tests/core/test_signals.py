"""Every signal has a name."""

import signal

from deployer.core.signals import signal_name


def test_a_signal_is_called_as_systemd_calls_it():
    assert [signal_name(number) for number in (9, 15, 35, 49)] == ["KILL", "TERM", "RTMIN+1", "RTMIN+15"]


def test_no_signal_is_without_a_name():
    names = [signal_name(number) for number in range(1, signal.NSIG)]
    assert len(set(names)) == len(names)
