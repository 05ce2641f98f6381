"""Sources and values as they may be kept: without keys, passwords and addresses of people."""

from __future__ import annotations

import re

from nbship.facts import Scalar

__all__ = ["REDACTED", "kept_value", "redacted"]

REDACTED = "<redacted>"
_LONGEST_TEXT = 250
_SECRET = re.compile(r"pass(word|wd|phrase)|secret|token|api_?key|credential|private_?key", re.IGNORECASE)
#: Access keys of OpenAI and others, AWS, GitHub, Hugging Face, Slack and Google; JSON web tokens.
_KEY = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}"
)
_IN_URL = re.compile(r"(?P<before>://[^\s/:@'\"]*:)[^\s/@'\"{}]+(?=@)")
#: ``api_key = "..."``, ``connect(password="...")``, ``{"token": "..."}``, ``os.environ["API_KEY"] = "..."``.
_NAMED = re.compile(
    r"(?P<before>(?:passw(?:or)?d|(?<![A-Za-z0-9])(?:passphrase|pwd|secret(?:_?key)?|(?:auth_?|api_?)?token|api_?key"
    r"|credentials?|private_?key|access_?key(?:_id)?|client_?secret|authorization))"
    r"""(?:['"]\s*,|['"]?\]?\s*(?::\s*\w+\s*)?[=:])\s*[rbfu]{0,2})(?P<quote>\"{3}|'{3}|"|')(?P<value>.+?)(?P=quote)""",
    re.IGNORECASE | re.DOTALL,
)
_LITERAL = re.compile(r"""(['"])(?:\\.|(?!\1)[^\\\n])*\1""")
_PERSON = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")


def redacted(source: str) -> str:
    """Give the source with each secret replaced; what is no secret stays as it is, byte for byte.

    >>> redacted("key = 'abc'; token = 'abc'; a @ b.T")
    "key = 'abc'; token = '<redacted>'; a @ b.T"
    >>> redacted("tokenizer = 'bert'; environ.setdefault('API_KEY', 'abc'); login(db_password='x')")
    "tokenizer = 'bert'; environ.setdefault('API_KEY', '<redacted>'); login(db_password='<redacted>')"
    """
    source = _KEY.sub(REDACTED, source)
    source = _IN_URL.sub(rf"\g<before>{REDACTED}", source)
    source = _NAMED.sub(rf"\g<before>\g<quote>{REDACTED}\g<quote>", source)
    return _LITERAL.sub(lambda found: _PERSON.sub(REDACTED, found[0]), source)


def kept_value(name: str, value: Scalar) -> Scalar:
    """Give a value that stands under a name as it may be kept: no secret, no person, nothing long.

    >>> kept_value("api_key", "abc"), kept_value("who", "ada@example.org"), kept_value("rate", 0.1)
    ('<redacted>', '<redacted>', 0.1)
    """
    if not isinstance(value, str):
        return value
    if any(pattern.search(text) for pattern, text in ((_SECRET, name), (_IN_URL, value), (_KEY, value))):
        return REDACTED
    return _PERSON.sub(REDACTED, value)[:_LONGEST_TEXT]
