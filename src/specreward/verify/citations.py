"""BibTeX of the papers that several files of this folder come from."""

from __future__ import annotations

__all__ = [
    "CHAIN_OF_THOUGHT",
    "GRACE",
    "LETS_VERIFY",
    "OVM",
    "RAP",
    "SPECULATIVE_REWARD_MODEL",
    "TEST_TIME_COMPUTE",
    "TREE_OF_THOUGHTS",
]

SPECULATIVE_REWARD_MODEL = """@inproceedings{gu2025speculative,
  title = {Speculative Reward Model Boosts Decision Making Ability of {LLM}s Cost-Effectively},
  author = {Gu, Jiawei and Liang, Shangsong},
  booktitle = {Proceedings of the 63rd Annual Meeting of the Association for Computational
               Linguistics (Volume 6: Industry Track)},
  year = {2025},
  note = {arXiv:2506.00396}
}"""

TREE_OF_THOUGHTS = """@inproceedings{yao2023tree,
  title = {Tree of Thoughts: Deliberate Problem Solving with Large Language Models},
  author = {Yao, Shunyu and Yu, Dian and Zhao, Jeffrey and Shafran, Izhak and
            Griffiths, Thomas L. and Cao, Yuan and Narasimhan, Karthik},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2023},
  note = {arXiv:2305.10601}
}"""

LETS_VERIFY = """@misc{lightman2023lets,
  title = {Let's Verify Step by Step},
  author = {Lightman, Hunter and Kosaraju, Vineet and Burda, Yura and Edwards, Harri and
            Baker, Bowen and Lee, Teddy and Leike, Jan and Schulman, John and
            Sutskever, Ilya and Cobbe, Karl},
  year = {2023},
  note = {arXiv:2305.20050}
}"""

RAP = """@inproceedings{hao2023reasoning,
  title = {Reasoning with Language Model is Planning with World Model},
  author = {Hao, Shibo and Gu, Yi and Ma, Haodi and Hong, Joshua Jiahua and Wang, Zhen and
            Wang, Daisy Zhe and Hu, Zhiting},
  booktitle = {Conference on Empirical Methods in Natural Language Processing},
  year = {2023},
  note = {arXiv:2305.14992}
}"""

CHAIN_OF_THOUGHT = """@inproceedings{wei2022chain,
  title = {Chain-of-Thought Prompting Elicits Reasoning in Large Language Models},
  author = {Wei, Jason and Wang, Xuezhi and Schuurmans, Dale and Bosma, Maarten and
            Ichter, Brian and Xia, Fei and Chi, Ed and Le, Quoc and Zhou, Denny},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2022},
  eprint = {2201.11903}
}"""

GRACE = """@inproceedings{khalifa2023grace,
  title = {{GRACE}: Discriminator-Guided Chain-of-Thought Reasoning},
  author = {Khalifa, Muhammad and Logeswaran, Lajanugen and Lee, Moontae and Lee, Honglak and
            Wang, Lu},
  booktitle = {Findings of the Association for Computational Linguistics: EMNLP 2023},
  year = {2023},
  eprint = {2305.14934}
}"""

OVM = """@inproceedings{yu2024ovm,
  title = {{OVM}, Outcome-supervised Value Models for Planning in Mathematical Reasoning},
  author = {Yu, Fei and Gao, Anningzhe and Wang, Benyou},
  booktitle = {Findings of the Association for Computational Linguistics: NAACL 2024},
  year = {2024},
  eprint = {2311.09724}
}"""

TEST_TIME_COMPUTE = """@article{snell2024scaling,
  title = {Scaling {LLM} Test-Time Compute Optimally can be More Effective than Scaling Model
           Parameters},
  author = {Snell, Charlie and Lee, Jaehoon and Xu, Kelvin and Kumar, Aviral},
  journal = {arXiv preprint arXiv:2408.03314},
  year = {2024}
}"""
