"""``specreward`` and ``python -m specreward``: interruptible from the first import on."""

import sys

__all__ = ["main"]


def main() -> None:
    """The console script."""
    try:
        from specreward.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
