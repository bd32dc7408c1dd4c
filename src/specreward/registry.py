"""The table of names: what an object is called in text, and where its class lives.

Names come from one static table, whose modules are imported on use, then from installed packages
that declare the entry-point group ``specreward.plugins``. The kinds are the protocols of the
package in lower case: an object of the kind ``verifier`` is what a field annotated ``Verifier``
takes. A plugin's kind is not known before it is loaded, so that its kind is ``plugin``, and it is
taken anywhere. A plugin with the name of a built-in object is passed over with a warning.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from specreward.errors import InputError, nearest

__all__ = ["PLUGIN", "kind_of", "kinds", "load", "name_of_class", "registered"]

_GROUP = "specreward.plugins"

PLUGIN = "plugin"
"""The kind of what other packages bring."""

_TABLE: Mapping[str, Mapping[str, str]] = {
    "strategy": {
        "ab_mcts": "specreward.search.ab_mcts:ABMCTS",
        "ab_mcts_m": "specreward.search.ab_mcts_m:ABMCTSM",
        "beam": "specreward.search.beam:Beam",
        "best_first": "specreward.search.best_first:BestFirst",
        "best_of_n": "specreward.search.best_of_n:BestOfN",
        "bfs": "specreward.search.bfs:BFS",
        "chain_in_tree": "specreward.search.chain_in_tree:ChainInTree",
        "cot": "specreward.search.chain_of_thought:ChainOfThought",
        "dfs": "specreward.search.dfs:DFS",
        "dvts": "specreward.search.dvts:DVTS",
        "grace": "specreward.search.grace:GRACE",
        "greedy": "specreward.search.greedy:Greedy",
        "gsi": "specreward.search.speculative.gsi:GSI",
        "hgs": "specreward.search.hgs:HGS",
        "mcts": "specreward.search.mcts:MCTS",
        "mutual_consistency": "specreward.search.mutual_consistency:MutualConsistency",
        "ovm": "specreward.search.ovm:OVM",
        "particles": "specreward.search.particles:Particles",
        "pessimism": "specreward.search.pessimism:Pessimism",
        "qalign": "specreward.search.qalign:QAlign",
        "rebase": "specreward.search.rebase:REBASE",
        "rest_mcts": "specreward.search.rest_mcts:ReSTMCTS",
        "rsd": "specreward.search.speculative.rsd:RSD",
        "self_consistency": "specreward.search.self_consistency:SelfConsistency",
        "soft_best_of_n": "specreward.search.soft_best_of_n:SoftBestOfN",
        "specs": "specreward.search.speculative.specs:SPECS",
        "srm_steps": "specreward.search.speculative.srm_steps:SRMSteps",
        "stepwise": "specreward.search.speculative.stepwise:Stepwise",
        "truncated_rejection": "specreward.search.truncated_rejection:TruncatedRejection",
        "universal_self_consistency": (
            "specreward.search.universal_self_consistency:UniversalSelfConsistency"
        ),
    },
    "verifier": {
        "likelihood_and_reward": "specreward.verify.likelihood_and_reward:LikelihoodAndReward",
        "lookahead": "specreward.verify.lookahead:Lookahead",
        "rap_evaluation": "specreward.verify.rap_evaluation:RapEvaluation",
        "scored": "specreward.verify.scored:RewardScores",
        "self_evaluation": "specreward.verify.self_evaluation:SelfEvaluation",
        "speculative": "specreward.verify.speculative:Speculative",
        "threshold": "specreward.verify.threshold:Threshold",
    },
    "proposal": {
        "geometric_mean": "specreward.verify.proposal:GeometricMean",
        "log_probability": "specreward.verify.proposal:LogProbability",
        "sample_frequency": "specreward.verify.proposal:SampleFrequency",
    },
    "target": {
        "luce": "specreward.verify.target:Luce",
        "raw_reward": "specreward.verify.target:RawReward",
        "reward_share": "specreward.verify.target:RewardShare",
        "reward_tilt": "specreward.verify.target:RewardTilt",
    },
    "ratio": {
        "llm_over_srm": "specreward.verify.ratio:LlmOverSrm",
        "srm_over_llm": "specreward.verify.ratio:SrmOverLlm",
    },
    "consistency": {
        "reciprocal": "specreward.verify.consistency:Reciprocal",
        "symmetric": "specreward.verify.consistency:Symmetric",
    },
    "accept": {
        "at_least": "specreward.verify.accept:AtLeast",
        "everything": "specreward.verify.accept:Everything",
        "select_one": "specreward.verify.select_one:SelectOne",
        "thin": "specreward.verify.accept:Thin",
        "tilted": "specreward.verify.tilted:Tilted",
    },
    "redraw": {"redraw": "specreward.verify.redraw:Redraw"},
    "weight": {
        "by_power": "specreward.search.speculative.weights:ByPower",
        "by_reward": "specreward.search.speculative.weights:ByReward",
        "by_tilted_reward": "specreward.search.speculative.weights:ByTiltedReward",
    },
    "selector": {
        "by_margin": "specreward.search.speculative.selectors:ByMargin",
        "by_rejection": "specreward.search.speculative.selectors:ByRejection",
        "in_proportion": "specreward.search.speculative.selectors:InProportion",
        "poisson_rejection": "specreward.search.speculative.selectors:PoissonRejection",
        "the_best": "specreward.search.speculative.selectors:TheBest",
    },
    "gate": {
        "candidate_gate": "specreward.search.speculative.gates:CandidateGate",
        "open_gate": "specreward.search.speculative.gates:OpenGate",
        "pool_gate": "specreward.search.speculative.gates:PoolGate",
        "prefix_gate": "specreward.search.speculative.gates:PrefixGate",
        "reward_gate": "specreward.search.speculative.gates:RewardGate",
    },
    "acceptance": {
        "clipped": "specreward.search.speculative.acceptance:Clipped",
        "constant": "specreward.search.speculative.acceptance:Constant",
        "logistic": "specreward.search.speculative.acceptance:Logistic",
        "odds": "specreward.search.speculative.acceptance:Odds",
        "step_at": "specreward.search.speculative.acceptance:StepAt",
    },
    "memory": {
        "chains": "specreward.search.speculative.memory:Chains",
        "keep_best": "specreward.search.speculative.memory:KeepBest",
    },
    "branching": {
        "judge_agrees": "specreward.search.branching:JudgeAgrees",
        "samples_agree": "specreward.search.branching:SamplesAgree",
    },
    "block": {"block": "specreward.search.speculative.writing:Block"},
    "stopping": {
        "never": "specreward.search.stopping:Never",
        "score_reached": "specreward.search.stopping:ScoreReached",
        "vote_decided": "specreward.search.stopping:VoteDecided",
        "window_agrees": "specreward.search.stopping:WindowAgrees",
    },
    "posterior": {
        "beta_posterior": "specreward.search.posteriors:BetaPosterior",
        "gaussian_posterior": "specreward.search.posteriors:GaussianPosterior",
    },
    "potential": {
        "reward_growth": "specreward.search.potentials:RewardGrowth",
        "reward_odds": "specreward.search.potentials:RewardOdds",
    },
    "resampler": {
        "multinomial": "specreward.search.resampling:Multinomial",
        "systematic": "specreward.search.resampling:Systematic",
    },
    "pick": {
        "answer_aggregation": "specreward.search.pick:AnswerAggregation",
        "highest": "specreward.search.pick:Highest",
        "majority_vote": "specreward.search.pick:MajorityVote",
        "max_reward": "specreward.search.pick:MaxReward",
        "softmax_vote": "specreward.search.pick:SoftmaxVote",
        "weighted_vote": "specreward.search.pick:WeightedVote",
    },
    "task": {
        "aqua": "specreward.tasks.aqua:AQuA",
        "arithmetic": "specreward.tasks.arithmetic:Arithmetic",
        "blocksworld": "specreward.tasks.blocksworld:Blocksworld",
        "few_shot": "specreward.tasks.few_shot:FewShot",
        "finqa": "specreward.tasks.finqa:FinQA",
        "game24": "specreward.tasks.game24:Game24",
        "gsm8k": "specreward.tasks.gsm8k:GSM8K",
        "math": "specreward.tasks.math:Math",
        "prontoqa": "specreward.tasks.prontoqa:ProntoQA",
        "qa": "specreward.tasks.qa:QA",
        "strategyqa": "specreward.tasks.strategyqa:StrategyQA",
    },
    "form": {
        "program": "specreward.tasks.finqa_program:Program",
        "step_by_step": "specreward.tasks.forms:StepByStep",
        "subquestions": "specreward.tasks.forms:Subquestions",
    },
    "checker": {
        "choice": "specreward.tasks.checkers:Choice",
        "exact": "specreward.tasks.checkers:Exact",
        "maths": "specreward.tasks.checkers:Maths",
        "numeric": "specreward.tasks.checkers:Numeric",
        "python_file": "specreward.tasks.checkers:PythonFile",
    },
    "languagemodel": {
        "embedded_draft": "specreward.embedded:EmbeddedDraft",
        "embedded_policy": "specreward.embedded:EmbeddedPolicy",
        "openai": "specreward.generate.openai:OpenAI",
        "transformers": "specreward.generate.hf.engine:Transformers",
    },
    "dialect": {
        "llama_cpp": "specreward.generate.dialects:LlamaCpp",
        "ollama": "specreward.generate.dialects:Ollama",
        "openai_api": "specreward.generate.dialects:OpenAIAPI",
        "sglang": "specreward.generate.dialects:SGLang",
        "vllm": "specreward.generate.dialects:VLLM",
    },
    "route": {
        "chat": "specreward.generate.routes:Chat",
        "completions": "specreward.generate.routes:Completions",
    },
    "tokenlaw": {
        "not_given": "specreward.generate.token_law:NotGiven",
        "processed": "specreward.generate.token_law:Processed",
        "raw": "specreward.generate.token_law:Raw",
    },
    "retry": {"backoff": "specreward.generate.retry:Backoff"},
    "rewardmodel": {
        "athena_prm": "specreward.reward.published.athena_prm:AthenaPRM",
        "cascade": "specreward.reward.cascade:Cascade",
        "classify": "specreward.reward.remote.classify:Classify",
        "cloud": "specreward.reward.published.cloud:CLoud",
        "embedded_srm": "specreward.embedded:EmbeddedSRM",
        "encoder_srm": "specreward.reward.published.encoder_srm:EncoderSRM",
        "genrm": "specreward.reward.judges.genrm:GenRM",
        "http_reward": "specreward.reward.remote.http:HTTPReward",
        "implicit_prm": "specreward.reward.judges.implicit_prm:ImplicitPRM",
        "llm_judge": "specreward.reward.judges.llm_judge:LLMJudge",
        "math_shepherd": "specreward.reward.published.math_shepherd:MathShepherd",
        "pooling": "specreward.reward.remote.pooling:Pooling",
        "qwen_prm": "specreward.reward.published.qwen_prm:QwenPRM",
        "r_prm": "specreward.reward.judges.r_prm:RPRM",
        "reasonflux_prm": "specreward.reward.published.reasonflux_prm:ReasonFluxPRM",
        "rlhflow_prm": "specreward.reward.published.rlhflow_prm:RLHFlowPRM",
        "rrm": "specreward.reward.judges.rrm:RRM",
        "score": "specreward.reward.remote.score:Score",
        "sequence_classifier": (
            "specreward.reward.published.sequence_classifier:SequenceClassifier"
        ),
        "trained": "specreward.reward.trained:Trained",
        "skywork_prm": "specreward.reward.published.skywork_prm:SkyworkPRM",
    },
    "verdict": {
        "critiques": "specreward.reward.judges.verdicts:Critiques",
        "direct": "specreward.reward.judges.verdicts:Direct",
        "votes": "specreward.reward.judges.verdicts:Votes",
    },
    "grading": {
        "pairwise": "specreward.reward.judges.llm_judge:Pairwise",
        "rating": "specreward.reward.judges.llm_judge:Rating",
    },
    "tournament": {
        "elo": "specreward.reward.judges.tournament:Elo",
        "knockout": "specreward.reward.judges.tournament:Knockout",
        "round_robin": "specreward.reward.judges.tournament:RoundRobin",
    },
    "unsure": {"between": "specreward.reward.cascade:Between"},
    "conversation": {
        "messages": "specreward.reward.remote.conversation:Messages",
        "plain_text": "specreward.reward.remote.conversation:PlainText",
    },
    "labeller": {
        "athena": "specreward.label.athena:Athena",
        "by_reward": "specreward.label.by_reward:ByReward",
        "exact_steps": "specreward.label.exact_steps:ExactSteps",
        "monte_carlo": "specreward.label.monte_carlo:MonteCarlo",
        "omega_prm": "specreward.label.omega_prm:OmegaPRM",
        "relative_progress": "specreward.label.relative_progress:RelativeProgress",
        "rest_values": "specreward.label.rest_values:ReSTValues",
        "tree_values": "specreward.label.tree_values:TreeValues",
    },
    "splitter": {
        "adaptive_steps": "specreward.label.adaptive_steps:AdaptiveSteps",
        "as_given": "specreward.label.splitting:AsGiven",
        "by_delimiter": "specreward.label.splitting:ByDelimiter",
    },
    "format": {
        "math_shepherd_format": "specreward.label.formats.math_shepherd:MathShepherdFormat",
        "omega_format": "specreward.label.formats.omega:OmegaFormat",
        "own_format": "specreward.label.formats.own:OwnFormat",
        "prm800k_format": "specreward.label.formats.prm800k:PRM800KFormat",
        "prmbench_format": "specreward.label.formats.prmbench:PRMBenchFormat",
        "processbench_format": "specreward.label.formats.processbench:ProcessBenchFormat",
        "stepwise_format": "specreward.label.formats.stepwise:StepwiseFormat",
    },
    "objective": {
        "birm": "specreward.train.objectives.birm:BiRM",
        "orm": "specreward.train.objectives.orm:ORM",
        "pairwise_orm": "specreward.train.objectives.pairwise_orm:PairwiseORM",
        "prm": "specreward.train.objectives.prm:PRM",
        "spr": "specreward.train.objectives.spr:SPR",
        "srm": "specreward.train.objectives.srm:SRM",
        "srm_plus": "specreward.train.objectives.srm_plus:SRMPlus",
        "td": "specreward.train.objectives.td:TD",
    },
    "network": {
        "causal": "specreward.train.networks.causal:Causal",
        "encoder": "specreward.train.networks.encoder:Encoder",
        "log_ratio": "specreward.train.networks.log_ratio:LogRatio",
        "reflective": "specreward.train.networks.reflective:Reflective",
        "small_decoder": "specreward.train.networks.small_decoder:SmallDecoder",
    },
    "calibration": {
        "isotonic": "specreward.train.calibration:Isotonic",
        "temperature": "specreward.train.calibration:Temperature",
    },
    "benchmark": {
        "acemath_rewardbench": "specreward.bench.acemath_rewardbench:AceMathRewardBench",
        "bigbench_mistake": "specreward.bench.bigbench_mistake:BIGBenchMistake",
        "evalbiasbench": "specreward.bench.evalbiasbench:EvalBiasBench",
        "jetts": "specreward.bench.jetts:JETTS",
        "judgebench": "specreward.bench.judgebench:JudgeBench",
        "llmbar": "specreward.bench.llmbar:LLMBar",
        "mr_ben": "specreward.bench.mr_ben:MRBen",
        "mt_bench": "specreward.bench.mt_bench:MTBench",
        "pandalm": "specreward.bench.pandalm:PandaLM",
        "ppe": "specreward.bench.ppe:PPE",
        "prmbench": "specreward.bench.prmbench:PRMBench",
        "processbench": "specreward.bench.processbench:ProcessBench",
        "rag_rewardbench": "specreward.bench.rag_rewardbench:RAGRewardBench",
        "recorded_pool": "specreward.bench.recorded_pool:RecordedPool",
        "rewardbench": "specreward.bench.rewardbench:RewardBench",
        "rewardmath": "specreward.bench.rewardmath:RewardMATH",
        "rm_bench": "specreward.bench.rm_bench:RMBench",
        "rmb": "specreward.bench.rmb:RMB",
    },
    "aggregate": {
        "geometric": "specreward.reward.aggregate:Geometric",
        "highest_step": "specreward.reward.aggregate:HighestStep",
        "last": "specreward.reward.aggregate:Last",
        "mean": "specreward.reward.aggregate:Mean",
        "minimum": "specreward.reward.aggregate:Minimum",
        "product": "specreward.reward.aggregate:Product",
    },
}


def _kind_by_name() -> dict[str, str]:
    table = {name: kind for kind, rows in _TABLE.items() for name in rows}
    return dict.fromkeys(_plugins(), PLUGIN) | table


@cache
def _plugins() -> dict[str, EntryPoint]:
    """Entry points by name; looked up once, as installed packages do not change in between."""
    found: dict[str, EntryPoint] = {}
    taken = {name for rows in _TABLE.values() for name in rows}
    for point in entry_points(group=_GROUP):
        if not point.name.isidentifier() or point.name in taken:
            why = "the name is taken" if point.name in taken else "the name is no identifier"
            warnings.warn(f"plugin {point.name!r} ({point.value}) passed over: {why}", stacklevel=2)
        else:
            found.setdefault(point.name, point)
    return found


def kinds() -> tuple[str, ...]:
    """The kinds of registered objects; ``plugin`` stands for what other packages bring."""
    return (*_TABLE, PLUGIN)


def registered(kind: str | None = None) -> tuple[str, ...]:
    """The registered names, sorted; of one kind, or of all.

    Raises:
        UnknownName: There is no such kind.
    """
    if kind is not None and kind not in kinds():
        raise nearest(kind, kinds(), "kind")
    return tuple(sorted(n for n, own in _kind_by_name().items() if kind is None or own == kind))


def kind_of(name: str) -> str:
    """The kind of a registered name.

    Raises:
        UnknownName: The name is not registered.
    """
    known = _kind_by_name()
    if name not in known:
        raise nearest(name, known, "name")
    return known[name]


def load(name: str) -> type:
    """The class behind a registered name, imported now.

    Raises:
        UnknownName: The name is not registered.
        InputError: It belongs to a plugin that cannot be used; the message says which and why.
    """
    kind = kind_of(name)
    if kind == PLUGIN:
        return _load_plugin(_plugins()[name])
    module, _, attribute = _TABLE[kind][name].partition(":")
    found: type = vars(importlib.import_module(module))[attribute]
    return found


def _load_plugin(point: EntryPoint) -> type:
    about = f"plugin {point.name!r} ({point.value})"
    try:
        found = point.load()
    except Exception as error:  # third-party code may fail in any way at import
        raise InputError(
            f"{about} cannot be loaded: {type(error).__name__}: {error}; "
            "mend or uninstall the package that brings it"
        ) from error
    if not (isinstance(found, type) and is_dataclass(found)):
        raise InputError(f"{about}: expected a dataclass, got {found!r}")
    return found


def name_of_class(cls: type) -> str | None:
    """The registered name of a class, or None. A plugin that cannot be loaded is warned of."""
    place = f"{cls.__module__}:{cls.__qualname__}"
    for rows in _TABLE.values():
        for name, target in rows.items():
            if target == place:
                return name
    for name, point in _plugins().items():
        try:
            if point.value == place or _load_plugin(point) is cls:
                return name
        except InputError as error:
            warnings.warn(f"passed over: {error}", stacklevel=3)
    return None
