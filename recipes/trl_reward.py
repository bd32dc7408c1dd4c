"""Train an outcome reward model on pairs of solutions, with TRL: one number for a whole answer.

    pairs    solutions of a problem whose outcomes differ; with --steps sibling steps after the
             beginning that they share
    loss     -log sigmoid(r_chosen - r_rejected - margin), margin the difference of labels
             + --center * (r_chosen + r_rejected)^2

R. Bradley, M. Terry (1952). TRL's trainer (extra ``trl``, 1.x) does the work. Question and answer
stand in the model's own chat template, so that sequence_classifier('FOLDER') reads what was
trained; a model without template is refused.

Run:    python recipes/trl_reward.py labels.jsonl --model Qwen/Qwen2.5-0.5B-Instruct --out runs/orm
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from specreward.errors import InputError, MissingExtra
from specreward.label.labelled import Labelled
from specreward.label.pairs import outcome_pairs, sibling_pairs
from specreward.label.reading import read_labelled


def rows(data: Iterable[Labelled], *, steps: bool) -> list[dict[str, Any]]:
    """TRL's preferences as conversations, with margins."""
    pairs = sibling_pairs(data) if steps else outcome_pairs(data)
    made = [
        {
            "chosen": conversation(pair.problem.question, (*pair.prefix, *pair.chosen)),
            "rejected": conversation(pair.problem.question, (*pair.prefix, *pair.rejected)),
            "margin": pair.margin,
        }
        for pair in pairs
    ]
    if not made:
        what = "sibling steps" if steps else "solutions of one problem with different outcomes"
        raise InputError(f"expected pairs to learn from, got none: the data has no {what}")
    return made


def conversation(question: str, steps: Sequence[str]) -> list[dict[str, str]]:
    """As ``sequence_classifier`` reads it."""
    answer = "\n\n".join(step.strip() for step in steps)
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="labelled solutions, any format")
    parser.add_argument("--model", required=True, help="folder or name on the hub of a decoder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", action="store_true", help="pairs of sibling steps")
    parser.add_argument("--center", type=float, default=0.0, help="keeps rewards around 0")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=8, help="pairs")
    parser.add_argument("--rate", type=float, default=1e-5)
    parser.add_argument("--longest", type=int, default=1024, help="tokens; longer pairs go")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    data = [one for file in args.labels for one in read_labelled(file)]
    made = rows(data, steps=args.steps)
    try:
        import torch
        from datasets import Dataset
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        from trl import RewardConfig, RewardTrainer
    except ImportError as error:
        raise MissingExtra("this recipe needs trl: pip install 'specreward[trl]'") from error
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    if not tokenizer.chat_template:
        raise InputError(
            f"{args.model}: expected a model with a chat template, got one without: take one that "
            "was tuned to follow instructions"
        )
    cuda = torch.cuda.is_available()
    settings = RewardConfig(
        output_dir=str(args.out),
        num_train_epochs=args.epochs,
        per_device_train_batch_size=args.batch,
        learning_rate=args.rate,
        max_length=args.longest,
        center_rewards_coefficient=args.center or None,
        bf16=cuda and torch.cuda.is_bf16_supported(),
        gradient_checkpointing=cuda,
        use_cpu=not cuda,
        save_strategy="no",
        report_to=[],
        seed=args.seed,
    )
    torch.manual_seed(args.seed)
    model = AutoModelForSequenceClassification.from_pretrained(args.model, num_labels=1)
    trainer = RewardTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_list(made),
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model(str(args.out))
    print(f"{args.out}: {len(made)} pairs, {trainer.state.log_history[-1]}")


if __name__ == "__main__":
    main()
