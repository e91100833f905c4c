"""The command line, and the job as a whole."""
