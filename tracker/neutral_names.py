"""Names for an installation that no filter list knows: each is drawn at random, so no two installations share them.

`molva init --neutral-names` calls it. A letter, a digit, another letter: no two letters stand together, so none of the
words that filter lists look for can appear.
"""

from random import Random

# Without vowels and without digits that stand for letters, so that no name reads as a word.
_LETTERS = "bcdfghjkmnpqrtvwxz"
_DIGITS = "256789"
_NAMES = 6


def draw_names(chance: Random) -> dict[str, str | list[str]]:
    """Return values for every setting that names something a browser sees; all different from each other."""
    drawn: list[str] = []
    while len(drawn) < _NAMES:
        # Two different letters: "s2s" and "b2b" are known words.
        first, last = chance.sample(_LETTERS, 2)
        name = f"{first}{chance.choice(_DIGITS)}{last}"
        if name not in drawn:
            drawn.append(name)
    prefix, script, cookie, called, token, parameter = drawn
    return {
        "public_prefix": f"/{prefix}",
        "script_name": script,
        "cookie_name": f"{cookie[0]}_{cookie[2]}{cookie[1]}",
        "global_name": called,
        "token_name": token,
        "url_parameters": [parameter],
    }
