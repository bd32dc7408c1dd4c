"""The application: routes, limits and errors around the searches of one service.

GET  /                      the viewer                GET /healthz, /metrics
POST /v1/chat/completions   POST /v1/completions      GET /v1/models, /v1/models/NAME
POST /v1/score              the reward model alone
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import time
from typing import Any, final

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from specreward.report.archive import Archive
from specreward.serve import viewer
from specreward.serve.answering import ERRORS, Answering
from specreward.serve.chat import chat_router
from specreward.serve.completions import completions_router
from specreward.serve.door import Door
from specreward.serve.limits import Gate
from specreward.serve.live import LiveSearches
from specreward.serve.menu import Menu
from specreward.serve.metrics import Metrics
from specreward.serve.refusals import add_handlers, reading
from specreward.serve.replies import ModelCard, ModelList
from specreward.serve.score import REWARD, score_router
from specreward.serve.searches import Searches
from specreward.serve.service import Service

__all__ = ["Application", "create_app"]


@final
class Application:
    """An ASGI application, and the searches that whoever runs it must drain.

    Args:
        service: What is served.

    Attributes:
        asgi: The application.
        searches: Those under way.
    """

    def __init__(self, service: Service) -> None:
        gate = Gate(service.limits)
        metrics = Metrics(gate)
        live = LiveSearches()
        files = [] if service.store is None else [service.store.path]
        self._archive = Archive(files, task=service.task)
        self.searches = Searches(service, gate, metrics, live)
        menu = Menu(service.task.name, service.strategies, service.limits.number)
        answering = Answering(service.task, menu, self.searches)
        app = FastAPI(
            title="specreward",
            description="Searches over language-model reasoning, behind OpenAI's interface.",
            version="1",
            docs_url=None,
            redoc_url=None,
            lifespan=self._lifespan,
        )
        guard = [] if service.api_key is None else [Depends(HTTPBearer(auto_error=False))]
        for router in (
            chat_router(answering),
            completions_router(answering),
            score_router(service, self.searches, gate, metrics),
            _models_router(service, menu),
        ):
            app.include_router(router, dependencies=guard)
        app.include_router(_metrics_router(metrics), dependencies=guard)
        app.include_router(_health_router(self.searches))
        app.include_router(viewer.router(live, self._archive))
        add_handlers(app)
        app.openapi = _described(app.openapi)
        self.asgi = app
        app.add_middleware(Door, api_key=service.api_key, most=service.limits.body, metrics=metrics)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        yield
        await self.searches.drain(0)
        self._archive.close()


def create_app(service: Service) -> FastAPI:
    """The ASGI application of a service, for any ASGI server.

    ``specreward serve`` runs it so that a stop waits for the searches under way; other servers stop
    them at once. Either way their calls and trees are in the store.
    """
    return Application(service).asgi


def _described(describe: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """The description with what is wrong in a request as this server says it: 400, not 422."""

    def described() -> dict[str, Any]:
        found = describe()
        wrong = {"$ref": "#/components/schemas/ErrorReply"}
        for verbs in found["paths"].values():
            for verb in verbs.values():
                if verb["responses"].pop("422", None) is not None:
                    content = {"application/json": {"schema": wrong}}
                    about = {"description": ERRORS[400]["description"], "content": content}
                    verb["responses"].setdefault("400", about)
        for name in ("HTTPValidationError", "ValidationError"):
            found["components"]["schemas"].pop(name, None)
        return found

    return described


def _models_router(service: Service, menu: Menu) -> APIRouter:
    router = APIRouter()
    created = int(time())

    def cards() -> dict[str, ModelCard]:
        found = {name: dish.text for name, dish in menu.served.items()}
        listed = {n: ModelCard(id=n, created=created, strategy=t) for n, t in found.items()}
        if service.engines.reward is not None:
            listed[REWARD] = ModelCard(id=REWARD, created=created, strategy=None)
        return listed

    @router.get("/v1/models", responses={401: ERRORS[401]})
    async def models() -> ModelList:
        """The models that were given a name; the text of any strategy is one as well."""
        return ModelList(data=list(cards().values()))

    # Validated by hand: a path is any text.
    responses: dict[int | str, Any] = {
        200: {"model": ModelCard},
        **{status: ERRORS[status] for status in (400, 401, 404)},
    }

    @router.get("/v1/models/{name:path}", response_model=None, responses=responses)
    async def model(name: str) -> Response:
        """One of them, or what the text of a strategy stands for."""
        card = cards().get(name)
        if card is None:
            with reading():
                card = ModelCard(id=name, created=created, strategy=menu.find(name).text)
        return JSONResponse(card.model_dump())

    return router


class Health(BaseModel):
    """Whether the server is up."""

    status: str


def _health_router(searches: Searches) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz", responses={503: ERRORS[503]})
    async def healthz() -> Health:
        """``ok``; 503 while the server is being stopped."""
        searches.check_open()
        return Health(status="ok")

    return router


def _metrics_router(metrics: Metrics) -> APIRouter:
    router = APIRouter()
    form = "text/plain; version=0.0.4; charset=utf-8"
    responses: dict[int | str, Any] = {
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        401: ERRORS[401],
    }

    @router.get("/metrics", response_class=Response, responses=responses)
    async def page() -> Response:
        """Counters in Prometheus' text form."""
        return Response(metrics.page(), media_type=form)

    return router
