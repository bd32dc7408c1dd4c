"""MetaStone-S1's self-supervised process reward model: a head on a policy, from outcomes alone.

    head     two layers on the second-to-last layer, read before the token that ends a step
    warm-up  --warmup steps of cross-entropy: every step learns the outcome of its solution
    then     only steps whose score agrees with the outcome: the released loss, or with --paper that
             of the text (objective spr())

Z. Wang et al. (2025), arXiv 2507.01951: rate 1e-5 for the head, gradients into the language model
scaled to 1e-4, step token ".\\n\\n". Without a warm-up a head that knows nothing collapses; a run
that has collapsed is stopped and says so. A small model must learn along with its head:
--backbone 1.0 --rate 1e-3.

The released effort levels are best of 2, 8 and 32 with what comes out: "best_of_n(2)" low,
"best_of_n(8)" medium, "best_of_n(32)" high.

Data:   specreward label math SOLUTIONS --labeller "by_reward()" ... -o labels, or any file of
        solutions with outcomes
Run:    python recipes/sprm.py labels/labels.jsonl --model Qwen/Qwen2.5-1.5B --steps 3000 \\
            --precision bfloat16 --out runs/sprm
Time:   not measured for large models; seconds for the tiny ones of the tests. What to expect of
        the losses, cold and warm: docs/outcome-only.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from specreward.label.reading import read_labelled
from specreward.train.fitting import Fitted, Settings, fit
from specreward.train.networks import Reflective
from specreward.train.objectives import SPR
from specreward.train.splitting import split_by_problem

EFFORTS = {"low": 2, "medium": 8, "high": 32}


def main(words: Sequence[str] | None = None) -> Fitted:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="solutions with outcomes")
    parser.add_argument("--model", required=True, help="folder or name on the hub of a decoder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--paper", action="store_true", help="the loss of the text")
    parser.add_argument("--warmup", type=int, default=700, help="steps of cross-entropy before")
    parser.add_argument("--step-token", default=".\n\n")
    parser.add_argument("--backbone", type=float, default=1e-4, help="scale of its gradient")
    parser.add_argument("--dropout", type=float, default=0.5, help="in the head")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-5)
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the problems")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    data = [one for file in args.labels for one in read_labelled(file)]
    train, held_out = split_by_problem(data, args.held_out, args.seed)
    network = Reflective(
        args.model,
        step_token=args.step_token,
        backbone_grad_scale=args.backbone,
        dropout=args.dropout,
        seed=args.seed,
    )
    settings = Settings(
        steps=args.steps,
        rate=args.rate,
        warmup=max(1, args.steps // 20),
        batch=args.batch,
        every=max(1, args.steps // 20),
        seed=args.seed,
        precision=args.precision,
    )
    objective = SPR(released=not args.paper, warmup=args.warmup)
    fitted = fit(network, objective, train, held_out, settings, args.out)
    print(f"{fitted.folder}: {fitted.after}")
    for effort, n in EFFORTS.items():
        print(f'{effort}: --strategy "best_of_n({n})" --reward {fitted.folder}')
    return fitted


if __name__ == "__main__":
    main()
