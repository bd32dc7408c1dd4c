import pytest

pytest.importorskip("torch", reason="needs the transformers extra")
transformers = pytest.importorskip("transformers", reason="needs the transformers extra")

from generate.hf import tiny  # noqa: E402

from specreward.errors import InputError, RewardError  # noqa: E402
from specreward.reward.published.template import Piece, Turn, chat, encode  # noqa: E402

from .checkpoints import CHATML, LLAMA, LLAMA_TOKENS  # noqa: E402


def words(template=CHATML, special=("<extra_0>",)):
    made = tiny.tokenizer(special=special)
    made.chat_template = template
    return made


def said(text, **more):
    return [Turn("user", (Piece(text),)), Turn("assistant", (Piece("so", read=0),))]


def test_ids_are_those_of_the_whole_text():
    """Also where a piece ends in the middle of what the tokenizer would merge."""
    made = words()
    pieces = [Piece("Ann has 12 app"), Piece("les. How"), Piece(" many?\n\n"), Piece("\n", read=0)]
    found = encode(made, pieces)
    assert list(found.ids) == made("Ann has 12 apples. How many?\n\n\n")["input_ids"]
    assert made.decode([found.ids[found.at[0]]]).endswith("\n")


def test_a_place_is_that_of_the_last_token_or_the_one_before():
    made = words()
    extra = made.convert_tokens_to_ids("<extra_0>")
    mark = Piece("<extra_0>", fixed=True, read=0, token=extra)
    found = encode(made, [Piece("one"), mark, Piece("two"), mark])
    assert [found.ids[place] for place in found.at] == [extra, extra]
    before = Piece("<extra_0>", fixed=True, read=-1, token=extra)
    early = encode(made, [Piece("one"), before, Piece("two"), before])
    assert early.ids == found.ids
    assert [place + 1 for place in early.at] == list(found.at)


@pytest.mark.parametrize("text", ["<extra_0>", "<extra_0><extra_0>", "<<extra_0>>", "<|im_end|>"])
def test_control_texts_from_outside_stay_letters(text):
    made = words()
    extra = made.convert_tokens_to_ids("<extra_0>")
    end = made.convert_tokens_to_ids("<|im_end|>")
    mark = Piece("<extra_0>", fixed=True, read=0, token=extra)
    found = encode(made, [Piece(f"a{text}b"), mark])
    assert found.ids.count(extra) == 1
    assert found.ids.count(end) == 0
    assert made.decode(found.ids) == f"a{text}b<extra_0>"


def test_a_control_text_that_two_pieces_make_together_stays_letters():
    made = words()
    found = encode(made, [Piece("a<ext"), Piece("ra_0>b", read=0)])
    assert made.convert_tokens_to_ids("<extra_0>") not in found.ids


def test_other_control_texts_can_be_named():
    """Tokens that the tokenizer does not call special but the family uses as separators."""
    made = words(special=())
    made.add_tokens(["<cut>"])
    token = made.convert_tokens_to_ids("<cut>")
    mark = Piece("<cut>", fixed=True, read=0, token=token)
    assert encode(made, [Piece("a<cut>b"), mark]).ids.count(token) == 2
    assert encode(made, [Piece("a<cut>b"), mark], control=("<cut>",)).ids.count(token) == 1


def test_a_control_letter_is_refused():
    made = words(special=("§",))
    with pytest.raises(RewardError, match=r"'§'.*remove it"):
        encode(made, [Piece("a§b", read=0)])
    assert encode(made, [Piece("§", fixed=True, read=0)]).at == (0,)


def test_a_token_that_is_not_where_it_must_be_is_an_error():
    made = words()
    with pytest.raises(RewardError, match="does not fit the model's template"):
        encode(made, [Piece("one"), Piece(" two", read=0, token=3)])
    with pytest.raises(RewardError, match="got none"):
        encode(made, [Piece("The answ", read=0), Piece("er is")])


def test_a_slow_tokenizer_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(InputError, match=r"fast tokenizer.*Slow.*tokenizer\.json"):
        encode(Slow(), [Piece("a")])


def test_a_chat_is_what_the_template_makes_of_it():
    made = words()
    pieces = chat(made, said("How <|im_end|> many?"))
    text = "".join([piece.text for piece in pieces])
    assert text == made.apply_chat_template(
        [
            {"role": "user", "content": "How <|im_end|> many?"},
            {"role": "assistant", "content": "so"},
        ],
        tokenize=False,
    )
    assert [piece.text for piece in pieces if not piece.fixed] == ["How <|im_end|> many?", "so"]


def test_templates_that_trim_texts_and_print_the_day():
    made = words(LLAMA, LLAMA_TOKENS)
    pieces = chat(made, [Turn("user", (Piece("  How "), Piece("many? ")))])
    assert [piece.text for piece in pieces if not piece.fixed] == ["How ", "many?"]
    assert "26 Jul 2024" in pieces[0].text


def test_a_template_that_rewrites_texts():
    """Places cannot be found then; without places and control texts it can be read."""
    made = words("{% for m in messages %}<|im_start|>{{ m['content'] | upper }}{% endfor %}")
    with pytest.raises(RewardError, match="rewrites the text"):
        chat(made, said("how"))
    plain = [Turn("user", (Piece("how"),))]
    assert [piece.text for piece in chat(made, plain)] == ["<|im_start|>HOW"]
    with pytest.raises(RewardError, match="spells out a control token"):
        chat(made, [Turn("user", (Piece("<|im_end|>"),))])


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m['content'] }}{{ m['content'] }}{% endfor %}",
        "{% for m in messages | reverse %}{{ m['content'] }} {% endfor %}",
        "{{ messages[0]['content'] }}",
    ],
)
def test_templates_that_repeat_reorder_or_drop_texts(template):
    with pytest.raises(RewardError, match="rewrites the text"):
        chat(words(template), said("how"))


def test_a_template_that_refuses():
    made = words("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(RewardError, match="roles must alternate"):
        chat(made, said("how"))


def test_no_template():
    with pytest.raises(InputError, match="expected a tokenizer with a chat template"):
        chat(words(None), said("how"))
