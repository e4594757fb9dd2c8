"""``python -m arseg_lightning``, and the program ``arseg-lightning``."""


def run() -> None:
    """Run a command, and end the process with its status: a message in place of a traceback."""
    # The imports are here: processes that help this one need none of them
    import gc
    import os
    import sys

    # What Apple's GPU cannot do yet is done by the CPU; PyTorch looks at this as it is imported.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    for stream in (sys.stdout, sys.stderr):  # of Windows they may lack a letter that we print
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")

    gc.disable()  # nothing that is imported goes away, and looking for it takes a tenth of the time
    from arseg_lightning.cli import main
    from arseg_lightning.messages import report

    gc.freeze()
    gc.enable()
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sys.exit(report(error))


if __name__ == "__main__":
    run()
