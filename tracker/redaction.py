"""What is taken out of texts before they are logged: everything that tells of a person or opens a door; pure.

`tracker/logs.py` hands every free text through it, error messages and tracebacks included: those quote what they
stumbled over. Our own ids stay, they are what an operator looks for.
"""

import re
from ipaddress import ip_address

GONE = "[redacted]"

# SQLAlchemy quotes bound values, PostgreSQL the row that broke a constraint.
_VALUES = re.compile(r"\[parameters: .*?(?:\](?=\n|\Z)|\Z)", re.DOTALL)
_DETAIL = re.compile(r"DETAIL: [^\n]*")
# Bounded as in RFC 5321 4.5.3.1, or a long word would be tried from each of its letters to its end.
_MAIL = re.compile(r"[^\s\"'<>()\[\]{},;:=@]{1,64}@[^\s\"'<>()\[\]{},;:=@]{1,255}")
_ADDRESS = re.compile(r"(?<![\w.:])[0-9A-Fa-f:.]{3,45}(?![\w:])")
# Behind the host, an address may hold a token; before it, a password.
_URL = re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://)(?:[^\s/@\"']*@)?([^\s/?#\"'<>]*)[^\s\"'<>]*")
_KEY = re.compile(r"\b(?:[sp]k|pb)_(?:live|test)_\w+|\bwhsec_[A-Za-z0-9+/=]+|\b(?i:bearer|basic) [A-Za-z0-9._~+/=-]+")
_OUR_ID = r"(?![a-z]{3}_[0-9a-f]{32}\b)"
# Long and with digits in it: a token, a digest, a signature. Names of functions have few digits.
_TOKEN = re.compile(rf"(?<![\w-]){_OUR_ID}(?=(?:[A-Za-z_-]*\d){{3}})[A-Za-z0-9_-]{{24,}}")
_AGENT = re.compile(r"Mozilla/\d[^\"'\n]*")


def redact(text: str) -> str:
    """Return the text without bound values, addresses, mailboxes, keys, tokens, browsers, and the paths of URLs."""
    text = _DETAIL.sub(f"DETAIL: {GONE}", _VALUES.sub(GONE, text))
    text = _URL.sub(lambda match: f"{match[1]}{_host(match[2])}/{GONE}", text)
    for pattern in (_AGENT, _MAIL, _KEY, _TOKEN):
        text = pattern.sub(GONE, text)
    return _ADDRESS.sub(lambda match: GONE if _is_address(match[0]) else match[0], text)


def _host(host: str) -> str:
    return GONE if _is_address(host.rsplit(":", 1)[0].strip("[]")) else host


def _is_address(text: str) -> bool:
    """Tell whether the text is an address, with a port or without."""
    host, _, port = text.partition(":")
    for candidate in (text.rstrip("."), host if port.isdigit() else ""):
        try:
            ip_address(candidate)
        except ValueError:
            continue
        return True
    return False
