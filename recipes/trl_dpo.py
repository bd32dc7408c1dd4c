"""Train a decoder on pairs of steps or solutions by DPO, with TRL: a policy and an implicit reward.

    pairs    sibling steps whose labels differ by --margin or more; with --outcomes whole solutions
    loss     -log sigmoid(beta (log pi/pi_ref of the chosen - log pi/pi_ref of the rejected))

R. Rafailov et al. (2023), arXiv 2305.18290. The trained model against its start is an implicit
process reward model (arXiv 2412.01981):
implicit_prm(transformers('FOLDER'), transformers('START')).

TRL's trainer (extra ``trl``, 1.x) does the work. The reference is loaded here and handed over,
because TRL finds none by itself for a model that has no name.

Run:    python recipes/trl_dpo.py labels.jsonl --model runs/sft --out runs/dpo
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from specreward.errors import InputError, MissingExtra
from specreward.label.labelled import Labelled
from specreward.label.pairs import outcome_pairs, sibling_pairs
from specreward.label.reading import read_labelled


def rows(data: Iterable[Labelled], margin: float, *, outcomes: bool) -> list[dict[str, str]]:
    """TRL's preferences with explicit prompts."""
    make = outcome_pairs if outcomes else sibling_pairs
    made = [
        {
            "prompt": "".join(f"{part}\n\n" for part in (pair.problem.question, *pair.prefix)),
            "chosen": "\n\n".join(pair.chosen),
            "rejected": "\n\n".join(pair.rejected),
        }
        for pair in make(data, margin)
    ]
    if not made:
        what = "solutions of one problem with different outcomes" if outcomes else "sibling steps"
        raise InputError(f"expected pairs to learn from, got none: the data has no {what} that fit")
    return made


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="labelled solutions, any format")
    parser.add_argument("--model", required=True, help="folder or name on the hub of a decoder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--margin", type=float, default=0.0)
    parser.add_argument("--outcomes", action="store_true", help="pairs of whole solutions")
    parser.add_argument("--beta", type=float, default=0.1)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=4, help="pairs")
    parser.add_argument("--rate", type=float, default=1e-6)
    parser.add_argument("--longest", type=int, default=1024, help="tokens; what is more is cut")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    data = [one for file in args.labels for one in read_labelled(file)]
    made = rows(data, args.margin, outcomes=args.outcomes)
    try:
        import torch
        from datasets import Dataset
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from trl import DPOConfig, DPOTrainer
    except ImportError as error:
        raise MissingExtra("this recipe needs trl: pip install 'specreward[trl]'") from error
    cuda = torch.cuda.is_available()
    settings = DPOConfig(
        output_dir=str(args.out),
        num_train_epochs=args.epochs,
        per_device_train_batch_size=args.batch,
        learning_rate=args.rate,
        max_length=args.longest,
        beta=args.beta,
        bf16=cuda and torch.cuda.is_bf16_supported(),
        gradient_checkpointing=cuda,
        use_cpu=not cuda,
        save_strategy="no",
        report_to=[],
        seed=args.seed,
    )
    model, reference = (AutoModelForCausalLM.from_pretrained(args.model) for _ in range(2))
    trainer = DPOTrainer(
        model=model,
        ref_model=reference,
        args=settings,
        train_dataset=Dataset.from_list(made),
        processing_class=AutoTokenizer.from_pretrained(args.model),
    )
    trainer.train()
    trainer.save_model(str(args.out))
    print(f"{args.out}: {len(made)} pairs, {trainer.state.log_history[-1]}")


if __name__ == "__main__":
    main()
