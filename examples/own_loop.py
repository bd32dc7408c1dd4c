"""A search written by hand with the two verbs: extend paths, score them.

python examples/own_loop.py
"""

import asyncio

from specreward import Path, assemble, parse


async def search(question: str, width: int = 3) -> str:
    """Beam search in ten lines."""
    task = parse("game24()", "task")
    models = assemble(task)
    assert models.reward is not None
    paths = [Path(task.parse(question))]
    while paths and not paths[0].finished:
        drawn = await models.policy.extend(paths, 6, temperature=0.7)
        children = list({p.key: p for siblings in drawn for p in siblings if not p.dead}.values())
        scores = await models.reward.score(children)
        best = sorted(zip(scores, children, strict=True), key=lambda pair: -pair[0])
        paths = [path for _, path in best[:width]]
    return task.answer(paths[0]) if paths else "nothing found"


print(asyncio.run(search("4 9 10 13")))
