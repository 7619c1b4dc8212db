"""`python -m wm_pipeline.cli` is `wm`."""

import sys


def main() -> None:
    """Entry point of `wm`: an interrupt ends it in a word, also while its modules are loaded, which takes seconds."""
    try:
        from wm_pipeline.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        print("Aborted.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
