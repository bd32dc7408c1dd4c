"""Encoders and decoders of transformers: what they read, how they train, and how they are read."""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path as Folder

import pytest

torch = pytest.importorskip("torch", reason="needs the transformers extra")
transformers = pytest.importorskip("transformers", reason="needs the transformers extra")

from generate.hf import tiny  # noqa: E402

from specreward.errors import InputError  # noqa: E402
from specreward.label.labelled import Labelled, dump_labelled  # noqa: E402
from specreward.reward.aggregate import Minimum  # noqa: E402
from specreward.reward.published import EncoderSRM  # noqa: E402
from specreward.reward.published.solution_text import encode_pair, encode_solution  # noqa: E402
from specreward.reward.published.trained_classifier import trained_classifier  # noqa: E402
from specreward.reward.solutions import Solution, SolutionReward  # noqa: E402
from specreward.spec import name_of, parse  # noqa: E402
from specreward.train.examples import Example  # noqa: E402
from specreward.train.fitting import Settings, fit  # noqa: E402
from specreward.train.modules.words import trained_words  # noqa: E402
from specreward.train.networks.causal import Causal  # noqa: E402
from specreward.train.networks.encoder import Encoder  # noqa: E402
from specreward.train.objectives import PRM  # noqa: E402
from specreward.types import Path, Problem, Step  # noqa: E402

pytestmark = pytest.mark.train

QUESTION = "Ann has 12 apples and eats 5 of them. How many apples are left?"
STEPS = ("Ann eats 5 of them.", "The number is 12 - 5 = 7.\n", " The answer is 7.")
OTHER = ("How many apples?", ("The sum is 12.",))
EXACT = 1e-5


def solution(steps=STEPS, labels=None, question=QUESTION, **more):
    labels = tuple([0.5] * len(steps)) if labels is None else labels
    problem = Problem(question[:20], question)
    return Labelled(problem=problem, steps=tuple(steps), labels=labels, kind="step", **more)


def example(*solutions, places=None):
    every = tuple([tuple(range(len(one.steps))) for one in solutions])
    return Example(solutions, every if places is None else places)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A checkpoint of an encoder without head and without the tokens of any reading."""
    path = tmp_path_factory.mktemp("encoder")
    words = tiny.tokenizer("spaces", special=("[CLS]", "[SEP]"))
    words.cls_token, words.sep_token = "[CLS]", "[SEP]"
    words.save_pretrained(path)
    tiny.network("deberta", "AutoModel").save_pretrained(path)
    return str(path)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """A file of labelled solutions."""
    path = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    rows = [solution(), solution(OTHER[1], question=OTHER[0])]
    path.write_text("".join([f"{dump_labelled(one)}\n" for one in rows]), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def networks(encoder, labels):
    decoder = tiny.folder("qwen2")
    return {
        "pair": Encoder(encoder, add_tokens=True, longest=200, seed=1),
        "whole": Encoder(encoder, whole=True, add_tokens=True, longest=200, seed=1),
        "new": Encoder(labels, vocabulary=300, width=16, layers=1, heads=2),
        "decoder": Causal(decoder, add_tokens=True, seed=1),
        "two": Causal(decoder, add_tokens=True, outputs=2, seed=1),
        "verdicts": Causal(decoder, step_token="\n", verdict=("7", "5")),
        "gpt2": Causal(tiny.folder("gpt2"), add_tokens=True, seed=1),
    }


NAMES = ("pair", "whole", "new", "decoder", "two", "verdicts", "gpt2")


def saved(network, folder, **more):
    """What training leaves of a network."""
    card = {"format": 1, **network.save(folder), **more}
    (Folder(folder) / "model.json").write_text(json.dumps(card), "utf-8")
    return trained_classifier(Folder(folder), card, Minimum())


def read_again(folder):
    card = json.loads((Folder(folder) / "model.json").read_text())
    return trained_classifier(Folder(folder), card, Minimum())


def shaken(network):
    """Weights far enough from their start that no two outputs are alike."""
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "classifier" in name or "score" in name:
                weight.copy_(torch.randn(weight.shape, generator=draw) / 4)
            elif weight.ndim > 1 and weight.std() < 0.05:
                weight.mul_(20)
    return network.eval()


def graded(model, *asked):
    found = asyncio.run(
        model.grade([Solution(question, tuple(steps)) for question, steps in asked])
    )
    return [list(one.values) for one in found]


# ------------------------------------------------------------------------------ round trip


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_network_scores_as_in_training(networks, tmp_path, name):
    network = shaken(networks[name].build())
    solutions = [solution(), solution(OTHER[1], question=OTHER[0]), solution(STEPS[:2])]
    with torch.no_grad():
        batch = network.encode([example(*solutions[:2]), example(solutions[2])])
        outputs = network(**batch.inputs)
    more = {"objective": "birm(beta=0.5)"} if name == "two" else {}
    model = saved(network, tmp_path, **more)
    if name == "two":
        expected, number = [], 0
        for one in solutions:
            process, value = outputs[number : number + len(one.steps)].sigmoid().T
            means = [process[: t + 1].mean() for t in range(len(one.steps))]
            expected.append([(v + 0.5 * m) / 1.5 for v, m in zip(value, means, strict=True)])
            number += len(one.steps)
    else:
        flat = iter(outputs.sigmoid()[:, 0].tolist())
        expected = [[next(flat) for _ in one.steps] for one in solutions]
    paths = [Path(one.problem, tuple(map(Step, one.steps))) for one in solutions]
    found = asyncio.run(SolutionReward(model).steps(paths))
    for one, true in zip(found, expected, strict=True):
        assert one == pytest.approx([float(x) for x in true], abs=EXACT)
    assert len({round(x, 4) for one in found for x in one}) >= 4  # no two beginnings alike
    combined = asyncio.run(SolutionReward(model).score(paths))
    wanted = [row[-1] if name in ("pair", "new") else min(row) for row in found]
    assert combined == pytest.approx(wanted, abs=EXACT)


def test_a_trained_pair_is_an_srm_of_the_published_form(networks, tmp_path):
    model = saved(shaken(networks["pair"].build()), tmp_path)
    asked = (QUESTION, STEPS), OTHER
    assert graded(EncoderSRM(str(tmp_path)), *asked) == graded(model, *asked)


def test_the_name_tells_weights_and_reading_apart(networks, tmp_path):
    names = set()
    for name in ("decoder", "verdicts", "whole"):
        model = saved(shaken(networks[name].build()), tmp_path / name)
        names.add(model.name)
        copy = tmp_path / f"{name}-copy"
        shutil.copytree(tmp_path / name, copy)
        (copy / "calibration.json").write_text("{}")  # made of its numbers, changes none
        assert read_again(copy).name.replace("-copy", "") == model.name
    assert len(names) == 3


def test_what_was_trained_again_is_read_again(networks, tmp_path):
    network = shaken(networks["decoder"].build())
    first = saved(network, tmp_path, revision="1")
    before = graded(first, OTHER)
    with torch.no_grad():
        network.model.score.weight.neg_()
    second = saved(network, tmp_path, revision="2")
    assert graded(second, OTHER) != before
    assert graded(first, OTHER) == before
    assert second.name != first.name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"form": "sideways"}, "expected a form"),
        ({"step_token": None}, "expected a form"),
        ({"form": "verdicts"}, "cannot be loaded|verdict of two tokens|is no Auto"),
        ({"outputs": 2, "objective": "prm()"}, "objective for two outputs"),
    ],
)
def test_a_changed_card_is_refused(networks, tmp_path, change, said):
    saved(networks["decoder"].build(), tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(card | change))
    with pytest.raises(InputError, match=said):
        graded(read_again(tmp_path), OTHER)


# ------------------------------------------------------------------------------ what is read


def test_a_decoder_reads_parts_one_after_another_and_a_token_after_each_step():
    words = tiny.tokenizer(special=("<|step|>",))
    found = encode_solution(words, QUESTION, STEPS, (0, 2), "<|step|>", "it")

    def ids(text):
        return words.encode(text, add_special_tokens=False)

    step = words.convert_tokens_to_ids("<|step|>")
    expected = [words.bos_token_id, *ids(QUESTION), *ids("\n")]
    ends = []
    for text in ("Ann eats 5 of them.", "The number is 12 - 5 = 7.", "The answer is 7."):
        expected += [*ids(text), step]
        ends.append(len(expected) - 1)
    assert list(found.ids) == expected
    assert found.at == (ends[0], ends[2])


def test_a_step_token_that_is_a_word_is_not_merged_with_the_step():
    """``tiny``'s words have full stop and line end as one token."""
    words = tiny.tokenizer()
    assert len(words.encode(".\n")) == 1
    found = encode_solution(words, "How many?", ["It is 7.", "So 7."], (0, 1), "\n", "it")
    [line] = words.encode("\n")
    assert [found.ids[at] for at in found.at] == [line, line]
    assert found.ids[found.at[0] - 1] == words.encode(".")[0]


def test_a_step_token_spelt_out_in_a_text_is_none():
    words = tiny.tokenizer(special=("<|step|>",))
    step = words.convert_tokens_to_ids("<|step|>")
    asked = "What does <|step|> do?", ["It is <|step|> here.", "It ends.<|step|>"]
    found = encode_solution(words, *asked, (0, 1), "<|step|>", "it")
    assert [place for place, one in enumerate(found.ids) if one == step] == list(found.at)


def test_a_beginning_of_a_solution_is_a_beginning_of_its_tokens():
    words = tiny.tokenizer("spaces", special=("<|step|>",))
    whole = encode_solution(words, QUESTION, STEPS, (0, 1, 2), "<|step|>", "it")
    for depth in (1, 2):
        part = encode_solution(words, QUESTION, STEPS[:depth], (0,), "<|step|>", "it")
        assert whole.ids[: len(part.ids)] == part.ids


def test_an_encoder_reads_a_frame(networks):
    network = networks["whole"].build()
    words = network.tokenizer
    batch = network.encode([example(solution())])
    ids = batch.inputs["input_ids"][0].tolist()
    step = words.convert_tokens_to_ids("[STEP]")
    assert ids[0] == words.cls_token_id
    assert [at for at, one in enumerate(ids) if one == words.sep_token_id][-1] == len(ids) - 1
    assert ids.count(words.sep_token_id) == 2
    places = batch.inputs["places"].tolist()
    assert places == [at for at, one in enumerate(ids) if one == step]
    assert batch.tokens == len(ids)


def test_a_pair_is_one_row_for_each_mark(networks):
    network = networks["pair"].build()
    batch = network.encode([example(solution(), places=((0, 2),))])
    pairs = [encode_pair(network.tokenizer, QUESTION, STEPS[: t + 1], "it") for t in (0, 2)]
    mask = batch.inputs["attention_mask"].bool()
    rows = [row[m].tolist() for row, m in zip(batch.inputs["input_ids"], mask, strict=True)]
    assert rows == [list(pair.ids) for pair in pairs]
    assert batch.inputs["places"].tolist() == [0, 0]
    assert batch.marks.step.tolist() == [0, 2]
    assert batch.marks.last.tolist() == [False, True]


def test_marks_say_which_example_solution_step_and_label(networks):
    network = networks["decoder"].build()
    one = solution(labels=(1.0, 0.25, None), outcome=0.0)
    two = solution(STEPS[:2], labels=(1.0, 0.0))
    batch = network.encode([example(one, two), example(two, places=((1,),))])
    marks = batch.marks
    assert marks.example.tolist() == [0, 0, 0, 0, 0, 1]
    assert marks.solution.tolist() == [0, 0, 0, 1, 1, 2]
    assert marks.step.tolist() == [0, 1, 2, 0, 1, 1]
    assert marks.last.tolist() == [False, False, True, False, True, True]
    assert marks.label[[0, 1, 3, 4, 5]].tolist() == [1.0, 0.25, 1.0, 0.0, 0.0]
    assert marks.label.isnan().tolist() == [False, False, True, False, False, False]
    assert marks.outcome[:3].tolist() == [0.0, 0.0, 0.0]
    assert marks.outcome[3:].isnan().all()
    ids = batch.inputs["input_ids"]
    step = network.tokenizer.convert_tokens_to_ids("<|step|>")
    assert (ids[batch.inputs["rows"], batch.inputs["places"]] == step).all()
    assert batch.tokens == batch.inputs["attention_mask"].sum()


@pytest.mark.parametrize("name", NAMES)
def test_outputs_do_not_depend_on_what_else_is_in_the_batch(networks, name):
    network = shaken(networks[name].build())
    short, long = example(solution(OTHER[1], question=OTHER[0])), example(solution())
    with torch.no_grad():
        together = network(**network.encode([short, long]).inputs)
        alone = [network(**network.encode([one]).inputs) for one in (short, long)]
    assert together.numpy() == pytest.approx(torch.cat(alone).numpy(), abs=EXACT)


def test_a_decoder_sees_nothing_behind_a_step_and_a_whole_encoder_does(networks):
    other = (*STEPS[:2], "No, it is 12.")
    for name, same in (("decoder", True), ("verdicts", True), ("pair", True), ("whole", False)):
        network = shaken(networks[name].build())
        with torch.no_grad():
            one, two = (
                network(**network.encode([example(solution(steps))]).inputs)[:2]
                for steps in (STEPS, other)
            )
        assert torch.allclose(one, two, atol=EXACT) == same, name


def test_a_verdict_is_a_share_of_two_tokens(networks):
    network = networks["verdicts"].build().eval()
    batch = network.encode([example(solution())])
    with torch.no_grad():
        outputs = network(**batch.inputs)
        logits = network.model(input_ids=batch.inputs["input_ids"]).logits
    good, bad = (network.tokenizer.encode(one)[0] for one in ("7", "5"))
    shares = logits[0, batch.inputs["places"]][:, [good, bad]].softmax(-1)[:, 0]
    assert outputs.sigmoid()[:, 0].numpy() == pytest.approx(shares.numpy(), abs=EXACT)


# ------------------------------------------------------------------------------ too long


def test_what_is_too_long_is_refused_or_cut_at_a_step(networks):
    for name in ("decoder", "whole", "pair"):
        tokens = networks[name].build().encode([example(solution())]).inputs["input_ids"].shape[1]
        exact = replace(networks[name], longest=tokens).build()
        assert len(exact.encode([example(solution())]).marks.step) == 3
        short = replace(networks[name], longest=tokens - 1)
        with pytest.raises(InputError, match=f"at most {tokens - 1} tokens"):
            short.build().encode([example(solution())])
        network = replace(short, cut=True).build()
        batch = network.encode([example(solution(), solution(STEPS[:1]))])
        assert batch.marks.step.tolist() == [0, 1, 0], name
        assert batch.marks.last.tolist() == [False, False, True]
        assert batch.inputs["input_ids"].shape[1] < tokens
        ids = batch.inputs["input_ids"][0]
        if name == "whole":
            assert network.tokenizer.sep_token_id == ids[batch.inputs["attention_mask"][0] > 0][-1]


def test_what_is_left_out_is_counted_and_on_the_card(networks, tmp_path):
    """Each of four solutions loses its last step, but the short one."""
    fits = networks["decoder"].build().encode([example(solution())]).inputs["input_ids"].shape[1]
    short = replace(networks["decoder"], longest=fits - 1, cut=True)
    names = ("Bob has", "Sue has", "Tom has")
    bob, sue, tom = (QUESTION.replace("Ann has", name) for name in names)
    held_out = [solution()]
    train = [solution(question=bob), solution(STEPS[:1], question=sue), solution(question=tom)]
    some = Settings(steps=1, batch=2, every=1, warmup=1)
    assert fit(short, PRM(), train, held_out, some, tmp_path / "a").left_out == 3
    assert "steps left out for their length: 3" in (tmp_path / "a" / "card.md").read_text()
    assert fit(networks["decoder"], PRM(), train, held_out, some, tmp_path / "b").left_out == 0


def test_a_batch_without_any_mark_is_refused(networks):
    network = replace(networks["decoder"], longest=10, cut=True).build()
    with pytest.raises(InputError, match="none of the 1 examples"):
        network.encode([example(solution())])


def test_what_stands_behind_the_last_mark_of_a_decoder_is_not_read(networks):
    full = networks["decoder"].build()
    first = full.encode([example(solution(STEPS[:1]))]).inputs["input_ids"].shape[1]
    network = replace(networks["decoder"], longest=first).build()
    batch = network.encode([example(solution(), places=((0,),))])
    assert batch.tokens == first


# ------------------------------------------------------------------------------ bad input


def test_a_tokenizer_without_the_step_token_is_refused_before_the_first_step(encoder):
    for settings in (
        Causal(tiny.folder("qwen2")),
        Encoder(encoder, whole=True, longest=64),
        Encoder(encoder, longest=64),
    ):
        with pytest.raises(InputError, match="expected a tokenizer with the token"):
            settings.build()


def test_added_tokens_get_rows_and_others_keep_theirs():
    start = tiny.network("qwen2").get_input_embeddings().weight
    network = Causal(tiny.folder("qwen2"), step_token="<|more|>", add_tokens=True).build()
    table = network.model.get_input_embeddings().weight
    number = network.tokenizer.convert_tokens_to_ids("<|more|>")
    assert number < len(table)
    kept = min(len(start), number)
    assert torch.equal(table[:kept], start[:kept])


def test_a_table_that_is_too_small_grows(tmp_path):
    words = tiny.tokenizer()
    words.save_pretrained(tmp_path)
    tiny.network("qwen2", words=len(words)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="add_tokens=True"):
        Causal(str(tmp_path)).build()
    one, two, other = (
        Causal(str(tmp_path), add_tokens=True, seed=seed).build().model for seed in (1, 1, 2)
    )
    tables = [model.get_input_embeddings().weight for model in (one, two, other)]
    assert len(tables[0]) == len(words) + 1
    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0][-1], tables[2][-1])


def test_another_architecture_is_refused(encoder, tmp_path):
    with pytest.raises(InputError, match="cannot be loaded"):
        Causal(encoder, add_tokens=True, verdict=("7", "5")).build()
    with pytest.raises(InputError, match="expected an encoder's tokenizer"):
        Encoder(tiny.folder("qwen2"), longest=64).build()
    words = tiny.tokenizer(special=("<|step|>",))
    words.save_pretrained(tmp_path)
    tiny.network("qwen2", "AutoModelForTokenClassification", num_labels=2).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"cannot be loaded|number\(s\) for each token"):
        Causal(str(tmp_path)).build()
    Causal(str(tmp_path), outputs=2).build()


def test_a_start_without_its_body_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny.folder("qwen2"), tmp_path, dirs_exist_ok=True)
    held = load_file(tmp_path / "model.safetensors")
    gone = next(name for name in held if "layers.1.mlp" in name)
    held.pop(gone)
    save_file(held, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"checkpoint lacks model\.layers\.1\.mlp"):
        Causal(str(tmp_path), add_tokens=True).build()


def test_more_than_the_model_reads_is_refused(encoder):
    with pytest.raises(InputError, match=f"at most {tiny.CONTEXT} tokens"):
        Encoder(encoder, longest=tiny.CONTEXT + 1, add_tokens=True).build()
    with pytest.raises(InputError, match=f"at most {tiny.CONTEXT} tokens"):
        Causal(tiny.folder("qwen2"), longest=tiny.CONTEXT + 1, add_tokens=True).build()
    long = example(solution([f"The answer is {number}." for number in range(100)]))
    network = Causal(tiny.folder("qwen2"), add_tokens=True).build()
    with pytest.raises(InputError, match=f"at most {tiny.CONTEXT} tokens"):
        network.encode([long])


def test_an_empty_step_is_refused_with_its_problem(networks):
    for name in ("decoder", "whole", "pair"):
        with pytest.raises(InputError, match=r"problem 'Ann has .*step 1 of \d is empty"):
            networks[name].build().encode([example(solution((" ", "The answer is 7.")))])


def test_a_verdict_of_words_that_are_no_tokens_is_refused():
    with pytest.raises(InputError, match="one token each"):
        Causal(tiny.folder("qwen2"), step_token="\n", verdict=("wrong answer", "7")).build()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Encoder(" "), "model: expected a folder"),
        (lambda: Encoder("x", width=10, heads=4), "multiple of heads"),
        (lambda: Encoder("x", layers=0), "layers"),
        (lambda: Encoder("x", longest=7), "longest"),
        (lambda: Encoder("x", dropout=1.0), "dropout"),
        (lambda: Encoder("x", step_token=" "), "step_token"),
        (lambda: Encoder("x", whole=1), "whole"),
        (lambda: Encoder("x", seed=-1), "seed"),
        (lambda: Causal(""), "model: expected a folder"),
        (lambda: Causal("x", step_token=""), "step_token"),
        (lambda: Causal("x", verdict=("+",)), "verdict"),
        (lambda: Causal("x", verdict=("+", "+")), "verdict"),
        (lambda: Causal("x", verdict=("+", "-"), outputs=2), "outputs: expected 1"),
        (lambda: Causal("x", outputs=3), "outputs"),
        (lambda: Causal("x", cut="yes"), "cut"),
        (lambda: Causal("x", longest=-1), "longest"),
    ],
)
def test_settings_out_of_range_are_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_settings_have_a_text(networks):
    for settings in networks.values():
        assert parse(name_of(settings), "network") == settings


# ------------------------------------------------------------------------------ training


def fitted(network, examples, steps=40, rate=1e-2):
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    batch = network.encode(examples)
    for _ in range(steps):
        outputs = network(**batch.inputs)[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(outputs, batch.marks.label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@pytest.mark.parametrize("name", ["pair", "whole", "new", "decoder", "verdicts"])
def test_each_kind_learns_what_it_is_shown_body_and_head(networks, name):
    network = networks[name].build().train()
    start = {key: one.detach().clone() for key, one in network.named_parameters()}
    shown = [example(solution(labels=(1.0, 0.0, 1.0))), example(solution(STEPS[:1], (1.0,)))]
    assert fitted(network, shown) < 0.1
    changed = {key for key, one in network.named_parameters() if not torch.equal(one, start[key])}
    assert any("layer" in key or ".h." in key for key in changed)
    if name != "verdicts":
        assert any("classifier" in key or "score" in key for key in changed)


@pytest.mark.parametrize("name", ["pair", "decoder", "new"])
def test_dropout_is_off_unless_asked_for(networks, name):
    settings = networks[name]
    for share, same in ((0.0, True), (0.5, False)):
        network = replace(settings, dropout=share).build().train()
        batch = network.encode([example(solution())])
        one, two = network(**batch.inputs), network(**batch.inputs)
        assert torch.equal(one, two) == same


def test_a_seed_settles_new_weights(networks):
    torch.manual_seed(0)
    expected = torch.rand(3)
    for name in ("pair", "new", "decoder"):
        torch.manual_seed(0)
        one, two = networks[name].build(), networks[name].build()
        other = replace(networks[name], seed=7).build()
        assert torch.equal(torch.rand(3), expected)  # the draws of everything else go on
        pairs = zip(one.parameters(), two.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
        pairs = zip(one.parameters(), other.parameters(), strict=True)
        assert not all(torch.equal(a, b) for a, b in pairs)


# ------------------------------------------------------------------------------ words


def test_words_are_trained_on_texts_the_same_each_time():
    texts = [QUESTION, *STEPS, *tiny.TEXT]
    one, two = (trained_words(iter(texts * 3), 320, ("[STEP]",)) for _ in range(2))
    assert one.get_vocab() == two.get_vocab()
    assert len(one) <= 320
    asked = "Überall 1205 cafés: 3 € [STEP]"
    ids = one.encode(asked, add_special_tokens=False)
    assert one.decode(ids) == asked
    pieces = one.convert_ids_to_tokens(ids)
    assert pieces.count("[STEP]") == 1
    assert all(sum(letter.isdigit() for letter in piece) <= 1 for piece in pieces)
    assert len(one.encode("answer")) < len("answer")
    with pytest.raises(InputError, match="at least 260 tokens"):
        trained_words(iter(texts), 259, ("[STEP]",))


def test_a_shape_is_of_a_new_encoder_only(encoder, labels):
    network = Encoder(labels, vocabulary=280, width=24, layers=3, heads=2, longest=64).build()
    config = network.model.config
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (24, 3, 2)
    assert config.vocab_size == len(network.tokenizer) <= 280
    with pytest.raises(InputError, match="width, layers: expected none together with"):
        Encoder(encoder, add_tokens=True, longest=64, width=64, layers=2).build()


def test_a_file_that_holds_no_labelled_solutions_is_refused(tmp_path):
    path = tmp_path / "texts.jsonl"
    for text in ("{}\n", "no\n", "[]\n"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"texts\.jsonl"):
            Encoder(str(path)).build()
