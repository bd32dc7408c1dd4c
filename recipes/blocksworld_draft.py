"""Train the embedded Blocksworld draft: a fifth of the policy, proposes actions and nothing else.

Data: as for the policy (recipes/blocksworld_policy.py), shortest plans of six blocks, without
the evaluation prompts: a draft is never asked for a verdict. Its vocabulary is the policy's, so
that the policy can score what the draft wrote token for token.

It is trained short on purpose, to be the weaker of the two: after 11,890 steps it solved more than
its target, which learned to judge as well.

Run:    python recipes/blocksworld_draft.py --steps 2500 --out runs/blocksworld_draft
Time:   8 minutes on one CPU thread.  Expect: see docs/models.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from blocksworld_policy import WORDS, learn

from specreward.train.decoder import Shape

SHAPE = Shape(
    vocabulary=len(WORDS), outputs=len(WORDS), width=64, layers=4, heads=4, hidden=175, tied=True
)


def main(words: Sequence[str] | None = None) -> None:
    learn(words, __doc__, SHAPE, verdicts=False)


if __name__ == "__main__":
    main()
