"""What the viewer shows: growing trees, reasons, run files, and the page that holds them."""

import base64
import gzip
import hashlib
import json
import re
import sqlite3
from dataclasses import asdict, replace

import pytest

from specreward.errors import InputError
from specreward.report.archive import Archive
from specreward.report.reasons import reason_of, rule_of
from specreward.report.viewer import exported_page, served_page
from specreward.report.views import Growth, costs
from specreward.search import BFS, ChainOfThought
from specreward.store import Store
from specreward.types import Candidate, Judgement, Path, Problem, Result, Step
from specreward.verify import (
    AtLeast,
    Everything,
    SelectOne,
    SelfEvaluation,
    Speculative,
    Threshold,
    Tilted,
)

from . import searches
from .searches import EVIL, SPECULATIVE, Checked, failed, judged, run_file, small, speculated

PROBLEM = Problem("p", "question", "42")
ROOT = Path(PROBLEM)


def grown(*expansions):
    growth = Growth(PROBLEM, reason_of(None))
    changes = [growth.add(parent, family) for parent, family in expansions]
    return growth, changes


# ------------------------------------------------------------------ growth


def test_a_growth_numbers_nodes_in_the_order_of_judging():
    result = small()
    growth, changes = grown(*result.expansions)
    assert [node.index for node in growth.nodes] == list(range(7))
    assert [node.parent for node in growth.nodes] == [-1, 0, 0, 0, 1, 1, 1]
    assert [node.depth for node in growth.nodes] == [0, 1, 1, 1, 2, 2, 2]
    assert [node.turn for node in growth.nodes] == [0, 1, 1, 1, 2, 2, 2]
    assert changes == [[1, 2, 3], [4, 5, 6]]
    assert growth.nodes[0].text == "question"
    assert growth.nodes[0].kept is None
    assert [node.end for node in growth.nodes[4:]] == ["answer", "answer", "open"]
    assert growth.find(result.best.path) == 4
    assert growth.find(ROOT) is None


def test_tokens_add_up_along_the_path_and_over_the_search():
    growth, _ = grown(*small().expansions)
    left, right, evil = len("go left"), len("go right"), len(EVIL)
    first = 2 * left + right + evil  # the first child was drawn twice
    assert [node.spent for node in growth.nodes[:4]] == [0, first, first, first]
    assert growth.nodes[1].tokens == left
    assert growth.nodes[4].path_tokens == left + len("answer 42")
    assert growth.nodes[4].spent == first + 2 * len("answer 42") + len("turn back")


def test_a_child_judged_again_keeps_its_number_and_is_not_paid_twice():
    one = judged(ROOT, "a", 0.5)
    growth, changes = grown((ROOT, [one]), (ROOT, [replace(one, score=0.1, kept=False)]))
    assert changes == [[1], [1]]
    assert len(growth.nodes) == 2
    node = growth.nodes[1]
    assert (node.score, node.kept, node.turn, node.spent) == (0.1, False, 2, 1)


def test_equal_children_of_one_expansion_add_up():
    growth, _ = grown((ROOT, [judged(ROOT, "a", 0.5), judged(ROOT, "a", 0.5, count=2)]))
    assert [node.count for node in growth.nodes] == [1, 3]
    assert growth.nodes[1].spent == 3


def test_a_parent_that_nobody_judged_has_a_node_of_its_own():
    above = ROOT.then(Step("x", 2)).then(Step("y", 3))
    growth, changes = grown((above, [judged(above, "z", 0.5, dead=True)]))
    assert changes == [[1, 2]]
    assert [node.text for node in growth.nodes] == ["question", "x → y", "z"]
    assert growth.nodes[1].kept is None
    assert growth.nodes[1].tokens == 5
    assert growth.nodes[2].end == "dead"
    assert growth.find(above.then(Step("nowhere"))) == 1


def test_numbers_that_json_has_no_word_for_are_none():
    growth, _ = grown((ROOT, [judged(ROOT, "a", float("nan"), logprob=float("-inf"), p=0.5)]))
    assert growth.nodes[1].score is None
    assert growth.nodes[1].details == {"logprob": None, "p": 0.5}


def test_costs_are_split_by_role_and_divided_by_problems():
    cost = costs(searches.USAGE, 2)
    assert cost.llm_tokens == 60
    assert cost.reward_tokens == 15
    assert cost.calls == 3.5
    assert cost.flops == pytest.approx(0.505e9)


# ------------------------------------------------------------------ reasons

LOW = speculated(ROOT, "a", sr=0.4, kept=False)
HIGH = speculated(ROOT, "a", sr=1.3, kept=True)


@pytest.mark.parametrize(
    ("rule", "item", "said"),
    [
        (Speculative(), LOW, "SR 0.4: not drawn at a chance of 40%"),
        (Speculative(), replace(LOW, kept=True), "SR 0.4: drawn at a chance of 40%"),
        (Speculative(), HIGH, "SR 1.3: sure to be accepted"),
        (Speculative(floor=0.6), replace(HIGH, kept=False), "reward 0.5 is below the floor of 0.6"),
        (
            Speculative(floor=0.6),
            HIGH,
            "kept as the best one, though reward 0.5 is below the floor",
        ),
        (Speculative(accept=AtLeast(0.8)), LOW, "SR 0.4 is below 0.8"),
        (Speculative(accept=AtLeast(0.8)), HIGH, "SR 1.3 reaches 0.8"),
        (Speculative(accept=Everything()), HIGH, "the rule keeps all"),
        (Speculative(accept=SelectOne()), LOW, "a sibling was selected; had a chance of 40%"),
        (Speculative(accept=SelectOne()), HIGH, "selected; had a chance of 100%"),
        (Speculative(accept=Tilted()), LOW, "reward 0.5: not drawn at a chance of 40%"),
        (
            Speculative(accept=AtLeast(0.8)),
            speculated(ROOT, "a", sr=0.4, kept=True, chance=0.0),
            "kept as the best one, as none passed",
        ),
        (Threshold(0.5), judged(ROOT, "a", 0.3, kept=False), "score 0.3 is below 0.5"),
        (Threshold(0.5), judged(ROOT, "a", 0.7), "score 0.7 reaches 0.5"),
        (Threshold(0.5, keep=2), judged(ROOT, "a", 0.3), "kept as one of the best 2"),
        (
            Threshold(0.5, of=Speculative()),
            speculated(ROOT, "a", sr=0.9, kept=False),
            "SR 0.9: not drawn at a chance of 90%",
        ),
        (SelfEvaluation(minimum=1), judged(ROOT, "a", 0.003, kept=False), "0.003 is below 1"),
        (None, LOW, "SR 0.4: not drawn at a chance of 40%"),
        (None, judged(ROOT, "a", 0.0, kept=False), "ended without an answer"),
        (None, judged(ROOT, "a", 0.2, kept=False, reward=0.2), "score 0.2 was too low"),
        (object(), judged(ROOT, "a", 0.2, kept=False, reward=0.2), "score 0.2 was too low"),
    ],
)
def test_reasons(rule, item, said):
    assert said in reason_of(rule)(item)


def test_every_decision_of_a_real_rule_has_its_reason():
    """No kept step is called rejected and the other way round, whatever the rule decides."""
    kept = ("drawn", "sure", "kept", "reaches", "selected")
    for item in [entry for _, family in small().expansions for entry in family]:
        said = reason_of(Speculative())(item)
        assert (said.split(": ")[-1].split()[0] in kept) == item.kept


def test_the_rule_of_a_strategy_is_found_in_its_text_too():
    rule = Speculative(alpha=0.25)
    assert rule_of(BFS(verify=rule)) == rule
    assert rule_of("bfs(verify=speculative(alpha=0.25)) on toy, split test") == rule
    assert rule_of(ChainOfThought()) is None
    assert rule_of("a label") is None
    assert rule_of(object()) is None


# ------------------------------------------------------------------ archive


@pytest.fixture
def folder(tmp_path):
    results = [small("p1"), small("p2"), failed()]
    return run_file(tmp_path / "run", results, strategies=(SPECULATIVE, "cot()"))


@pytest.fixture
def archive(folder):
    archive = Archive([folder], task=Checked())
    yield archive
    archive.close()


def test_files_and_runs_are_listed(archive, folder):
    [file] = archive.files()
    assert (file.name, file.task, file.error) == ("run", "checked", None)
    assert [run.strategy for run in file.runs] == [SPECULATIVE, "cot()"]
    assert [run.results for run in file.runs] == [3, 3]


def test_a_place_is_a_file_a_folder_or_a_folder_of_folders(tmp_path, folder):
    run_file(tmp_path / "second", [small()])
    for place, count in ((folder / "run.db", 1), (folder, 1), (tmp_path, 2), (tmp_path / "no", 0)):
        archive = Archive([place])
        assert len(archive.files()) == count
        archive.close()


def test_a_file_that_cannot_be_read_says_why_and_hides_no_other(tmp_path, folder):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.db").write_text("no database")
    archive = Archive([tmp_path])
    bad, good = archive.files()
    assert "not a run file" in bad.error or "no run file" in bad.error
    assert good.runs
    archive.close()


def test_a_file_that_is_replaced_is_read_anew(archive, folder):
    assert archive.files()[0].runs[0].results == 3
    for file in folder.glob("run.db*"):
        file.rename(file.with_name(f"old-{file.name}"))
    run_file(folder, [small()])
    assert archive.files()[0].runs[0].results == 1


def test_problems_have_verdicts_and_costs(archive):
    [file] = archive.files()
    one, _, lost = archive.problems(file.runs[0].id)
    assert (one.name, one.answer, one.verdict, one.depth) == ("p1", "42", "right", 2)
    assert one.cost.llm_tokens == 120
    assert (lost.verdict, lost.answer, lost.error) == ("failed", None, "EngineError: no")


def test_a_wrong_answer_is_wrong_and_one_without_a_task_unchecked(tmp_path):
    result = small()
    wrong = replace(result, best=replace(result.best, path=result.expansions[1][1][1].path))
    folder = run_file(tmp_path, [wrong])
    archive = Archive([folder], task=Checked())
    assert [one.verdict for one in archive.problems(archive.files()[0].runs[0].id)] == ["wrong"]
    archive.close()
    archive = Archive([folder])
    [one] = archive.problems(archive.files()[0].runs[0].id)
    assert (one.verdict, one.answer) == ("unchecked", "answer 41")
    archive.close()


def test_without_a_reference_only_what_is_right_by_itself_is_right(tmp_path):
    class Even(Checked):
        def check(self, problem, answer):
            return int(answer) % 2 == 0

    results = []
    for at, name in ((0, "even"), (1, "odd")):
        one = small(name)
        best = replace(one.best, path=one.expansions[1][1][at].path)
        results.append(replace(one, best=best))
    bare = [replace(one, problem=replace(one.problem, answer=None)) for one in results]
    bare = [
        Result(one.problem, Candidate(Path(one.problem, old.best.path.steps), 1.0))
        for one, old in zip(bare, results, strict=True)
    ]
    archive = Archive([run_file(tmp_path, bare)], task=Even())
    [file] = archive.files()
    assert [one.verdict for one in archive.problems(file.runs[0].id)] == ["right", "unchecked"]
    assert archive.comparison(file.id).groups[0].runs[0].accuracy is None
    archive.close()


def test_a_task_that_cannot_read_an_answer_checks_nothing(tmp_path):
    class Strict(Checked):
        def check(self, problem, answer):
            raise InputError("expected another kind of problem")

    archive = Archive([run_file(tmp_path, [small()])], task=Strict())
    assert [one.verdict for one in archive.problems(archive.files()[0].runs[0].id)] == ["unchecked"]
    archive.close()


def test_the_task_is_read_from_the_command_of_the_comparison(tmp_path):
    """Runs on another domain are checked by the task of that domain."""
    folder = run_file(tmp_path, [small()], strategies=("cot()", "cot() on game24(), split test"))
    command = {"task": "blocksworld()", "extend_to": {"task": "game24()"}}
    (folder / "command.json").write_text(json.dumps(command))
    archive = Archive([folder])
    [file] = archive.files()
    assert file.task == "blocksworld"
    seen = [archive._run(run.id) for run in file.runs]
    assert [own.task_of(row).name for own, row in seen] == ["blocksworld", "game24"]
    archive.close()


def test_runs_are_compared_within_their_models(tmp_path):
    folder = run_file(tmp_path, [small("p1"), failed()], strategies=(SPECULATIVE, "cot()"))
    with Store(folder / "run.db") as store:
        store.save_result(store.open_run("cot()", "other models", "none"), 0, small("p1"))
    archive = Archive([folder], task=Checked())
    first, second = archive.comparison(archive.files()[0].id).groups
    assert [one.run.strategy for one in first.runs] == [SPECULATIVE, "cot()"]
    assert first.runs[0].verdicts == {"right": 1, "failed": 1}
    assert first.runs[0].accuracy.estimate == 0.5
    assert first.runs[0].cost.llm_tokens == 60
    assert len(first.charts) == 2
    assert first.charts[0].startswith("<svg ")
    assert SPECULATIVE in first.charts[0]
    assert [one.run.models for one in second.runs] == ["other models"]
    assert second.runs[0].accuracy.estimate == 1
    archive.close()


def test_without_a_check_there_is_no_accuracy_and_no_drawing(folder):
    archive = Archive([folder])
    [group] = archive.comparison(archive.files()[0].id).groups
    assert group.runs[0].accuracy is None
    assert group.charts == []
    archive.close()


def test_a_tree_is_read_with_its_reasons(archive):
    [file] = archive.files()
    run = file.runs[0].id
    one = archive.problems(run)[0]
    tree = archive.tree(run, one.id)
    assert tree.problem == one
    assert tree.strategy == SPECULATIVE
    assert tree.chosen == 4
    assert tree.nodes[2].why == "SR 0.25: not drawn at a chance of 25%"
    assert [(own.role, own.phase) for own in tree.usage] == list(searches.USAGE)


@pytest.mark.parametrize("run", ["", "x", "x-1", "{file}-9", "{file}", "{file}-x"])
def test_unknown_runs_are_input_errors(archive, run):
    run = run.format(file=archive.files()[0].id)
    with pytest.raises(InputError, match="expected the id of a run"):
        archive.problems(run)
    with pytest.raises(InputError, match="expected the id of a run file"):
        archive.comparison("nothing")
    with pytest.raises(InputError, match="expected a problem with a result"):
        archive.tree(archive.files()[0].runs[0].id, "nothing")


def test_a_run_that_is_being_written_can_be_read(archive, folder):
    """Write-ahead: a reader sees what was committed, and is not in the way of the writer."""
    run = archive.files()[0].runs[0].id
    writer = sqlite3.connect(folder / "run.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM trees")
    assert len(archive.problems(run)) == 3
    assert archive.tree(run, archive.problems(run)[0].id).nodes
    writer.execute("ROLLBACK")
    writer.close()
    with Store(folder / "run.db") as store:
        store.save_result(1, 3, small("p3"))
    assert len(archive.problems(run)) == 4
    assert archive.tree(run, archive.problems(run)[3].id).problem.name == "p3"


def test_a_check_is_made_once(folder):
    class Counted(Checked):
        calls = 0

        def check(self, problem, answer):
            Counted.calls += 1
            return super().check(problem, answer)

    archive = Archive([folder], task=Counted())
    run = archive.files()[0].runs[0].id
    for _ in range(3):
        archive.problems(run)
    assert Counted.calls == 2
    archive.close()


def test_only_some_runs_are_shown_where_that_was_asked_for(folder):
    archive = Archive([folder], only=lambda row: row.strategy == "cot()")
    [file] = archive.files()
    assert [run.strategy for run in file.runs] == ["cot()"]
    groups = archive.comparison(file.id).groups
    assert [one.run.strategy for group in groups for one in group.runs] == ["cot()"]
    with pytest.raises(InputError):
        archive.problems(f"{file.id}-1")
    archive.close()


# ------------------------------------------------------------------ page


def data_of(page):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def inner(page, tag):
    return re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]


def test_an_exported_page_holds_all_and_no_text_of_it_is_markup(archive):
    page = exported_page(archive)
    data = data_of(page)
    run = data["files"][0]["runs"][0]["id"]
    assert [one["name"] for one in data["problems"][run]] == ["p1", "p2", "p9"]
    key = f"{run}/{data['problems'][run][0]['id']}"
    tree = json.loads(gzip.decompress(base64.b64decode(data["trees"][key])))
    assert tree == json.loads(json.dumps(asdict(archive.tree(*key.split("/")))))
    assert tree["nodes"][3]["text"] == EVIL
    assert "<script>window.hacked" not in page
    assert page == exported_page(archive)


def test_no_text_can_end_the_data(tmp_path):
    evil = small("</script><script>window.hacked = true</script><!--")
    archive = Archive([run_file(tmp_path / "<b>run", [evil])])
    page = exported_page(archive)
    assert page.count("</script>") == 2
    assert "<" not in re.search(r'id="data">(.*)\n<script>', page)[1].removesuffix("</script>")
    assert "<b>" not in page
    assert inner(page, "title") == "&lt;b&gt;run"
    assert data_of(page)["files"][0]["name"] == "<b>run"
    archive.close()


def test_only_one_problem_is_exported_where_that_was_asked_for(archive):
    data = data_of(exported_page(archive, problem="p2"))
    assert {one["name"] for found in data["problems"].values() for one in found} == {"p2"}
    assert len(data["trees"]) == 2


def test_the_policy_names_style_and_script_and_no_host(archive):
    served, policy = served_page()
    exported = exported_page(archive)
    for page in (served, exported):
        for text in (inner(page, "style"), inner(page, "script")):
            name = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{name}'" in policy
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert "unsafe" not in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "connect-src &#x27;none&#x27;" in exported
    assert data_of(served) is None


def test_a_judgement_without_evidence_has_a_node_all_the_same():
    growth, _ = grown((ROOT, [Judgement(ROOT.then(Step("a")), 0.5)]))
    assert growth.nodes[1].why == ""
    assert growth.nodes[1].kept is True
