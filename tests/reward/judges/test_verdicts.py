import asyncio
import math
import re

import pytest

from specreward.abilities import StepScorer
from specreward.engines import ChatPrompt, Completion, Scored
from specreward.errors import EngineError, InputError, RewardError
from specreward.reward.aggregate import Last, Mean
from specreward.reward.judges import RPRM, Critiques, Direct, GenRM, Votes
from specreward.spec import name_of, parse
from specreward.testing import KnownJudge
from specreward.types import RewardModel

from .court import BAD, FAIR, GOOD, POOR, QUALITY, path, scores, wired

LONG = path("Who knows", "It is even", "2 + 2 = 4")


class Texts:
    """Says the same texts in turn, whatever is asked; Yes has the probability of its table."""

    name = "texts"
    parameters = 0

    def __init__(self, *texts, yes=0.5, finish="stop"):
        self.texts, self.yes, self.finish = texts, yes, finish
        self.calls, self.scored = [], []

    async def complete(self, prompts, seeds, sampling):
        self.calls.append((list(prompts), list(seeds), sampling))
        said = [self.texts[i % len(self.texts)] for i in range(len(prompts))]
        return [Completion(text, 3, None, 10, finish=self.finish) for text in said]

    async def logprobs(self, texts):
        self.scored.append(list(texts))
        return [
            Scored(math.log(self.yes / 2 if word == " Yes" else (1 - self.yes) / 2), 10)
            for _, word in texts
        ]


def run(reward, paths):
    return asyncio.run(scores(reward, paths))


def test_direct_shares_the_mass_of_yes_and_no():
    lm = Texts(yes=0.3)
    values, usage = run(GenRM(lm), [GOOD])
    assert values == [pytest.approx(0.3)]
    assert list(usage) == [("judge", "score")]
    assert usage["judge", "score"].calls == 2
    [[(prompt, yes), (same, no)]] = lm.scored
    assert (yes, no) == (" Yes", " No")
    assert prompt == same
    assert isinstance(prompt, ChatPrompt)
    assert [one.role for one in prompt.messages] == ["user", "assistant"]
    assert prompt.messages[1].text == "Is the answer correct (Yes/No)?"
    assert "What is 2 + 2?" in prompt.messages[0].text
    assert "Step 1: 2 + 2 = 4" in prompt.messages[0].text


def test_a_verdict_without_any_probability_for_one_word_is_sure():
    judge = KnownJudge(QUALITY, accuracy=1.0)
    assert run(GenRM(judge), [GOOD, BAD, FAIR, POOR])[0] == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(("yes", "no"), [(math.nan, -1.0), (-math.inf, -math.inf), (0.5, -1.0)])
def test_what_is_no_log_probability_is_refused(yes, no):
    class Broken(Texts):
        async def logprobs(self, texts):
            return [Scored(yes, 1), Scored(no, 1)]

    with pytest.raises(RewardError, match=r"genrm: expected log-probabilities.*mend the engine"):
        run(GenRM(Broken()), [GOOD])


def test_an_engine_without_log_probabilities_is_told_of_votes():
    class Silent(Texts):
        async def logprobs(self, texts):
            raise InputError("no log-probabilities here")

    with pytest.raises(InputError, match="no log-probabilities here") as caught:
        run(GenRM(Silent()), [GOOD])
    assert any("verdict=votes()" in note for note in caught.value.__notes__)


def test_critiques_are_drawn_cut_at_their_verdict_and_rated():
    lm = Texts("Fine.\nVerification: ", "Hm.", yes=0.8)
    values, usage = run(GenRM(lm, verdict=Critiques(2, temperature=0.9, max_tokens=50)), [GOOD])
    assert values == [pytest.approx(0.8)]
    assert usage["judge", "critique"].calls == 2
    assert usage["judge", "critique"].completion_tokens == 6
    assert usage["judge", "score"].calls == 4
    [(prompts, seeds, sampling)] = lm.calls
    assert prompts[0] == prompts[1]
    assert seeds[0] != seeds[1]
    assert (sampling.temperature, sampling.max_tokens) == (0.9, 50)
    assert sampling.stop == ("Is the answer correct (Yes/No)?",)
    begun = [prompt.messages[1].text for prompt, _ in lm.scored[0][::2]]
    assert begun == [
        "Fine.\nVerification: Is the answer correct (Yes/No)?",
        "Hm.\nVerification: Is the answer correct (Yes/No)?",
    ]


def test_the_score_is_the_mean_over_critiques():
    class Moody(Texts):
        async def logprobs(self, texts):
            likes = [0.9 if "Fine" in prompt else 0.2 for prompt, _ in texts]
            return [
                Scored(math.log(p if word == " Yes" else 1 - p), 1)
                for p, (_, word) in zip(likes, texts, strict=True)
            ]

    values, _ = run(GenRM(Moody("Fine.", "Bad.", "Bad."), verdict=Critiques(3)), [GOOD])
    assert values == [pytest.approx((0.9 + 0.2 + 0.2) / 3)]


def test_a_critique_that_is_cut_off_is_drawn_again_then_refused():
    lm = Texts("and so on and", finish="length")
    with pytest.raises(RewardError, match=r"a whole critique.*'and so on and' \(length\).*3 texts"):
        run(GenRM(lm, verdict=Critiques(1)), [GOOD])
    assert len(lm.calls) == 3
    seeds = [seeds[0] for _, seeds, _ in lm.calls]
    assert len(set(seeds)) == 3
    lm = Texts("Verification: ")
    with pytest.raises(RewardError, match=r"a whole critique.*2 texts"):
        run(GenRM(lm, verdict=Critiques(1, tries=2)), [GOOD])


def test_a_judgement_that_is_cut_off_has_no_verdict():
    """What it said on the way there may be the form it was asked for, said over again."""
    lm = Texts("I shall write: Is the answer correct (Yes/No)? Yes, or else", finish="length")
    with pytest.raises(RewardError, match=r"expected '\(Yes/No\)\? Yes'.*\(length\)"):
        run(GenRM(lm, verdict=Votes(2)), [GOOD])


def test_votes_are_the_share_of_yes():
    lm = Texts(
        "Verification: Is the answer correct (Yes/No)? Yes",
        "First (Yes/No)? No, then **Is the answer correct (Yes/No)?** yes.",
        "Verification: Is the answer correct (Yes/No)? No",
        "Verification: Is the answer correct (Yes/No)?\nNo",
    )
    values, usage = run(GenRM(lm, verdict=Votes(4, max_tokens=60)), [GOOD])
    assert values == [0.5]
    assert list(usage) == [("judge", "critique")]
    assert (lm.calls[0][2].max_tokens, lm.calls[0][2].stop) == (60, ())


def test_votes_find_the_accuracy_of_the_judge():
    judge = KnownJudge(QUALITY, accuracy=0.8)
    [right, wrong], _ = run(GenRM(judge, verdict=Votes(400)), [GOOD, BAD])
    assert right == pytest.approx(0.8, abs=0.06)
    assert wrong == pytest.approx(0.2, abs=0.06)


def test_unreadable_votes_are_asked_for_again_with_other_seeds():
    judge = KnownJudge(QUALITY, mute=0.5)
    values, usage = run(GenRM(judge, verdict=Votes(20, temperature=0.0, tries=20)), [GOOD, BAD])
    assert values == [1.0, 0.0]
    first, second = judge.calls[:2]
    assert len(first[0]) == 40
    assert 0 < len(second[0]) < 40
    assert not set(first[1]) & set(second[1])
    assert first[2].temperature == 0.0  # at 0 the same would come again
    assert second[2].temperature == 0.7
    assert usage["judge", "critique"].calls == sum(len(prompts) for prompts, *_ in judge.calls)


def test_unreadable_to_the_end_is_an_error():
    judge = KnownJudge(QUALITY, mute=1.0)
    with pytest.raises(RewardError, match=r"genrm: expected .*Yes.*I cannot say.*2 texts of known"):
        run(GenRM(judge, verdict=Votes(1, tries=2)), [GOOD])


def test_another_seed_is_another_draw():
    judge = KnownJudge(QUALITY, accuracy=0.6)
    found = [run(GenRM(judge, verdict=Votes(50, seed=seed)), [GOOD])[0][0] for seed in range(4)]
    assert len(set(found)) > 1
    found = [run(GenRM(judge, verdict=Critiques(1, seed=seed)), [GOOD])[0][0] for seed in (0, 1)]
    assert judge.calls[-1][1] != judge.calls[-2][1]


def test_a_score_depends_on_its_solution_alone():
    judge = KnownJudge(QUALITY, accuracy=0.6)
    reward = GenRM(judge, verdict=Votes(9))
    together, _ = run(reward, [BAD, GOOD, FAIR, GOOD])
    alone = [run(reward, [one])[0][0] for one in (BAD, GOOD, FAIR, GOOD)]
    assert together == alone
    assert len(judge.calls[0][0]) == 27  # the same solution is judged once


def test_genrm_reads_the_whole_solution_and_its_beginnings():
    judge = KnownJudge(QUALITY, accuracy=0.9)
    reward = wired(GenRM(judge))
    assert isinstance(reward, RewardModel)
    assert isinstance(reward, StepScorer)
    assert asyncio.run(reward.score([LONG])) == [pytest.approx(0.9)]
    assert len(judge.scored[-1]) == 2
    assert asyncio.run(reward.steps([LONG, GOOD])) == [
        [pytest.approx(0.1), pytest.approx(0.9), pytest.approx(0.9)],
        [pytest.approx(0.9)],
    ]


def test_r_prm_judges_each_step_after_those_before_it():
    judge = KnownJudge(QUALITY, accuracy=0.9)
    values, usage = run(RPRM(judge, verdict=Critiques(2)), [LONG, GOOD])
    assert values == [pytest.approx(0.1), pytest.approx(0.9)]  # the worst step
    assert usage["judge", "critique"].calls == 8
    prompt = judge.calls[0][0][4]
    assert re.search(r"Previous steps:\nStep 1: Who knows\nStep 2: It is even\n\nNow step:", prompt)
    assert "Now step:\nStep 3: 2 + 2 = 4" in prompt
    assert "Is the step correct (Yes/No)?" in prompt
    assert "Previous steps:\n(none)" in judge.calls[0][0][0]


def test_r_prm_asks_only_about_the_steps_that_its_score_needs():
    judge = KnownJudge(QUALITY, accuracy=0.9)
    [value], _ = run(RPRM(judge, verdict=Direct(), combine=Last()), [LONG])
    assert value == pytest.approx(0.9)
    assert len(judge.scored[0]) == 2
    [value], _ = run(RPRM(judge, verdict=Direct(), combine=Mean()), [LONG])
    assert value == pytest.approx((0.1 + 0.9 + 0.9) / 3)


def test_a_path_without_a_step_is_refused():
    with pytest.raises(InputError, match="bare problem 'p'"):
        run(GenRM(KnownJudge(QUALITY)), [path()])


@pytest.mark.parametrize(
    "text",
    [
        "genrm(embedded_policy('game24'), verdict=critiques(4, temperature=1.0, tries=2))",
        "genrm(embedded_policy('game24'), verdict=votes(k=3, max_tokens=64, seed=7))",
        "r_prm(embedded_policy('game24'), verdict=direct(), combine=product())",
    ],
)
def test_text_and_back(text):
    judge = parse(text, "rewardmodel")
    assert parse(name_of(judge), "rewardmodel") == judge
    assert judge.names == [judge.lm.name]


@pytest.mark.parametrize(
    "build",
    [
        lambda: Critiques(0),
        lambda: Critiques(temperature=-1),
        lambda: Votes(0),
        lambda: Votes(max_tokens=0),
        lambda: Votes(tries=0),
        lambda: GenRM(KnownJudge({}), verdict=None),
        lambda: RPRM(KnownJudge({}), combine=None),
    ],
)
def test_settings_out_of_range_are_refused(build):
    with pytest.raises(InputError):
        build()


def test_an_engine_that_loses_answers_is_named():
    class Short(Texts):
        concurrency = 1  # elsewhere, so that nothing is merged for it

        async def complete(self, prompts, seeds, sampling):
            return []

        async def logprobs(self, texts):
            return []

    with pytest.raises(EngineError, match="texts: expected 2 "):
        run(GenRM(Short()), [GOOD])
    with pytest.raises(EngineError, match="texts: expected 8 completions"):
        run(GenRM(Short(), verdict=Votes()), [GOOD])


def test_the_wired_judge_says_what_it_is():
    said = repr(wired(GenRM(KnownJudge(QUALITY), verdict=Votes(3))))
    assert "Votes(k=3" in said
    assert "known-judge" in said
    assert " at 0x" not in said
