"""Five problems, one search, the plans: no key, no network, no GPU.

python examples/hello.py
"""

from specreward import assemble, parse, run

task = parse("blocksworld()", "task")
problems = task.generate(5, split="test", seed=0)
for result in run(parse("dfs(verify=speculative())", "strategy"), problems, assemble(task)):
    print(result.problem.question)
    print("   ", "no plan found" if result.best is None else task.answer(result.best.path))
