"""HTML out of a text: tags, comments, scripts, styles and entities."""

from __future__ import annotations

import html
import re

# What stands on lines of its own when a browser shows it; between inline tags nothing is written.
BLOCKS = (
    "address|article|aside|blockquote|br|caption|center|dd|div|dl|dt|fieldset|figcaption|figure|"
    "footer|form|h[1-6]|header|hr|li|main|nav|ol|p|pre|section|table|tbody|td|tfoot|th|thead|tr|ul"
)
# Only HTML's own names: `<blue>` is a word in odd brackets, `<3` a heart.
INLINE = (
    "a|abbr|acronym|audio|b|bdi|bdo|big|body|button|canvas|cite|code|col|colgroup|data|del|em|embed|"
    "font|head|html|i|iframe|img|input|ins|kbd|label|link|map|mark|meta|noscript|o:p|object|option|"
    "picture|q|s|samp|script|select|small|source|span|strike|strong|style|sub|sup|svg|template|"
    "textarea|time|title|tt|u|var|video|wbr"
)
UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<!\[CDATA\[|\]\]>|<![a-z][^>]*>"
    r"|<(script|style)\b[^>]*>.*?(?:</\1\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
# The rest of a tag: `>`, attributes with values, or the end of one that was broken off. Bare words
# are no attributes here, or a seller could hide some: `<b red teapot>`.
END = r"(?:>|\Z|(?=<))"
REST = rf"(?:\s*/?\s*{END}|\s+[\w:-]+\s*=[^<>]*{END})"
BLOCK_TAG = re.compile(rf"</?(?:{BLOCKS}){REST}", re.IGNORECASE)
INLINE_TAG = re.compile(rf"</?(?:{INLINE}){REST}", re.IGNORECASE)
# With its semicolon only: `Rock&region` has no trade mark in it.
ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)


def without_markup(text: str) -> str:
    """The text that a browser would show, a line break in place of each block's edge.

    Feeds escape their markup once or twice, so what entities turn out to be is read again.
    """
    while "<" in text or "&" in text or ">" in text:
        read = INLINE_TAG.sub("", BLOCK_TAG.sub("\n", UNSEEN.sub(" ", text)))
        read = ENTITY.sub(lambda found: html.unescape(found[0]), read)
        if read == text:
            break
        text = read
    return text
