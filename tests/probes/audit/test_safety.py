from __future__ import annotations

import pytest

from probes.audit.odd_characters import hidden, misdecoded, redecoded
from probes.audit.private_patterns import ip_addresses, luhn, personal_data, secrets
from probes.audit.records import Found
from probes.audit.safety import check
from probes.audit.sheet import Entry, Sheet

PERSONAL = {
    "Write to anna.meier@firma.de please": "e-mail address",
    "my mail is x_y+z@mail.co.uk.": "e-mail address",
    "Ring +44 20 7946 0958 after six": "phone number",
    "Call +1 (212) 555-7890": "phone number",
    "tel: 5551234567": "phone number",
    "(212) 555-7890 is mine": "phone number",
    "415-867-5309": "phone number",
    "Mobil 0171 2345678": "phone number",
    "Appelez le 06 12 34 56 78": "phone number",
    "0049 171 2345678": "phone number",
    "+4915123456789": "phone number",
    "My card 4111 1111 1111 1111 was taken": "card number",
    "5500-0055-5555-5559": "card number",
    "378282246310005 expired": "card number",
    "IBAN DE89 3704 0044 0532 0130 00": "IBAN",
    "Pay to GB82WEST12345698765432 now": "IBAN",
    "SSN 219-09-9999": "social security number",
}
HARMLESS = [
    "Order 1234567890123456 of 2024-11-05 has 3 items",
    "From 1998-2003 it cost 12,500,000 in all",
    "3 + 4567 - 89 = 4481, so 0.3333333333333333",
    "Ticket 100-2000-30 and part 4111-1111",
    "ISBN 978-3-16-148410-0",
    "version 1.2.3.4567 of 10.000.000 rows",
    "the years 1900 1910 1920 1930",
    "user@example.com is a placeholder",
    "@mention and a @ b",
    "1000 2000 3000 4000",
    "48/2 = <<48/2=24>>24 clips",
    "4111 1111 1111 1112 fails its checksum",
    "DE89 3704 0044 0532 0130 01 fails its checksum",
    "2024-11-21T20:15:30+00:00",
    "phone me at 5",
    "latitude +51.50735, longitude -0.12776",
]
SECRETS = {
    "AKIAIOSFODNN7ABCDEFG": "AWS key",
    "ghp_" + "a1B2c3D4" * 5: "GitHub token",
    "key sk-proj-" + "aB3dE5fG" * 5: "API key",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE": "private key",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz": "JSON web token",
    "postgres://admin:hunter22@db.host/x": "password in a URL",
    'password: "correct7horse"': "password",
}
NO_SECRETS = [
    "I forgot my password: what now?",
    "task-force-of-the-whole-western-hemisphere",
    "password = your_password1",
    "https://host:8080/path@home",
    "the risk-averse-and-cautious-investor",
]


def sheet(rows: list[tuple[str, str]], task: str = "generation") -> Sheet:
    entries = [Entry(i, o, n, "train", "train") for n, (i, o) in enumerate(rows, 1)]
    return Sheet(entries, task, "rouge_l")  # type: ignore[arg-type]


def found(rows: list[tuple[str, str]], task: str = "generation") -> dict[str, Found]:
    return {each.kind: each for each in check(sheet(rows, task))}


@pytest.mark.parametrize("text", PERSONAL)
def test_personal_data_are_recognised(text: str) -> None:
    assert personal_data(text) == {PERSONAL[text]: 1}


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_of_other_kinds_are_left_alone(text: str) -> None:
    assert personal_data(text) == {}


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_recognised(text: str) -> None:
    assert secrets(text) == {SECRETS[text]: 1}


@pytest.mark.parametrize("text", NO_SECRETS)
def test_words_that_look_like_secrets_are_left_alone(text: str) -> None:
    assert secrets(text) == {}


def test_the_check_digit_of_cards() -> None:
    assert luhn("4111111111111111") and not luhn("4111111111111112")


def test_local_addresses_and_versions_are_no_ip_addresses() -> None:
    assert ip_addresses("8.8.8.8 and 192.168.1.1 and 1.2.3.4.5") == 1


def test_what_is_found_is_located_but_never_kept() -> None:
    rows = [("hello", "fine")] * 200
    rows[150] = ("mail anna.meier@firma.de or +44 20 7946 0958", "ok")
    rows[170] = ("use ghp_" + "a1B2c3D4" * 5, "ok")
    kinds = found(rows)
    assert list(kinds["personal-data"].rows) == [150] and list(kinds["secrets"].rows) == [170]
    assert kinds["personal-data"].details["counts"] == {"e-mail address": 1, "phone number": 1}
    shown = repr([kinds["personal-data"], kinds["secrets"]])
    assert "anna" not in shown and "7946" not in shown and "ghp_" not in shown


def test_hidden_characters_in_outputs_only_are_taken_out() -> None:
    kinds = found([("hi", "bil\u200bling"), ("a\u202eb", "x"), ("plain\ttext\r\n", "y")])
    assert sorted(kinds["hidden-characters"].rows) == [0, 1]
    remedy = kinds["hidden-characters"].remedy
    assert remedy is not None and remedy.outputs == {0: "billing"}


@pytest.mark.parametrize(
    "text",
    [
        "family 👨‍👩‍👧 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "می‌خواهم",
        "שלום \u200fworld",
        "naïve café – “quoted” … 価格 5 €",
        "São Ângelo; ÂME",
    ],
)
def test_characters_of_living_scripts_are_neither_hidden_nor_mojibake(text: str) -> None:
    assert not hidden(text) and not misdecoded(text)


def test_mojibake_that_reads_back_is_repaired_in_outputs() -> None:
    kinds = found([("hi", "cafÃ© donâ€™t"), ("SÃ£o", "x"), ("café", "lost \ufffd")])
    assert sorted(kinds["mojibake"].rows) == [0, 1, 2]
    remedy = kinds["mojibake"].remedy
    assert remedy is not None and remedy.outputs == {0: "café don’t"}
    assert redecoded("Привет".encode().decode("latin-1")) == "Привет"


def test_html_is_a_remnant_unless_the_task_is_code() -> None:
    rows = [("Tom &amp; Jerry", "x"), ("a<br/>b", "y"), ("if a < b and c > d", "z"), ("AT&T", "w")]
    assert sorted(found(rows)["html-remnants"].rows) == [0, 1]
    assert "html-remnants" not in found(rows, "code")


def test_clean_rows_say_nothing() -> None:
    assert not found([(f"Where is my card number {n}?", "card_arrival") for n in range(500)])
