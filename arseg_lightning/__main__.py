"""``python -m arseg_lightning``."""

import sys

from arseg_lightning.cli import main
from arseg_lightning.failure import plain_message

if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        if (message := plain_message(error)) is None:
            raise
        sys.exit(f"error: {message}")
