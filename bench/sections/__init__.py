"""One file per section of the benchmark pages: each measures one thing and returns a Result."""
