"""How a value of the data is named in a finding: on one line, and never where it is private."""

from __future__ import annotations

from probes.audit.private_patterns import personal_data, secrets
from probes.sinks import one_line


def shown(text: str, limit: int = 40) -> str:
    """`text` on one line and shortened; what it is where it holds personal data or a secret."""
    return private(text) or one_line(text, limit)


def private(text: str) -> str:
    """`(an e-mail address)` and the like; '' where nothing private is found."""
    kind = next(iter(secrets(text) or personal_data(text)), "")
    return kind and f"({'an' if kind[0] in 'AEIOaeio' else 'a'} {kind})"
