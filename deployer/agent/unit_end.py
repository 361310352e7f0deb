"""What is done when the main process of a unit has ended?  A constant script, run by systemd as ExecStopPost.

It notes how the process ended, for systemd forgets it at the next start.  And it waits for what the process has left in
its control group: systemd sends a second SIGTERM as soon as the main process is gone, though the rest is just doing
what the first one asked for, and mostly that main process is only the shell of the Procfile's line.  What still runs
after the stop_timeout is killed, and that is an event.  A Python in its place would cost every stop some 30 ms of a
processor.
"""

from __future__ import annotations

NOTING = b"""\
# Written by deployer.  $1: the process, such as web@100-1, or report@scheduled, whose release is $RELEASE
# $2: its stop_timeout in hundredths of a second
note() {
    echo "$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS $2" >"run/exits/$1"
}
killed() {
    note "$1" KILLED
    of=${1#*@} seconds=$(($2 / 100)).$(($2 % 100 / 10))
    [ "$of" = scheduled ] && of=${RELEASE:-null}-1
    name=${1%@*}.$((${of#*-} % 1000)) seconds=${seconds%.0}
    [ -s events ] && [ "$(tail -c 1 events)" ] && echo >>events
    text="$name: did not stop within $seconds s, and was killed"
    printf '{"at": "%s", "event": "killed", "release": %s, "text": "%s"}\\n' \\
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${of%-*}" "$text" >>events
}
if [ "$SERVICE_RESULT" = timeout ] && [ "$EXIT_STATUS" = KILL ]; then killed "$1" "$2"; else note "$1"; fi
"""
_ENDING = b"""\
while IFS=: read -r id _ group; do [ "$id" = 0 ] && break; done </proc/self/cgroup
members=/sys/fs/cgroup$group/cgroup.procs
[ -r "$members" ] || exit 0
others() {
    found=
    while read -r pid; do [ "$pid" = $$ ] || found="$found $pid"; done <"$members"
    [ "$found" ]
}
clock() {
    read -r up _ </proc/uptime
    now=${up%.*}${up#*.}
}
others || exit 0
clock
end=$((now + $2 - 20)) late=
while others; do
    if [ "$now" -ge "$end" ]; then
        [ "$late" ] || killed "$1" "$2"
        late=yes
        kill -9 $found
    fi
    sleep 0.05
    clock
done
"""
SCRIPT = NOTING + _ENDING
