"""What is done when the main process of a unit has ended?  A constant script, run by systemd as ExecStopPost.

It notes how the process ended, for systemd forgets it at the next start.  And it waits for what the process has left in
its control group: systemd sends a second SIGTERM as soon as the main process is gone, though the rest is just doing
what the first one asked for, and mostly that main process is only the shell of the Procfile's line.  What still runs
after the stop_timeout is killed.  A Python in its place would cost every stop some 30 ms of a processor.
"""

from __future__ import annotations

SCRIPT = b"""\
# Written by deployer.  $1: the process, such as web@100-1; $2: its stop_timeout in hundredths of a second
echo "$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS" >"run/exits/$1"
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
end=$((now + $2 - 20))
while others; do
    [ "$now" -lt "$end" ] || kill -9 $found
    sleep 0.05
    clock
done
"""
