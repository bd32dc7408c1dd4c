"""Fine-tune a decoder on right solutions, by TRL: a policy, or a better start of a reward model.

    data     solutions that are right: by outcome, or, where nobody knows it, by all of their labels
    prompt   question and an empty line       completion   steps with empty lines between them
    loss     cross-entropy of the completion alone

TRL's trainer (extra ``trl``, 1.x) does the work: precision, batches over several devices, packing
and adapters are its business. What comes out is an ordinary checkpoint: transformers('FOLDER').

Run:    python recipes/trl_sft.py labels.jsonl --model Qwen/Qwen2.5-0.5B --out runs/sft
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from specreward.errors import InputError, MissingExtra
from specreward.label.labelled import Labelled
from specreward.label.reading import read_labelled


def right(one: Labelled) -> bool:
    """Whether the solution may be learnt from."""
    if one.outcome is not None:
        return one.outcome > 0.5
    return one.kind != "value" and all(label is not None and label > 0.5 for label in one.labels)


def rows(data: Iterable[Labelled]) -> list[dict[str, str]]:
    """TRL's prompts and completions, each once."""
    pairs = {
        (f"{one.problem.question}\n\n", "\n\n".join(step.strip() for step in one.steps))
        for one in data
        if right(one)
    }
    if not pairs:
        raise InputError("expected right solutions to learn from, got none: check the labels")
    return [{"prompt": prompt, "completion": said} for prompt, said in sorted(pairs)]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="labelled solutions, any format")
    parser.add_argument("--model", required=True, help="folder or name on the hub of a decoder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-5)
    parser.add_argument("--longest", type=int, default=1024, help="tokens; what is more is cut")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    made = rows(one for file in args.labels for one in read_labelled(file))
    try:
        import torch
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise MissingExtra("this recipe needs trl: pip install 'specreward[trl]'") from error
    cuda = torch.cuda.is_available()
    settings = SFTConfig(
        output_dir=str(args.out),
        num_train_epochs=args.epochs,
        per_device_train_batch_size=args.batch,
        learning_rate=args.rate,
        max_length=args.longest,
        completion_only_loss=True,
        bf16=cuda and torch.cuda.is_bf16_supported(),
        gradient_checkpointing=cuda,
        use_cpu=not cuda,
        save_strategy="no",
        report_to=[],
        seed=args.seed,
    )
    trainer = SFTTrainer(model=args.model, args=settings, train_dataset=Dataset.from_list(made))
    trainer.train()
    trainer.save_model(str(args.out))
    print(f"{args.out}: {len(made)} solutions, loss {trainer.state.log_history[-1]}")


if __name__ == "__main__":
    main()
