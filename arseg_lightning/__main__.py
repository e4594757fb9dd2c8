"""``python -m arseg_lightning``."""

if __name__ == "__main__":  # with the imports: processes that help this one need none of them
    import sys

    from arseg_lightning.cli import main
    from arseg_lightning.failure import report

    try:
        main()
    except Exception as error:
        sys.exit(report(error))
