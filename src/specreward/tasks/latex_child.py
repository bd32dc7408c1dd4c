"""The process behind ``latex.equal``: a line ``[given, reference]`` in, true, false or null out.

Run as ``python -m specreward.tasks.latex_child``. The first line it writes says that it is ready.
"""

from __future__ import annotations

import json
import sys

from specreward.answers import same_expression

__all__ = ["main"]

_BYTES = 2 << 30
"""Most memory that a comparison may take, where the system can be told so."""


def main() -> None:
    """Answer until the input ends."""
    _limit_memory()
    same_expression("1", "1")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        given, reference = json.loads(line)
        try:
            same = same_expression(given, reference)
        except Exception:  # whatever the library does with it: it could not be read
            same = None
        sys.stdout.write(json.dumps(same) + "\n")
        sys.stdout.flush()


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    except (ImportError, OSError, ValueError):  # not on this system, or a lower limit is set
        return


if __name__ == "__main__":
    main()
