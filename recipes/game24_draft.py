"""Train the embedded Game of 24 draft: a fifth of the policy, proposes steps and nothing else.

Data: as for the policy (recipes/game24_policy.py), winning steps of generated states, without the
evaluation prompts: a draft is never asked for a verdict. Its vocabulary is the policy's, so that
the policy can score what the draft wrote token for token.

It is trained short on purpose, to be the weaker of the two: after 27,774 steps it solved more than
its target, which learned to judge as well.

Run:    python recipes/game24_draft.py --steps 5000 --out runs/game24_draft
Time:   7 minutes on one CPU thread.  Expect: see docs/models.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from game24_policy import WORDS, learn

from specreward.train.decoder import Shape

SHAPE = Shape(
    vocabulary=len(WORDS), outputs=len(WORDS), width=96, layers=4, heads=4, hidden=208, tied=True
)


def main(words: Sequence[str] | None = None) -> None:
    learn(words, __doc__, SHAPE, verdicts=False)


if __name__ == "__main__":
    main()
