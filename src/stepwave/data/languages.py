"""From the ways in which corpora name a language to the code that records carry."""

import re
from typing import Final

_CODES: Final = {
    "arabic": "ar", "cantonese": "yue", "chinese": "zh", "cmn": "zh", "dutch": "nl", "english": "en", "eng": "en",
    "fil": "tl", "french": "fr", "german": "de", "italian": "it", "japanese": "ja", "korean": "ko", "mandarin": "zh",
    "portuguese": "pt", "russian": "ru", "spanish": "es",
}  # fmt: skip
"""Names and longer codes of languages with an ISO 639-1 code, where a corpus uses them."""
_WHOLE: Final = {"zh-hk": "yue", "zh_hk": "yue"}
"""Tags whose first part alone would mislead: Common Voice's zh-HK is Cantonese."""


def language_code(tag: str) -> str:
    """ISO 639-1 code of `en_us`, `zh-CN`, `cmn_hans_cn`, `English`; three letters where there is no code of two.

    Anything else gives an empty text: a dialect's name, say.
    """
    tag = tag.strip().lower()
    first = re.split(r"[-_ ]", tag)[0]
    code = _WHOLE.get(tag) or _CODES.get(first, first)
    return code if re.fullmatch(r"[a-z]{2,3}", code) else ""
