"""The command line: one verb, one file.

solve      search for the answer of a problem, the tree shown as it grows
compare    strategies on the same problems: table, summary, report; goes on where it was stopped
demo       self-evaluation against the reward model on two tasks, in less than a minute
threshold  a threshold of gsi, rsd or specs from a rate of acceptance
calibrate  the scores of a reward model as probabilities, and thresholds of them
convert    a file of step labels from one format to another
label      labelled steps, from a policy, a run of compare or a file of solutions
train      a reward model from labelled steps
recipe     training recipes, one file each, copied out to be changed and run
bench      how good a reward model is: published benchmarks, recorded pools, own labels
curve      accuracy for every number of paths, from one run
tree       the tree of a problem of a finished or running comparison
serve      searches behind an OpenAI-compatible interface
generate   problems of a task as JSON lines
validate   a task's own check, or a file of problems
models     published reward models, and how to ask for one
list, show, cite    what there is, what its fields mean, where it comes from
"""

from __future__ import annotations

import typer

from specreward.cli import (
    bench,
    calibrate,
    cite,
    compare,
    convert,
    curve,
    demo,
    generate,
    guard,
    label,
    models,
    recipe,
    serve,
    show,
    solve,
    threshold,
    train,
    tree,
    validate,
)
from specreward.cli import list as list_module

__all__ = ["app", "main"]


def _built() -> typer.Typer:
    """All verbs, each with its errors as one line."""
    verbs = typer.Typer(
        name="specreward",
        help="Cheap search over language-model reasoning.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name, verb in (
        ("solve", guard.guarded(solve.solve)),
        ("compare", guard.guarded(compare.compare)),
        ("demo", guard.guarded(demo.demo)),
        ("threshold", guard.guarded(threshold.threshold)),
        ("calibrate", guard.guarded(calibrate.calibrate)),
        ("convert", guard.guarded(convert.convert)),
        ("label", guard.guarded(label.label)),
        ("train", guard.guarded(train.train)),
        ("recipe", guard.guarded(recipe.recipe)),
        ("bench", guard.guarded(bench.bench)),
        ("curve", guard.guarded(curve.curves)),
        ("tree", guard.guarded(tree.tree)),
        ("serve", guard.guarded(serve.serve)),
        ("generate", guard.guarded(generate.generate)),
        ("validate", guard.guarded(validate.validate)),
        ("models", guard.guarded(models.models)),
        ("list", guard.guarded(list_module.list_)),
        ("show", guard.guarded(show.show)),
        ("cite", guard.guarded(cite.cite)),
    ):
        verbs.command(name)(verb)
    return verbs


app = _built()


def main() -> None:
    """The console script ``specreward``."""
    app()
