"""Weir beside its peers, on the same bytes, in one run. `bench/run` is the command; README.md says how it is read."""
