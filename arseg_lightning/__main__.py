"""Runs the command line: ``python -m arseg_lightning``."""

from arseg_lightning.cli import main

if __name__ == "__main__":
    main()
