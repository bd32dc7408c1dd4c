"""The viewer as one HTML page: served, or exported with a run in it.

    served      the page asks its own server for data
    exported    the index is in the page as JSON, each tree packed (gzip, base64) until it is opened

Style and script stand inside the page, and its Content-Security-Policy names them by their hashes:
nothing else runs, whatever a step says, and no other host is asked for anything.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template

from specreward.report.archive import Archive
from specreward.report.views import ProblemView, TreeView

__all__ = ["exported_page", "served_page"]

SCRIPTS = ("dom", "source", "model", "rows", "panel", "search", "pages", "main")
"""Parts of the script in their order."""


def served_page() -> tuple[str, str]:
    """The page for a server, and the Content-Security-Policy to send with it."""
    style, script = _style(), _script()
    policy = _policy(style, script, connect="'self'")
    page = _page("specreward", style, script, "null", "")
    return page, f"{policy}; frame-ancestors 'none'"


def exported_page(archive: Archive, *, problem: str | None = None) -> str:
    """The page with all that an archive shows in it; opens from a disk, without a network.

    Args:
        archive: One run file or more.
        problem: Only trees of problems with this id; None takes all. Accuracies and costs are those
            of whole runs in any case.
    """
    listed = archive.files()
    problems: dict[str, list[ProblemView]] = {}
    trees: dict[str, str] = {}
    for file in listed:
        for run in file.runs:
            found = archive.problems(run.id)
            problems[run.id] = [one for one in found if problem in (None, one.name)]
            for one in problems[run.id]:
                trees[f"{run.id}/{one.id}"] = packed(archive.tree(run.id, one.id))
    data = {
        "files": [asdict(file) for file in listed],
        "comparisons": {
            file.id: asdict(archive.comparison(file.id)) for file in listed if file.error is None
        },
        "problems": {run: [asdict(one) for one in found] for run, found in problems.items()},
        "trees": trees,
    }
    style, script = _style(), _script()
    policy = escape(_policy(style, script, connect="'none'"))
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    title = ", ".join([file.name for file in listed])
    return _page(title, style, script, embedded(data), meta)


def packed(tree: TreeView) -> str:
    """A tree as base64 of gzip of JSON; equal trees give equal text."""
    text = json.dumps(asdict(tree), separators=(",", ":"), allow_nan=False)
    return b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def embedded(data: Mapping[str, object]) -> str:
    """JSON that can stand in a ``script`` element: no text in it can end the element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _style() -> str:
    return files("specreward.report").joinpath("web/viewer.css").read_text("utf-8")


def _script() -> str:
    """All parts as one script of its own scope."""
    folder = files("specreward.report").joinpath("web")
    parts = [folder.joinpath(f"{name}.js").read_text("utf-8") for name in SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def _policy(style: str, script: str, *, connect: str) -> str:
    def named(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; script-src {named(script)}; style-src {named(style)}; "
        f"connect-src {connect}; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _page(title: str, style: str, script: str, data: str, policy: str) -> str:
    template = Template(files("specreward.report").joinpath("web/viewer.html").read_text("utf-8"))
    return template.substitute(
        title=escape(title), style=style, script=script, data=data, policy=policy
    )
