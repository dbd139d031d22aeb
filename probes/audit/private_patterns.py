"""Personal data and secrets in a text: found and counted by kind, never kept.

Checksums (Luhn for cards, ISO 7064 mod 97 for IBANs) and the shapes of real prefixes keep order
numbers, years and amounts out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w-])"
)
_RESERVED = re.compile(r"(?i)@(?:[\w-]+\.)*(?:example\.(?:com|org|net)|[\w-]+\.(?:test|invalid))$")
_PHONE = re.compile(
    r"(?<![\w.+,/-])(?<!\d )(?:"
    r"(?:\+|00(?=[1-9]\d{0,2}[ .-]))[1-9]\d{0,2}[ .-]?"  # +44 20 7946…, 0049 171…
    r"(?:\(\d{1,4}\)[ .-]?)?\d{1,5}(?:[ .-]?\d{2,5}){1,4}"
    r"|\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]\d{4}"  # (212) 555-1234
    r"|(?:1[ .-])?[2-9]\d{2}([.-])[2-9]\d{2}\1\d{4}"  # 212-555-1234
    r"|\(0\d{1,4}\) ?\d{3,4}[ -]\d{3,4}"  # (03) 9555 1234
    r"|0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}"  # 020 7946 0958
    r"|0[1-9](?:[ .]\d{2}){4}"  # 06 12 34 56 78
    r"|0\d{2,4}/\d{5,8}"  # 030/1234567
    r")(?![\w/-]|[.,]\d)"
)
_CALLED = re.compile(
    r"(?i)\b(?:phone|tel|telephone|mobile|cell|whatsapp|fax|call me (?:on|at)|ring me (?:on|at))\b"
    r"(?: number| no)?(?: is)?[ .:]{1,3}(\+?\d(?:[ -]?\d){6,13})(?!\d)"
)
_CARD = re.compile(
    r"(?<![\w.,-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5})"
    r"(?![\w-]|[.,]\d)"
)
_ISSUER = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12}"
    r"|35\d{14}|3[068]\d{12}"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24 AE23 AT20 BE16 BG22 BR29 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 "
        "GB22 GR27 HR28 HU28 IE22 IL23 IS26 IT27 LI21 LT20 LU20 LV21 MC27 MT31 NL18 "
        "NO15 PL28 PT25 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TR26 UA29",
    )
}
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_IP = re.compile(
    r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?!\.?\w)"
)
_LOCAL_IP = re.compile(r"(?:0|10|127|192\.168|172\.(?:1[6-9]|2\d|3[01])|169\.254|255)\.")
_SECRETS: dict[str, tuple[tuple[str, ...], re.Pattern[str]]] = {
    "AWS key": (("AKIA", "ASIA"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    "GitHub token": (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})"),
    ),
    "API key": (
        ("sk-", "sk_live_", "rk_live_", "AIza", "hf_", "glpat-", "xox", "npm_", "SG."),
        re.compile(
            r"\b(?:sk-(?=[\w-]*\d)[\w-]{20,}|[sr]k_live_\w{16,}|AIza[\w-]{35}|hf_[A-Za-z0-9]{30,}"
            r"|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|npm_[A-Za-z0-9]{36}|SG\.[\w-]{20,}\.[\w-]{20,})"
        ),
    ),
    "private key": (("PRIVATE KEY",), re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY")),
    "JSON web token": (("eyJ",), re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")),
    "password in a URL": (("://",), re.compile(r"://[^\s/:@]{1,80}:[^\s/:@]{3,80}@[\w.-]+")),
    "password": (
        (
            "assw",
            "ASSW",
            "pwd",
            "PWD",
            "ccess_key",
            "CCESS_KEY",
            "ecret",
            "ECRET",
            "pi_key",
            "PI_KEY",
            "pikey",
            "pi-key",
        ),
        re.compile(
            r"(?i)(?:\b|_)(?:password|passwd|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|api[_-]?key|access[_-]?key)[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
            r"(?=[^\s\"',;]{0,99}\d)(?=[^\s\"',;]{0,99}[A-Za-z])[^\s\"',;<>{}()]{8,200}"
        ),
    ),
}
_UNBROKEN = ("AWS key", "GitHub token", "API key", "JSON web token")
_LONG = [word for name in _UNBROKEN for word in _SECRETS[name][0]]
_SHORT = [word for name in _SECRETS if name not in _UNBROKEN for word in _SECRETS[name][0]]
_RUN = re.compile(r"[0-9](?:[ ().:/-]{0,2}[0-9]){6,40}")
_DATE = re.compile(
    r"(?:19|20)\d\d([-/.])\d\d\1\d\d(?:[ :]*\d\d){0,3}|(?:\d\d?[-/.]){2}(?:19|20)\d\d"
)
_DOTTED = re.compile(r"\.[0-9]{1,3}\.[0-9]")

# Scanning a million rows with the patterns takes minutes; these skeletons take a second and hold
# what a match cannot do without. Digits become 0, capitals A, what may stand between digits goes.
_SKELETON = bytes(48 if 48 <= b <= 57 else 65 if 65 <= b <= 90 else b for b in range(256))
_BETWEEN = b" ().:/-"
_TOKENS = bytes(120 if b in b"_-" or (b < 128 and chr(b).isalnum()) else b for b in range(256))


def personal_data(text: str) -> dict[str, int]:
    """How many of each kind of personal data `text` holds; nothing where there are none."""
    found: Counter[str] = Counter()
    if "@" in text:
        found["e-mail address"] = sum(
            not _RESERVED.search(match[0]) for match in _EMAIL.finditer(text)
        )
    found["IBAN"] = sum(_is_iban(match[0]) for match in _IBAN.finditer(text))
    if not found["IBAN"]:
        for run in _RUN.finditer(text):
            if not _DATE.fullmatch(run[0]):
                found.update(_in_run(text, *run.span()))
    return {name: n for name, n in found.items() if n}


def _in_run(text: str, start: int, end: int) -> Iterator[str]:
    """What stands in and around a run of digits, one name for each."""
    begin, stop = max(0, start - 2), end + 8

    def starts(pattern: re.Pattern[str]) -> list[re.Match[str]]:
        return [each for each in pattern.finditer(text, begin, stop) if each.start() < end]

    cards = sum(_is_card(match[0]) for match in starts(_CARD))
    numbers = len(starts(_SSN))
    yield from ["card number"] * cards
    yield from ["social security number"] * numbers
    if cards or numbers:
        return
    phones = sum(8 <= _n_digits(match[0]) <= 15 for match in starts(_PHONE))
    if not phones:
        called = _CALLED.finditer(text, max(0, start - 40), stop)
        phones = sum(match.end() > start for match in called)
    yield from ["phone number"] * phones


def ip_addresses(text: str) -> int:
    """How many public IPv4 addresses `text` holds."""
    return sum(not _LOCAL_IP.match(match[0]) for match in _IP.finditer(text))


def secrets(text: str) -> dict[str, int]:
    """How many of each kind of key or password `text` holds."""
    found: dict[str, int] = {}
    for name, (words, pattern) in _SECRETS.items():
        if any(word in text for word in words):
            n = sum(not _placeholder(match[0]) for match in pattern.finditer(text))
            if n:
                found[name] = n
    return found


def may_hold_secrets(text: str) -> bool:
    """Whether `secrets` is worth its time."""
    if any(word in text for word in _SHORT):
        return True
    long = b"x" * 20 in text.encode("utf-8", "surrogatepass").translate(_TOKENS)
    return long and any(word in text for word in _LONG)


def may_be_personal(text: str) -> bool:
    """Whether `personal_data` is worth its time."""
    if "@" in text:
        return True
    skeleton = text.encode("utf-8", "surrogatepass").translate(_SKELETON, _BETWEEN)
    return b"0000000" in skeleton or b"AA00" in skeleton


def may_be_address(text: str) -> bool:
    """Whether `ip_addresses` is worth its time."""
    return _DOTTED.search(text) is not None


# ---------------------------------------------------------------- checksums


def luhn(digits: str) -> bool:
    """ISO/IEC 7812's check digit."""
    total = 0
    for at, character in enumerate(reversed(digits)):
        value = int(character) * (1 + at % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return len(set(digits)) > 1 and _ISSUER.fullmatch(digits) is not None and luhn(digits)


def _is_iban(text: str) -> bool:
    bare = text.replace(" ", "")
    length = _IBAN_LENGTHS.get(bare[:2])
    if length is None or len(bare) < length:
        return False
    bare = bare[:length]
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


def _n_digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _placeholder(text: str) -> bool:
    low = text.lower()
    return any(word in low for word in ("xxxx", "your", "example", "****", "1234567890abc", "...."))
