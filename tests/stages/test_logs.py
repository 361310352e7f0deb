"""The lines of many hosts as one stream."""

from deployer.stages.logs import Written, in_order


def lines(host, process, *times):
    return [Written(host, process, at, f"{host} {process} {number}\n".encode()) for number, at in enumerate(times)]


def shown(written):
    return [line.text.decode().strip() for line in written]


def test_lines_are_in_the_order_of_time_whichever_host_wrote_them():
    written = [*lines("web1", "web.1", 1.0, 4.0), *lines("web2", "web.1", 2.0, 3.0), *lines("web1", "worker.1", 2.5)]
    assert shown(in_order(written)) == [
        "web1 web.1 0",
        "web2 web.1 0",
        "web1 worker.1 0",
        "web2 web.1 1",
        "web1 web.1 1",
    ]


def test_lines_without_a_time_stay_together_in_their_own_order():
    written = [*lines("web1", "web.1", 0, 0), *lines("web2", "web.1", 5.0), *lines("web2", "worker.1", 0, 0)]
    assert shown(in_order(written)) == [
        "web1 web.1 0",
        "web1 web.1 1",
        "web2 worker.1 0",
        "web2 worker.1 1",
        "web2 web.1 0",
    ]


def test_a_clock_that_was_set_back_does_not_reorder_what_one_process_wrote():
    written = [*lines("web1", "web.1", 10.0, 11.0, 4.0, 5.0), *lines("web2", "web.1", 10.5)]
    told = shown(in_order(written))
    assert [line for line in told if line.startswith("web1")] == [f"web1 web.1 {n}" for n in range(4)]
    assert told.index("web1 web.1 0") < told.index("web2 web.1 0")
