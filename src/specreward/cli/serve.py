"""``specreward serve``: searches behind an OpenAI-compatible interface."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from specreward.assemble import EMBEDDED
from specreward.cli.inputs import ModelChoice, read_budget, read_strategies
from specreward.cli.options import (
    BudgetText,
    DraftText,
    JudgeText,
    PolicyText,
    PriceFile,
    RewardText,
    SourceName,
)
from specreward.cli.screen import notes, warn
from specreward.errors import InputError, MissingExtra
from specreward.ledger import Budget
from specreward.prices import Prices
from specreward.spec import name_of, parse
from specreward.store import Store
from specreward.types import Strategy

if TYPE_CHECKING:
    from specreward.serve.service import Service

__all__ = ["serve"]

DEFAULT = "bfs(verify=speculative())"


Asked = Annotated[str, typer.Argument(help="What is asked: 'qa' takes any question.")]
Searches = Annotated[
    list[str] | None,
    typer.Option("--strategy", "-s", help=f"A search; once for each. By default {DEFAULT}."),
]
Named = Annotated[
    list[str] | None,
    typer.Option("--model", help="NAME=STRATEGY: a name for a search; once for each."),
]
OwnSeed = Annotated[int, typer.Option(help="Of requests that bring none.")]
StoreFile = Annotated[
    Path | None, typer.Option("--store", help="Run file that keeps calls, trees and results.")
]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="0 takes any that is free.", min=0, max=65535)]
KeyVariable = Annotated[
    str | None, typer.Option(help="Environment variable with the key that clients must send.")
]
MostSearches = Annotated[int, typer.Option(help="Most searches that run at once.")]
Queue = Annotated[int, typer.Option(help="Most that wait; what comes then gets 429.")]
MostBytes = Annotated[int, typer.Option(help="Most bytes of a request.")]
Largest = Annotated[int, typer.Option(help="Largest number in a client's strategy.")]
Timeout = Annotated[float, typer.Option(help="Most seconds on the clock for a search.")]
Grace = Annotated[float, typer.Option(help="Seconds for running searches at the end.")]


def serve(
    task: Asked = "qa",
    strategy: Searches = None,
    model: Named = None,
    policy: PolicyText = None,
    reward: RewardText = None,
    judge: JudgeText = None,
    draft: DraftText = None,
    models: SourceName = EMBEDDED,
    seed: OwnSeed = 0,
    budget: BudgetText = None,
    prices: PriceFile = None,
    store: StoreFile = None,
    host: Host = "127.0.0.1",
    port: Port = 8321,
    api_key_env: KeyVariable = None,
    max_searches: MostSearches = 64,
    queue: Queue = 256,
    max_body: MostBytes = 1 << 20,
    max_number: Largest = 256,
    timeout: Timeout = 600.0,
    grace: Grace = 10.0,
) -> None:
    """Serve searches to any client of OpenAI's interface, and their trees to a browser."""
    _require()
    from specreward.serve.limits import Limits
    from specreward.serve.service import Service

    limits = Limits(searches=max_searches, queue=queue, body=max_body, number=max_number)
    limits = replace(limits, seconds=timeout, grace=grace)
    kind = parse(task, "task")
    choice = ModelChoice(models=models, policy=policy, reward=reward, judge=judge, draft=draft)
    with ExitStack() as stack:
        service = Service(
            task=kind,
            strategies=_served(strategy, model),
            engines=choice.engines(kind),
            budget=read_budget(budget) or Budget(),
            store=None if store is None else stack.enter_context(Store(store)),
            prices=None if prices is None else Prices.read(prices),
            seed=seed,
            api_key=None if api_key_env is None else _key(api_key_env),
            limits=limits,
        )
        _run(service, host, port)


def _require() -> None:
    try:
        import_module("specreward.serve.process")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"specreward serve needs {error.name}: pip install 'specreward[serve]'"
        ) from error


def _run(service: Service, host: str, port: int) -> None:
    """Serve until a signal."""
    from specreward.serve.app import Application
    from specreward.serve.process import listen, run_server

    application = Application(service)
    listening = listen(host, port)
    if service.api_key is None and not _is_local(host):
        warn(
            f"whoever can reach {host} can search here at your cost and read all trees: give "
            "--api-key-env, or listen on 127.0.0.1"
        )

    def ready() -> None:
        notes().print(
            f"serving {name_of(service.task)} on {listening.url}/v1, its trees on "
            f"{listening.url}/ ; models: {', '.join(service.strategies)}",
            markup=False,
        )

    run_server(application, listening, service.limits.grace, ready)


def _served(strategies: Sequence[str] | None, models: Sequence[str] | None) -> dict[str, Strategy]:
    """Strategies by name: those given with a name, and those whose text is their name.

    Raises:
        InputError: One cannot be read, or a name is given twice.
    """
    named = dict(read_strategies(strategies or ([] if models else [DEFAULT])))
    for text in models or []:
        name, equals, spec = text.partition("=")
        name = name.strip()
        if not equals or not name or "(" in name:
            raise InputError(
                f"model: expected NAME=STRATEGY such as fast=best_of_n(n=4), got {text[:200]!r}"
            )
        if name in named:
            raise InputError(f"model {name!r} is given twice: give each name once")
        named[name] = parse(spec, "strategy")
    return named


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InputError(
            f"api-key-env: expected the key in the environment variable {variable!r}, got nothing "
            "there: export it first"
        )
    return key


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
