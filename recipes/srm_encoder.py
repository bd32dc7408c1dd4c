"""The speculative reward model of the paper, stage 1: an encoder on people's ratings of steps.

    label    1 right, 0 wrong, 0.5 neutral (PRM800K's 1, -1, 0)
    input    [CLS] [QUES]question \\n s_1 ... s_{t-1} [SEP] s_t<|endoftext|> [SEP], 512 tokens
    loss     soft cross-entropy of the label + order of alternatives at a step (objective srm())

J. Gu and S. Liang (2025), arXiv 2506.00396, with DeBERTa-v3-large; rates as in the authors' code
(1e-5, 10% warm-up, batch 16, 5 epochs). Without --model a small encoder with random weights learns,
words and all, from the labels alone. The folder is read by trained('FOLDER'), and by
encoder_srm('FOLDER').

Run:    python recipes/srm_encoder.py phase2_train.jsonl --model microsoft/deberta-v3-large \\
            --out runs/srm
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from specreward.label.labelled import dump_labelled
from specreward.label.reading import read_labelled
from specreward.report.files import write_whole
from specreward.train.fitting import Fitted, Settings, fit
from specreward.train.networks import Encoder
from specreward.train.objectives import SRM
from specreward.train.splitting import split_by_problem

SMALL = {"width": 128, "layers": 4, "heads": 4, "vocabulary": 8192}


def main(words: Sequence[str] | None = None) -> Fitted:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="PRM800K, or any format of labels")
    parser.add_argument("--model", default="", help="folder or name on the hub of an encoder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=16, help="beginnings with their alternatives")
    parser.add_argument("--rate", type=float, default=1e-5)
    parser.add_argument("--pairs", type=float, default=1.0, help="weight of the order")
    parser.add_argument("--longest", type=int, default=512)
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the problems")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    data = [one for file in args.labels for one in read_labelled(file)]
    train, held_out = split_by_problem(data, args.held_out, args.seed)
    if args.model:
        network = Encoder(args.model, add_tokens=True, longest=args.longest, cut=True)
    else:
        texts = args.out / "train.jsonl"
        args.out.mkdir(parents=True, exist_ok=True)
        write_whole(texts, "".join([f"{dump_labelled(one)}\n" for one in train]))
        network = Encoder(str(texts), longest=args.longest, cut=True, **SMALL)
    objective = SRM(pairs=args.pairs)
    steps = max(1, round(args.epochs * len(objective.examples(train)) / args.batch))
    settings = Settings(
        steps=steps,
        rate=args.rate,
        warmup=max(1, steps // 10),
        batch=args.batch,
        every=max(1, steps // 20),
        seed=args.seed,
        precision=args.precision,
    )
    fitted = fit(network, objective, train, held_out, settings, args.out)
    print(f"{fitted.folder}: {fitted.after}")
    return fitted


if __name__ == "__main__":
    main()
