"""What does a turn add to a process's number?  In a module of its own, since every launcher reads it."""

TURN = 1000
