"""BiRM: two heads, is each step right and will the solution be, and one score of both.

    loss    mean over steps of (p_t - label)^2 + (v_t - outcome)^2 (objective birm())
    score   of t steps: (v_t + beta x mean of p_1 .. p_t) / (1 + beta)

W. Chen et al. (2025), arXiv 2503.04618: rate 5e-6, 256 solutions to a step, one epoch, beta 1, and
a language-model loss beside, which is not here. Labels of kind step or prefix for every step, and
outcomes.

Data:   specreward label game24 --limit 300 --samples 6 --labeller "exact_steps()" -o labels, or
        Math-Shepherd, PRM800K, ... with outcomes
Run:    python recipes/birm.py labels/labels.jsonl --model Qwen/Qwen2.5-0.5B \\
            --precision bfloat16 --out runs/birm
Time:   not measured for large models; seconds for the tiny ones of the tests.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from specreward.label.reading import read_labelled
from specreward.train.fitting import Fitted, Settings, fit
from specreward.train.networks import Causal
from specreward.train.objectives import BiRM
from specreward.train.splitting import split_by_problem


def main(words: Sequence[str] | None = None) -> Fitted:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="step labels with outcomes")
    parser.add_argument("--model", required=True, help="folder or name on the hub of a decoder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--step-token", default="<|step|>", help="added where it is missing")
    parser.add_argument("--beta", type=float, default=1.0, help="weight of the steps")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--accumulate", type=int, default=32, help="batches to a step")
    parser.add_argument("--rate", type=float, default=5e-6)
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the problems")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    data = [one for file in args.labels for one in read_labelled(file)]
    train, held_out = split_by_problem(data, args.held_out, args.seed)
    network = Causal(
        args.model,
        step_token=args.step_token,
        add_tokens=True,
        outputs=2,
        dropout=args.dropout,
        seed=args.seed,
    )
    objective = BiRM(beta=args.beta)
    seen = len(objective.examples(train)) * args.epochs
    steps = max(1, round(seen / (args.batch * args.accumulate)))
    settings = Settings(
        steps=steps,
        rate=args.rate,
        warmup=max(1, steps // 20),
        batch=args.batch,
        accumulate=args.accumulate,
        every=max(1, steps // 20),
        seed=args.seed,
        precision=args.precision,
    )
    fitted = fit(network, objective, train, held_out, settings, args.out)
    print(f"{fitted.folder}: {fitted.after}")
    return fitted


if __name__ == "__main__":
    main()
