"""Athena-PRM: an outcome reward model first, then steps that two completers agree on.

    1   --outcomes  cross-entropy of the outcome at the last step (orm()), on many solutions
    2   labels      cross-entropy of each step that has a label (prm()), from the weights of 1;
                    solutions with a wrong step are seen --upsample times

S. Wang et al. (2025), arXiv 2506.09532. The labels are those of the labeller athena(): hard, and
none where the weak and the strong completer differ. The paper's 5,000 labelled solutions follow on
many more outcomes; rates, and how often wrong ones are repeated, are not known to us, so that these
are ours. Scores of steps are combined by their minimum, as there. For text --network is
"causal('Qwen/Qwen2.5-0.5B', add_tokens=True, verdict=('+', '-'))" with --rate 1e-5.

Data:   specreward label game24 --limit 100 --labeller "athena()" -o agreed   # draft, policy
Run:    python recipes/athena_prm.py agreed/labels.jsonl --network "small_decoder(game24())" \\
            --out runs/athena
Time:   23 s of one thread on labels of 40 problems with --outcomes of 300. Expect 0.95 as the AUC
        of stage 1; 22 agreed steps were held out, too few (and all wrong) to judge stage 2 by.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.label.reading import read_labelled
from specreward.reward.trained import Trained
from specreward.spec import parse
from specreward.train.examples import Objective
from specreward.train.fitting import Fitted, NetworkSettings, Settings, fit
from specreward.train.networks import Causal, SmallDecoder
from specreward.train.objectives import ORM, PRM
from specreward.train.splitting import split_by_problem


def started(network: object, folder: Path) -> NetworkSettings:
    """The network with the weights in a folder as its start."""
    if isinstance(network, SmallDecoder):
        return replace(network, start=Trained(str(folder)))
    if isinstance(network, Causal):
        return replace(network, model=str(folder))
    raise InputError(f"--network: expected small_decoder(...) or causal(...), got {network!r}")


def main(words: Sequence[str] | None = None) -> tuple[Fitted, Fitted]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="solutions labelled by athena()")
    parser.add_argument("--outcomes", type=Path, nargs="+", help="more solutions, with outcomes")
    parser.add_argument("--network", required=True, help="what is trained, as text")
    parser.add_argument("--out", type=Path, required=True, help="folder of orm/ and prm/")
    parser.add_argument("--upsample", type=int, default=4)
    parser.add_argument("--epochs", type=float, default=3.0, help="of each stage")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the problems")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    network = parse(args.network, "network")
    then = started(network, args.out / "orm")

    def stage(files: Sequence[Path], start: object, objective: Objective, name: str) -> Fitted:
        data: list[Labelled] = [one for file in files for one in read_labelled(file)]
        train, held_out = split_by_problem(data, args.held_out, args.seed)
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
        out = args.out / name
        fitted = fit(start, objective, train, held_out, settings, out, combine="minimum()")
        print(f"{fitted.folder}: {fitted.after}")
        return fitted

    first = stage(args.outcomes or args.labels, network, ORM(), "orm")
    return first, stage(args.labels, then, PRM(upsample=args.upsample), "prm")


if __name__ == "__main__":
    main()
