"""Is a build a twelve-factor app?  Tried out on this machine, in a scratch directory, by the release's own launcher."""
