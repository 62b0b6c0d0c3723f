"""Signs that nobody sees and that change what others look like."""

import re
import unicodedata

# Controls but for tab and line ends; embeddings, overrides and isolates; others without a picture.
# Marks of direction and joiners, which some scripts need, are none of them.
HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2060-\u206f\ufff9-\ufffb]")


def code_of(sign: str) -> str:
    """Such as U+202E."""
    return f"U+{ord(sign):04X}"


def name_of(sign: str) -> str:
    """Such as "right-to-left override"."""
    return unicodedata.name(sign, "a control character").lower()


def named(text: str) -> list[str]:
    """Which such signs a text has, each once, as "U+202E right-to-left override"."""
    return [f"{code_of(sign)} {name_of(sign)}" for sign in dict.fromkeys(HIDDEN.findall(text))]


def by_codes(text: str) -> str:
    """The text with the code in the place of each such sign, for names and labels."""
    return HIDDEN.sub(lambda found: f"[{code_of(found[0])}]", text)
