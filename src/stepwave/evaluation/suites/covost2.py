"""The suite `covost2`: speech-to-text translation between English and Chinese, as in table 4 of the report.

BLEU of CoVoST 2's test sets by sacreBLEU, with its signature in the report; the report tells no tokenizer or
normaliser, and here Chinese is scored by characters (`zh`), English by `13a`, both with case and marks. A model is told
what it was trained to be told: the released one "Please listen carefully to this audio and then translate its content
into ..." (the prompt of the official examples), nano its own.
"""

from functools import partial
from typing import Final

from stepwave.evaluation.declaration import Check, Suite
from stepwave.evaluation.material.translations import covost
from stepwave.evaluation.scoring.translation import BLEU

SUITE: Final = Suite(
    "covost2",
    "written translation of speech, CoVoST 2: BLEU",
    (
        Check(
            "covost2-en-zh",
            "translation of English into Chinese",
            "CoVoST 2 test, English recordings of Common Voice 4 and their translations",
            partial(covost, source="en", target="zh-CN"),
            "translate",
            (BLEU,),
            data="CoVoST 2 (github.com/facebookresearch/covost) en_zh-CN test",
        ),
        Check(
            "covost2-zh-en",
            "translation of Chinese into English",
            "CoVoST 2 test, Chinese recordings of Common Voice 4 and their translations",
            partial(covost, source="zh-CN", target="en"),
            "translate",
            (BLEU,),
            data="CoVoST 2 (github.com/facebookresearch/covost) zh-CN_en test",
        ),
    ),
)
