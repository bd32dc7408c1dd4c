"""What a task warns of while it makes problems is a line on standard error, like any complaint."""

import json

import pytest

from specreward.embedded import EmbeddedPolicy


def test_bad_records_of_a_data_file_are_warned_of_in_one_line(call, tmp_path):
    file = tmp_path / "mine.jsonl"
    lines = [{"question": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(30)]
    file.write_text("\n".join([json.dumps(line) for line in lines] + ["{broken"]))
    done = call("generate", f"qa(data={str(file)!r}, checker=numeric())", "-n", 2)
    assert done.exit_code == 0, done.stderr
    assert "1 complaint" in done.stderr
    assert "UserWarning" not in done.stderr


@pytest.mark.parametrize("verb", ["solve", "compare", "serve"])
def test_a_draft_that_cannot_be_had_is_one_line(call, verb, tmp_path):
    output = ("--strategy", "cot()", "--output", tmp_path / "run") if verb == "compare" else ()
    for draft, said in [
        ("embeded_draft('game24')", "did you mean 'embedded_draft'"),
        ("embedded_draft('math')", "no embedded draft for the task 'math'"),
        ("embedded_srm('game24')", "expected a languagemodel"),
    ]:
        done = call(verb, "game24", *output, "--draft", draft)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr


def test_the_draft_is_among_the_models_of_a_comparison(call, tmp_path):
    def compare(*draft):
        words = ("compare", "toy", "--models", "toy", "-s", "cot()", "--limit", 2)
        return call(*words, "-o", tmp_path / "run", *draft)

    draft = EmbeddedPolicy("game24")
    assert compare("--draft", "embedded_policy('game24')").exit_code == 0
    asked = json.loads((tmp_path / "run/command.json").read_text())
    assert asked["problems"]["models"] == ["toy-lm", draft.name, "toy-srm"]
    assert draft.name in (tmp_path / "run/report.html").read_text()
    assert compare().exit_code == 2, "other models are another comparison"


def test_a_folder_of_one_reward_model_is_not_that_of_another(call, tmp_path):
    def compare(alike):
        reward = f"cascade(embedded_srm('game24'), embedded_srm('game24'), audit={alike})"
        return call(
            *("compare", "game24", "--policy", "embedded_policy('game24')", "--reward", reward),
            *("-s", "bfs(verify=scored())", "--limit", 2, "-o", tmp_path / "run"),
        )

    assert compare(0.5).exit_code == 0
    assert compare(0.5).exit_code == 0
    other = compare(0.25)
    assert other.exit_code == 2
    assert other.stderr.count("\n") == 1
