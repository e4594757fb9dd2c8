"""``python -m arseg_lightning``."""

if __name__ == "__main__":  # with the imports: processes that help this one need none of them
    import sys

    from arseg_lightning.cli import main
    from arseg_lightning.failure import exit_status, plain_message

    try:
        main()
    except Exception as error:
        if (message := plain_message(error)) is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(exit_status(error))
