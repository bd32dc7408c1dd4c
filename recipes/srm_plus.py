"""SRM+, stage 2: a reward model tuned to a domain by its own search trees, and calibrated.

    labels   what ``specreward label`` made of trees: siblings with rewards (tree_values()), or any
             labels with siblings
    loss     order of siblings --margin apart + --scale x squared error of each (objective
             srm_plus()); --scale 0 is the form of the paper
    split    by problem: to learn from, to choose the weights (--held-out), to calibrate
             (--calibrate)
    start    a model of stage 1: in the package (embedded_srm), of recipes/srm_encoder.py or of
             ``specreward train --objective "srm()"``

J. Gu and S. Liang (2025), arXiv 2506.00396. For encoders the paper's code has rate 1e-5, 64 pairs
and at most 5 epochs; the defaults are for a small decoder. When it is done the folder goes into
``solve`` and ``compare`` as --reward.

Data:   specreward compare game24 -s "mcts(simulations=20)" --split train --limit 100 -o run
        specreward label game24 run --leaves --labeller "tree_values()" -o trees
Run:    python recipes/srm_plus.py trees/labels.jsonl --out runs/srm_plus \\
            --network "small_decoder(game24(), start=embedded_srm('game24'))"
Time:   9 s of one thread on 100 trees of Game of 24. Expect little where the package's model
        is at home (36 held-out pairs, 0.89 in order before, 0.92 after), more on a new domain.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from specreward.cli.calibrate import calibrate
from specreward.label.labelled import dump_labelled
from specreward.label.reading import read_labelled
from specreward.report.files import write_whole
from specreward.spec import parse
from specreward.train.fitting import Fitted, NetworkSettings, Settings, fit
from specreward.train.objectives import SRMPlus
from specreward.train.splitting import split_by_problem


def main(words: Sequence[str] | None = None) -> Fitted:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="labelled trees, or other siblings")
    parser.add_argument("--network", required=True, help="what is tuned, as text")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--margin", type=float, default=0.2, help="least difference of a pair")
    parser.add_argument("--scale", type=float, default=1.0, help="weight of the squared error")
    parser.add_argument("--epochs", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=16, help="beginnings with their siblings")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--held-out", type=float, default=0.15, help="share of the problems")
    parser.add_argument("--calibrate", type=float, default=0.25, help="share of the other problems")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    data = [one for file in args.labels for one in read_labelled(file)]
    rest, held_out = split_by_problem(data, args.held_out, args.seed)
    train, apart = split_by_problem(rest, args.calibrate, args.seed + 1)
    objective = SRMPlus(margin=args.margin, scale=args.scale)
    steps = max(1, round(args.epochs * len(objective.examples(train)) / args.batch))
    settings = Settings(
        steps=steps,
        rate=args.rate,
        warmup=max(1, steps // 10),
        batch=args.batch,
        every=max(1, steps // 20),
        patience=6,
        seed=args.seed,
        precision=args.precision,
    )
    network = cast(NetworkSettings, parse(args.network, "network"))
    fitted = fit(network, objective, train, held_out, settings, args.out)
    before, after = fitted.before["pair_accuracy"], fitted.after["pair_accuracy"]
    print(f"{fitted.after['pairs']} held-out pairs in the right order: {before} before, {after}")
    file = args.out / "to_calibrate.jsonl"
    write_whole(file, "".join([f"{dump_labelled(one)}\n" for one in apart]))
    # Halves these problems by a hash of its own: one to fit on, one to measure on.
    calibrate(str(args.out), file, seed=args.seed + 2)
    print(f"use it: --reward {args.out}")
    return fitted


if __name__ == "__main__":
    main()
