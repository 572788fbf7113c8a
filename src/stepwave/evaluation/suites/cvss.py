"""The suite `cvss`: speech-to-speech translation between English and Chinese, as in table 4 of the report.

The spoken answer is written down by the listener and scored by BLEU (ASR-BLEU). The report names neither its listener
nor its normalisation. CVSS itself only goes into English. The report doesn't say what its English-to-Chinese figure was
measured on; here it is CoVoST 2's English-to-Chinese test set answered aloud, from whose other directions CVSS is made.
"""

from functools import partial
from typing import Final

from stepwave.evaluation.declaration import Check, Suite
from stepwave.evaluation.material.translations import covost, cvss
from stepwave.evaluation.scoring.translation import ASR_BLEU

SUITE: Final = Suite(
    "cvss",
    "spoken translation of speech, CVSS: BLEU of what the listener hears",
    (
        Check(
            "cvss-en-zh",
            "spoken translation of English into Chinese",
            "CoVoST 2 test, since CVSS has no such direction: the report's own set is not told",
            partial(covost, source="en", target="zh-CN"),
            "translate_aloud",
            (ASR_BLEU,),
            data="CoVoST 2 (github.com/facebookresearch/covost) en_zh-CN test",
        ),
        Check(
            "cvss-zh-en",
            "spoken translation of Chinese into English",
            "CVSS-C zh-CN test, Chinese recordings of Common Voice 4",
            cvss,
            "translate_aloud",
            (ASR_BLEU,),
            data="CVSS-C (github.com/google-research-datasets/cvss) zh-CN_en test",
        ),
    ),
)
