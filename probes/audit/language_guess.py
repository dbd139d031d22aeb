"""A cheap guess of the language of a text: its script, and for Latin its most frequent words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

READ_CHARS = 400
"""Enough to tell a language, and as fast for long texts."""
MIN_LETTERS = 8
"""Fewer in another script are a name or a sign; our choice."""
MIN_WEIGHT = 1.5
"""Chosen with XQuAD in view (docs/audit.md)."""
_NONE = (("", 0.0), ("", 0.0))

# The most frequent words that few of the other languages here share.
_WORDS = {
    "English": "the of and to is that it was for on are as with his they be at this have from or "
    "had by but what were we when your can said there how if do their would which will my has you "
    "i not does did an he she her",
    "German": "der und das den von zu mit sich des auf für ist im dem nicht ein eine als auch wird "
    "bei einer einem eines ich wie haben wir aber oder kann mein meine sind wenn werden habe sie "
    "nach wurde wurden welche welcher welches wem wen wer wo wann viele warum um am im zum zur "
    "über durch was war waren wie gibt kein keine meiner meinem uns euch ihr ihre bitte",
    "French": "le les et des est une dans qui que pour pas sur au avec ce il sont cette par mais "
    "nous vous je mon ma où quel quelle comment ont été aux leur elle du en mes sa ses puis",
    "Spanish": "el los las y una es por con para del al lo como más pero sus mi está qué cuál cómo "
    "cuándo quién dónde son fue han ser tiene puedo hay muy sobre este esta cuántos su se que no",
    "Italian": "il gli di è che una per non sono della con del da nel alla dei delle le mia mio "
    "come più questo questa cosa quale quanto perché si ho ha anche ma dal al lo nella stato",
    "Portuguese": "os uma é não com para por mais como mas foi ao ele das dos à seu sua ou quando "
    "muito nos já eu também só pelo pela até isso ela são meu minha qual você em um na no do da",
    "Dutch": "het een van en dat niet zijn op te voor met die hij er maar om hem dan zou wat mijn "
    "wordt heb ik je naar bij ook aan nog kan deze hoe waarom welke werd geen worden",
    "Swedish": "och att det som på är av för med den till inte har jag ett om var mig kan från vi "
    "så hur mitt min eller vad när skulle sig hade",
    "Danish": "og at det som på er af for med den til ikke har jeg et om mig kan fra vi så hvordan "
    "mit min eller hvad når skulle sig havde blev hvorfor",
    "Polish": "nie się jest na że do jak co ale za od mi mnie czy już tak tylko po moja mój moje "
    "przez które który dla są oraz jego gdzie kiedy jestem",
    "Turkish": "ve bir bu için ile çok ne daha gibi var nasıl mi ben değil ama olarak kadar sonra "
    "neden benim her şey olan hangi kim kaç nerede nedir tarafından zaman kimdir olduğu olduğunu "
    "göre en eden yer ilk etti oldu",
    "Romanian": "și în este sunt cu pentru din pe ce care cine cum unde când câte câți nu fost mai "
    "prin lui ale ei să dintre după către",
    "Vietnamese": "là của và các những được cho có không trong một với người này đã khi nào gì "
    "ai từ ở đến về như thế bao nhiêu đâu năm vào",
}
LATIN = frozenset(_WORDS)
_LETTERS_OF = {
    "ß": "German",
    "ä": "German Swedish",
    "ö": "German Swedish Turkish",
    "ü": "German Turkish",
    "ı": "Turkish",
    "ğ": "Turkish",
    "ş": "Turkish",
    "ñ": "Spanish",
    "¿": "Spanish",
    "ã": "Portuguese",
    "õ": "Portuguese",
    "ç": "French Portuguese Turkish",
    "è": "French Italian",
    "ê": "French Portuguese",
    "ł": "Polish",
    "ż": "Polish",
    "ę": "Polish",
    "ą": "Polish",
    "å": "Swedish Danish",
    "ø": "Danish",
    "æ": "Danish",
    "ă": "Romanian Vietnamese",
    "ș": "Romanian",
    "ț": "Romanian",
    "đ": "Vietnamese",
    "ơ": "Vietnamese",
    "ư": "Vietnamese",
}
"""Letters count as words do: a name with one of them is not enough."""
_SCRIPTS = {
    "CYRILLIC": "Cyrillic script",
    "GREEK": "Greek script",
    "ARABIC": "Arabic script",
    "HEBREW": "Hebrew script",
    "DEVANAGARI": "Devanagari script",
    "BENGALI": "Bengali script",
    "TAMIL": "Tamil script",
    "THAI": "Thai script",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese characters",
    "LATIN": "Latin script",
}
_BY_WORD = {letter: tuple(names.split()) for letter, names in _LETTERS_OF.items()}
for _language, _listed in _WORDS.items():
    for _word in _listed.split():
        _BY_WORD[_word] = (*_BY_WORD.get(_word, ()), _language)
_LETTERS = re.compile(r"[^\W\d_]")
_WORDS_OF = re.compile(r"[^\W\d_]+")


def frequent_words(language: str) -> frozenset[str]:
    """Its most frequent words; none of a language that is not listed."""
    return frozenset(_WORDS.get(language, "").split())


def language_of(text: str) -> str | None:
    """A language, a script where it is not Latin, or None where the text does not say.

    A language needs frequent words of a weight of 1.5 together, and twice the weight of the next;
    a word of k languages weighs 1 / k. Code, names and short answers give None.
    """
    read = text[:READ_CHARS]
    if not read.isascii():
        script = _script(read)
        if script != "LATIN":
            return _SCRIPTS.get(script) if script else None
    folded = read.casefold()
    found = set(_WORDS_OF.findall(folded))
    if not read.isascii():
        found |= _LETTERS_OF.keys() & set(folded)
    hits: dict[str, float] = {}
    for word in found & _BY_WORD.keys():
        for language in _BY_WORD[word]:
            hits[language] = hits.get(language, 0.0) + 1 / len(_BY_WORD[word])
    (first, best), (_, second) = sorted([*hits.items(), *_NONE], key=lambda hit: -hit[1])[:2]
    return first if best >= MIN_WEIGHT and best >= 2 * second else None


def _script(text: str) -> str | None:
    """The script of most letters, by the first word of their Unicode names."""
    letters = _LETTERS.findall(text)
    if len(letters) < MIN_LETTERS:
        return None
    counts = Counter(letters)
    by_script: Counter[str] = Counter()
    for letter, n in counts.items():
        by_script[_script_of(letter)] += n
    script, n = by_script.most_common(1)[0]
    if script == "CJK" and by_script["HIRAGANA"] + by_script["KATAKANA"]:
        return "HIRAGANA"
    return script if 2 * n > len(letters) else None


@lru_cache(maxsize=20_000)
def _script_of(letter: str) -> str:
    return unicodedata.name(letter, "?").split(maxsplit=1)[0].split("-")[0]
