"""``python -m specreward``: the command line."""

from specreward.cli import main

if __name__ == "__main__":
    main()
