"""``python -m bench NAME``; see ``cli.py``."""

from bench.cli import main

if __name__ == "__main__":
    main(prog_name="python -m bench")
