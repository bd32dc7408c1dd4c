"""An implicit process reward model: rewards of steps from outcomes alone, as a log-ratio.

    q_t      beta x (log pi(s_1..s_t) - log pi_ref(s_1..s_t)); reward of step t: q_t - q_{t-1}
    alone    cross-entropy of sigmoid(q_T) and the outcome (CE in the paper, objective orm())
    --pairs  -log sigmoid(q_T of the right one - q_T of the wrong one) (DPO, pairwise_orm())

L. Yuan et al. (2024), arXiv 2412.01981. pi begins as --start, pi_ref stays it. CE takes one
solution of a problem, DPO needs a right and a wrong one. beta is 0.05 for large models (as in
arXiv 2502.01456, with rate 1e-6) and 0.5 for small ones. --start of text:
"transformers('Qwen/Qwen2.5-0.5B')" without --task.

Data:   specreward label game24 --limit 300 --samples 6 --labeller "exact_steps()" -o labels
Run:    python recipes/implicit_prm.py labels/labels.jsonl --task "game24()" \\
            --start "embedded_policy('game24')" --beta 0.5 --rate 1e-4 --out runs/implicit
Time:   1 minute of one thread on 300 problems. Expect a held-out AUC that leaves 0.5: 0.70 after
        half of the steps.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from specreward.engines import LanguageModel
from specreward.label.reading import read_labelled
from specreward.spec import parse
from specreward.train.fitting import Fitted, Settings, fit
from specreward.train.networks import LogRatio
from specreward.train.objectives import ORM, PairwiseORM
from specreward.train.splitting import split_by_problem
from specreward.types import Task


def main(words: Sequence[str] | None = None) -> Fitted:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="solutions with outcomes")
    parser.add_argument("--start", required=True, help="the language model, as text")
    parser.add_argument("--task", default="", help="whose prompts an embedded model reads")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", action="store_true", help="DPO in place of cross-entropy")
    parser.add_argument("--beta", type=float, default=0.05)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--accumulate", type=int, default=1, help="batches to a step")
    parser.add_argument("--rate", type=float, default=1e-6)
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the problems")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    data = [one for file in args.labels for one in read_labelled(file)]
    train, held_out = split_by_problem(data, args.held_out, args.seed)
    start = cast(LanguageModel, parse(args.start, "languagemodel"))
    task = cast(Task, parse(args.task, "task")) if args.task else None
    network = LogRatio(start, task=task, beta=args.beta)
    objective = PairwiseORM() if args.pairs else ORM()
    seen = len(objective.examples(train)) * args.epochs
    steps = max(1, round(seen / (args.batch * args.accumulate)))
    settings = Settings(
        steps=steps,
        rate=args.rate,
        warmup=max(1, steps // 20),
        batch=args.batch,
        accumulate=args.accumulate,
        every=max(1, steps // 10),
        seed=args.seed,
        precision=args.precision,
    )
    fitted = fit(network, objective, train, held_out, settings, args.out)
    print(f"{fitted.folder}: {fitted.after}")
    return fitted


if __name__ == "__main__":
    main()
