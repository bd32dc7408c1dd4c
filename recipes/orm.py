"""An outcome reward model: one number for a whole solution, from right and wrong final answers.

    alone    cross-entropy of the outcome at the last step (objective orm())
    --pairs  -log sigmoid(z_right - z_wrong - margin) + center x (z_right + z_wrong)^2 over pairs of
             solutions of a problem, at most --most of each (objective pairwise_orm())

K. Cobbe et al. (2021), arXiv 2110.14168; pairs: L. Ouyang et al. (2022), arXiv 2203.02155; the
margin: H. Touvron et al. (2023), arXiv 2307.09288. Step labels are not looked at, and labels of any
kind do. --network is any with one output: a small decoder, or for text
"causal('Qwen/Qwen2.5-0.5B', add_tokens=True)" with --rate 1e-5 --precision bfloat16.

Data:   specreward label game24 --limit 300 --samples 6 --labeller "exact_steps()" -o labels
Run:    python recipes/orm.py labels/labels.jsonl --network "small_decoder(game24())" \\
            --pairs --margin 0.5 --out runs/orm
Time:   17 s of one thread on 300 problems. Expect 0.94 of 120 held-out pairs in order.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from specreward.label.reading import read_labelled
from specreward.spec import parse
from specreward.train.fitting import Fitted, NetworkSettings, Settings, fit
from specreward.train.objectives import ORM, PairwiseORM
from specreward.train.splitting import split_by_problem


def main(words: Sequence[str] | None = None) -> Fitted:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="solutions with outcomes")
    parser.add_argument("--network", required=True, help="what is trained, as text")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", action="store_true", help="the order of two solutions")
    parser.add_argument("--margin", type=float, default=0.0, help="of pairs, in logits")
    parser.add_argument("--center", type=float, default=0.01, help="of pairs: keeps outputs near 0")
    parser.add_argument("--most", type=int, default=16, help="pairs of a problem")
    parser.add_argument("--epochs", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the problems")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    data = [one for file in args.labels for one in read_labelled(file)]
    train, held_out = split_by_problem(data, args.held_out, args.seed)
    pairs = PairwiseORM(margin=args.margin, center=args.center, most=args.most)
    objective = pairs if args.pairs else ORM()
    steps = max(1, round(args.epochs * len(objective.examples(train)) / args.batch))
    settings = Settings(
        steps=steps,
        rate=args.rate,
        warmup=max(1, steps // 20),
        batch=args.batch,
        every=max(1, steps // 20),
        seed=args.seed,
        precision=args.precision,
    )
    network = cast(NetworkSettings, parse(args.network, "network"))
    fitted = fit(network, objective, train, held_out, settings, args.out, combine="last()")
    print(f"{fitted.folder}: {fitted.after}")
    return fitted


if __name__ == "__main__":
    main()
