"""What a task warns of while it makes problems is a line on standard error, like any complaint."""

import json


def test_bad_records_of_a_data_file_are_warned_of_in_one_line(call, tmp_path):
    file = tmp_path / "mine.jsonl"
    lines = [{"question": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(30)]
    file.write_text("\n".join([json.dumps(line) for line in lines] + ["{broken"]))
    done = call("generate", f"qa(data={str(file)!r}, checker=numeric())", "-n", 2)
    assert done.exit_code == 0, done.stderr
    assert "1 complaint" in done.stderr
    assert "UserWarning" not in done.stderr
