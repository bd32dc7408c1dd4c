"""The viewer's page and its data, as routes of a server.

    GET /                                     the page
    GET /api/runs                             run files and their runs
    GET /api/files/{file}                     the runs of a file against each other
    GET /api/runs/{run}/problems              the problems of a run
    GET /api/runs/{run}/problems/{problem}    one search with its tree
    GET /api/live                             searches under way, and the last that ended
    GET /api/live/{search}?after=N&wait=S     what happened in one after N expansions

What is read from disk is read in a thread, so that searches go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import HTMLResponse

from specreward.errors import InputError, StoreError
from specreward.report.archive import Archive
from specreward.report.listing import Comparison, FileView
from specreward.report.viewer import served_page
from specreward.report.views import ProblemView, TreeView
from specreward.serve.live import LiveSearches, LiveTree, LiveView

__all__ = ["router"]

T = TypeVar("T")

LONGEST_WAIT = 5.0
"""Seconds that a client may be kept waiting for news of a search."""


def router(live: LiveSearches, archive: Archive, *, guard: Sequence[Any] = ()) -> APIRouter:
    """The routes, to be included in an application without a prefix.

    Args:
        live: Searches under way.
        archive: Run files.
        guard: Dependencies (``fastapi.Depends``) of all routes under ``/api``, such as the check of
            a key; the page itself holds no data and needs none.
    """
    routes = APIRouter(tags=["viewer"])
    routes.include_router(_page())
    routes.include_router(_runs(archive), prefix="/api", dependencies=list(guard))
    routes.include_router(_live(live), prefix="/api", dependencies=list(guard))
    return routes


def _page() -> APIRouter:
    routes = APIRouter()
    html, policy = served_page()
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    @routes.get("/", response_class=HTMLResponse, summary="The viewer")
    def page() -> Response:
        return HTMLResponse(html, headers=headers)

    return routes


UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such thing."}}


def _found(look: Callable[[], T]) -> T:
    """What was looked for; an unknown id is a 404, a file that cannot be read a 503."""
    try:
        return look()
    except InputError as error:
        raise HTTPException(404, str(error)) from error
    except StoreError as error:
        raise HTTPException(503, str(error)) from error


def _runs(archive: Archive) -> APIRouter:
    routes = APIRouter(responses={503: {"description": "A run file cannot be read."}})

    @routes.get("/runs", summary="Run files and their runs")
    def runs() -> list[FileView]:
        return archive.files()

    @routes.get("/files/{file}", responses=UNKNOWN, summary="Accuracy and cost of a file's runs")
    def comparison(file: str) -> Comparison:
        return _found(lambda: archive.comparison(file))

    @routes.get("/runs/{run}/problems", responses=UNKNOWN, summary="The problems of a run")
    def problems(run: str) -> list[ProblemView]:
        return _found(lambda: archive.problems(run))

    @routes.get("/runs/{run}/problems/{problem}", responses=UNKNOWN, summary="One search")
    def tree(run: str, problem: str) -> TreeView:
        return _found(lambda: archive.tree(run, problem))

    return routes


def _live(live: LiveSearches) -> APIRouter:
    routes = APIRouter()

    @routes.get("/live", summary="Searches under way, and the last that ended")
    async def searches() -> list[LiveView]:
        return live.list()

    @routes.get("/live/{search}", responses=UNKNOWN, summary="What happened in a search")
    async def news(
        search: str,
        after: Annotated[int, Query(ge=0, description="Expansions known already.")] = 0,
        wait: Annotated[
            float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for news.")
        ] = 0.0,
    ) -> LiveTree:
        found = live.get(search)
        if found is None:
            raise HTTPException(404, f"expected the id of a search under way, got {search!r}")
        return await live.look(found, after, wait)

    return routes
