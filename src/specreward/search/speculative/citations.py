"""BibTeX of the papers that several files of this folder come from."""

from __future__ import annotations

__all__ = ["GSI_PAPER", "RSD_PAPER", "SPECS_PAPER"]

GSI_PAPER = """@misc{geuter2025guided,
  title = {Guided Speculative Inference for Efficient Test-Time Alignment of {LLM}s},
  author = {Geuter, Jonathan and Mroueh, Youssef and Alvarez-Melis, David},
  year = {2025},
  note = {arXiv:2506.04118}
}"""

RSD_PAPER = """@misc{liao2025reward,
  title = {Reward-Guided Speculative Decoding for Efficient {LLM} Reasoning},
  author = {Liao, Baohao and Xu, Yuhui and Dong, Hanze and Li, Junnan and Monz, Christof and
            Savarese, Silvio and Sahoo, Doyen and Xiong, Caiming},
  year = {2025},
  note = {arXiv:2501.19324}
}"""

SPECS_PAPER = """@misc{cemri2025specs,
  title = {{SPECS}: Faster Test-Time Scaling through Speculative Drafts},
  author = {Cemri, Mert and Rajaraman, Nived and Tiwari, Rishabh and others},
  year = {2025},
  note = {arXiv:2506.15733}
}"""
