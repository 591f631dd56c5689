"""One file a measure; each has `run(bench)`, which gives a section."""
