import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreward.engines import ChatPrompt, Message
from specreward.errors import InputError

pytest.importorskip("torch", reason="needs the transformers extra")
pytest.importorskip("transformers", reason="needs the transformers extra")

from specreward.generate.hf.text import Texts, Writing

from . import tiny

STYLES = ["bytes", "spaces"]
WORDS = {style: tiny.tokenizer(style) for style in STYLES}
CHAT = tiny.tokenizer("bytes", chat=True)
ASKED = (Message("system", "Be brief."), Message("user", "What is 3 + 4?"))


def texts(style="bytes"):
    return Texts(WORDS[style], "tiny")


# ------------------------------------------------------------------------------ prompts


def test_a_text_is_read_as_it_stands_with_the_models_own_beginning():
    assert texts("bytes").prompt("The sum") == WORDS["bytes"]("The sum")["input_ids"]
    ids = texts("spaces").prompt("The sum")
    assert ids[0] == WORDS["spaces"].bos_token_id
    assert texts("spaces").decode(ids) == "The sum"


def test_no_end_is_put_after_a_prompt():
    from tokenizers import processors

    words = tiny.tokenizer("spaces")
    words.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    ended = Texts(words, "tiny")
    assert words("The sum")["input_ids"][-1] == 2
    assert ended.prompt("The sum") == texts("spaces").prompt("The sum")
    assert ended.prompt("The sum</s>")[-1] == 2  # unless the text itself has one
    assert ended.ids("") == [1]


def test_a_prompt_without_tokens_is_refused():
    with pytest.raises(InputError, match=r"tiny: expected a prompt with tokens, got ''"):
        texts("bytes").prompt("")
    assert texts("bytes").ids("") == []
    assert texts("spaces").prompt("") == [1]


def test_what_the_tokeniser_cannot_read_is_refused():
    import tokenizers
    import transformers

    raw = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<pad>": 0, "the": 1}, unk_token=""))
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>")
    with pytest.raises(InputError, match=r"tiny: its tokeniser cannot read 'a sum'"):
        Texts(words, "tiny").prompt("a sum")


def test_a_conversation_goes_through_the_template():
    chat = Texts(CHAT, "tiny")
    ids = chat.prompt(ChatPrompt(ASKED))
    turns = [{"role": m.role, "content": m.text} for m in ASKED]
    text = CHAT.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    assert ids == CHAT(text)["input_ids"]
    assert chat.prompt("What is 3 + 4?") == CHAT("What is 3 + 4?")["input_ids"]


def test_a_template_brings_its_own_beginning():
    words = tiny.tokenizer("spaces", chat=True)
    ids = Texts(words, "tiny").prompt(ChatPrompt(ASKED))
    assert words("Be")["input_ids"][0] == words.bos_token_id
    assert words.bos_token_id not in ids  # the template has none
    assert ids[0] == words.convert_tokens_to_ids("<|im_start|>")


@pytest.mark.parametrize("begun", ["It is", "Step 1: add.\n\n", ""])
def test_an_unfinished_answer_is_continued_as_it_stands(begun):
    chat = Texts(CHAT, "tiny")
    ids = chat.prompt(ChatPrompt((*ASKED, Message("assistant", begun))))
    asked = chat.prompt(ChatPrompt(ASKED))
    joined = CHAT.decode(ids)
    assert joined == CHAT.decode(asked) + begun  # the empty line at its end is still there
    assert ids[: len(asked) - 1] == asked[:-1]
    if begun.strip() == begun != "":
        turns = [{"role": m.role, "content": m.text} for m in ASKED]
        turns.append({"role": "assistant", "content": begun})
        text = CHAT.apply_chat_template(turns, tokenize=False, continue_final_message=True)
        assert text == joined


def test_what_is_read_does_not_depend_on_the_day():
    words = tiny.tokenizer("bytes")
    words.chat_template = (
        "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}"
        "{% endif %}{{ date_string }}"
    )
    assert words.decode(Texts(words, "tiny").prompt(ChatPrompt(ASKED))) == "26 Jul 2024"


def test_without_a_template_a_conversation_is_its_text():
    prompt = ChatPrompt(ASKED)
    assert texts().prompt(prompt) == texts().prompt("Be brief.\n\nWhat is 3 + 4?")


def test_a_conversation_that_the_template_refuses_is_refused():
    words = tiny.tokenizer("bytes")
    words.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    )
    with pytest.raises(InputError, match=r"template refuses messages of system, user: .*no system"):
        Texts(words, "tiny").prompt(ChatPrompt(ASKED))


# ------------------------------------------------------------------------------ continuations


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("prompt", "continuation"),
    [
        ("Step 1:", " add 3 and 4."),
        ("Step 1: add", " 3"),
        ("The answer", " is 7.\n\nYes"),
        ("The answer is 7.", "\n\nStep 2: double"),  # a token reaches over the joint
        ("The sum ", "is 7"),
        ("a cup", "board"),
        ("The sum is 7.\n\n", "Yes, it is"),
    ],
)
def test_prompt_and_continuation_make_their_joint_text(style, prompt, continuation):
    before, after = texts(style).pair(prompt, continuation)
    assert before == texts(style).prompt(prompt)
    assert texts(style).decode(before + after) == prompt + continuation


def test_tokens_that_do_not_reach_over_the_joint_are_those_of_the_whole_text():
    before, after = texts().pair("Step 1:", " add 3 and 4.")
    assert before + after == texts().prompt("Step 1: add 3 and 4.")


def test_a_continuation_follows_the_template():
    chat = Texts(CHAT, "tiny")
    before, after = chat.pair(ChatPrompt(ASKED), "It is 7.")
    assert before == chat.prompt(ChatPrompt(ASKED))
    assert chat.decode(after) == "It is 7."


def test_nothing_to_follow_is_refused():
    with pytest.raises(InputError, match="expected a text with tokens"):
        texts().pair("The sum", "")


# ------------------------------------------------------------------------------ writing


def written(style, prompt, text, stops=()):
    one = texts(style)
    before, after = one.pair(prompt, text)
    writing = Writing(one, before, stops)
    count = 0
    for token in after:
        count += 1
        if writing.push(token):
            break
    else:
        writing.end()
    return writing, count, after


@given(
    text=st.text("Step. 17\n€ü\\{}", min_size=1, max_size=30),
    style=st.sampled_from(STYLES),
    prompt=st.sampled_from(["The sum is", "Step 1:\n", "3 €"]),
)
def test_what_is_written_is_what_the_tokens_add_to_the_prompt(text, style, prompt):
    writing, _, _ = written(style, prompt, text)
    assert writing.cut(keep_stop=False) == text


@given(
    text=st.text("St.\n1", min_size=1, max_size=20),
    stops=st.lists(st.text("St.\n1", min_size=1, max_size=3), min_size=1, max_size=3),
    style=st.sampled_from(STYLES),
)
def test_the_stop_that_ends_first_counts_however_the_tokens_are_cut(text, stops, style):
    writing, _, _ = written(style, "The sum:", text, stops)
    ends = [i for i in range(len(text) + 1) if any(text[:i].endswith(stop) for stop in stops)]
    if not ends:
        assert writing.stop is None
        assert writing.cut(keep_stop=True) == text
        return
    kept = text[: ends[0]]
    longest = max([stop for stop in stops if kept.endswith(stop)], key=len)
    assert writing.cut(keep_stop=True) == kept
    assert writing.cut(keep_stop=False) == kept[: len(kept) - len(longest)]


def test_a_stop_inside_a_token_is_found():
    writing, count, after = written("bytes", "The answer", " is 7.\n\nYes, it is", ["."])
    assert texts().decode(after[:count]).rpartition(".")[2] == "\n\n"  # the token goes on
    assert writing.cut(keep_stop=False) == " is 7"
    assert writing.cut(keep_stop=True) == " is 7."


def test_half_a_character_waits_for_the_other_half_or_the_end():
    one = texts()
    ids = one.prompt("日")
    assert len(ids) > 1
    writing = Writing(one, one.prompt("a"), ())
    writing.push(ids[0])
    assert writing.text == ""
    for token in ids[1:]:
        writing.push(token)
    assert writing.text == "日"
    writing.push(ids[0])
    writing.end()
    assert writing.text == "日\ufffd"


def test_bytes_that_never_make_a_character_do_not_wait_for_ever():
    one = texts()
    writing = Writing(one, one.prompt("a"), ())
    for _ in range(40):
        writing.push(one.prompt("日")[0])
    assert writing.text.startswith("\ufffd")


def test_special_tokens_are_no_text():
    one = texts()
    writing = Writing(one, one.prompt("a"), ())
    for token in [*one.prompt("Yes"), 4, *one.prompt("it")]:
        writing.push(token)
    assert writing.text == "Yesit"
