"""A process reward model on a decoder: the label of each step at a token behind it.

    input    [first token] question \\n s_1 <|step|> s_2 <|step|> ...
    loss     cross-entropy with the labels as they are, 0.37 is 0.37 (objective prm())
    output   a number of a layer of its own, or with --verdict + - the logit of "+" less that of "-"

P. Wang et al. (2024), Math-Shepherd, arXiv 2312.08935: labels from rollouts, "+" and "-" behind
each step. --upsample shows solutions with a wrong step more often: Athena-PRM (arXiv 2506.09532).
--model may be the folder of an outcome reward model that was trained first (``specreward train``
with ``--objective "orm()"`` and the same network), as Athena-PRM does. The folder is read by
trained('FOLDER').

Run:    python recipes/prm_decoder.py math-shepherd.jsonl --model Qwen/Qwen2.5-0.5B \\
            --precision bfloat16 --out runs/prm
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from specreward.label.reading import read_labelled
from specreward.train.fitting import Fitted, Settings, fit
from specreward.train.networks import Causal
from specreward.train.objectives import PRM
from specreward.train.splitting import split_by_problem


def main(words: Sequence[str] | None = None) -> Fitted:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="Math-Shepherd, or any other format")
    parser.add_argument("--model", required=True, help="folder or name on the hub of a decoder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--step-token", default="<|step|>", help="added where it is missing")
    parser.add_argument("--verdict", nargs=2, metavar=("GOOD", "BAD"), default=())
    parser.add_argument("--upsample", type=int, default=1)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--accumulate", type=int, default=8, help="batches to a step")
    parser.add_argument("--rate", type=float, default=1e-5)
    parser.add_argument("--longest", type=int, default=0, help="tokens; 0: all the model reads")
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
        verdict=tuple(args.verdict),
        longest=args.longest,
        cut=True,
        seed=args.seed,
    )
    objective = PRM(upsample=args.upsample)
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
    fitted = fit(network, objective, train, held_out, settings, args.out, combine="minimum()")
    print(f"{fitted.folder}: {fitted.after}")
    return fitted


if __name__ == "__main__":
    main()
