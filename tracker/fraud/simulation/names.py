"""Names, mailboxes and telephone numbers as people of several countries have them. Data and small draws only."""

from random import Random
from typing import NamedTuple

from tracker.fraud.simulation.draws import chance, pick

FIRST = {
    "DE": "Anna Lena Julia Sarah Laura Katrin Sabine Monika Lukas Jonas Felix Tobias Stefan Michael Thomas Jürgen Uwe",
    "FR": "Camille Léa Chloé Manon Sophie Nathalie Louis Hugo Antoine Pierre Julien Nicolas Thomas Étienne",
    "GB": "Olivia Amelia Emily Sophie Charlotte Harry George Oliver Jack Thomas James Daniel Hannah Ruth",
    "PL": "Anna Maria Katarzyna Małgorzata Agnieszka Zofia Piotr Krzysztof Andrzej Tomasz Paweł Marcin Jan",
    "RU": "Анна Мария Елена Ольга Татьяна Наталья Иван Сергей Дмитрий Алексей Андрей Павел Михаил Екатерина",
    "KZ": "Айгерим Динара Асель Алия Нурлан Ерлан Данияр Тимур Анна Сергей Мария",
    "US": "Emma Olivia Ava Mia Sofia Noah Liam Ethan Mason Logan James John Robert Linda Susan Karen",
}
LAST = {
    "DE": "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf "
    "Neumann Schwarz Zimmermann Braun Krüger Hofmann Lange Krause Lehmann Köhler Maier Walter Huber Kaiser Fuchs",
    "FR": "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garcia "
    "Bertrand Roux Vincent Fournier Morel Girard André Mercier Dupont Lambert Bonnet",
    "GB": "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Wright Walker White Edwards Hughes Green Hall "
    "Lewis Harris Clarke Thompson Turner Cooper Ward Morris",
    "PL": "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski "
    "Jankowski Mazur Krawczyk Piotrowski Grabowski",
    "RU": "Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров Морозов Волков Алексеев "
    "Лебедев Семёнов Егоров Павлов Козлов Степанов Николаев Орлов Андреев Макаров Никитин Захаров",
    "KZ": "Ахметов Оспанов Ибраев Сулейменов Касымов Абдрахманов Ким Иванов Петров Жумабаев Сейткали",
    "US": "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Lopez Wilson Anderson Moore "
    "Jackson Martin Lee Thompson White Harris Clark Lewis Walker Young",
}
MAILBOXES = {
    "DE": (("gmail.com", 38), ("gmx.de", 18), ("web.de", 16), ("t-online.de", 8), ("outlook.de", 6), ("icloud.com", 8)),
    "FR": (("gmail.com", 48), ("orange.fr", 14), ("hotmail.fr", 10), ("free.fr", 8), ("icloud.com", 8)),
    "GB": (("gmail.com", 48), ("hotmail.co.uk", 14), ("outlook.com", 10), ("yahoo.co.uk", 8), ("icloud.com", 10)),
    "PL": (("gmail.com", 52), ("wp.pl", 16), ("o2.pl", 10), ("onet.pl", 10)),
    "RU": (("mail.ru", 28), ("yandex.ru", 28), ("gmail.com", 28), ("bk.ru", 6), ("rambler.ru", 4), ("ya.ru", 4)),
    "KZ": (("mail.ru", 34), ("gmail.com", 46), ("yandex.kz", 8)),
    "US": (("gmail.com", 58), ("yahoo.com", 16), ("outlook.com", 8), ("icloud.com", 12), ("aol.com", 3)),
}
DIALS = {
    "DE": ("49", "0", ("151", "160", "171", "176", "179"), 7),
    "FR": ("33", "0", ("6", "7"), 8),
    "GB": ("44", "0", ("74", "75", "77", "78", "79"), 8),
    "PL": ("48", "", ("50", "60", "66", "72", "88"), 7),
    "RU": ("7", "8", ("903", "912", "916", "921", "925", "999"), 7),
    "KZ": ("7", "8", ("701", "705", "747", "777"), 7),
    "US": ("1", "", ("201", "312", "415", "512", "646", "917"), 7),
}
DISPOSABLE = (
    "yopmail.com",
    "mailinator.com",
    "guerrillamail.com",
    "10minutemail.com",
    "temp-mail.org",
    "trashmail.com",
)
RELAYS = ("privaterelay.appleid.com", "duck.com", "mozmail.com")
LATIN = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфыэёäöüßéèçłńśżźąęó", "abvgdeziyklmnoprstufyeeaouseeclnszzaeo", strict=True))
    | {"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "yu", "я": "ya"}
)


class Name(NamedTuple):
    """First and last name, and both as they stand in addresses."""

    first: str
    last: str

    @property
    def full(self) -> str:
        """Return the name as typed."""
        return f"{self.first} {self.last}"

    def latin(self) -> tuple[str, str]:
        """Return first and last name in small Latin letters."""
        return self.first.lower().translate(LATIN), self.last.lower().translate(LATIN)


def draw_name(rng: Random, country: str, *, last: str | None = None) -> Name:
    """Return a name of this country."""
    return Name(rng.choice(FIRST[country].split()), last or rng.choice(LAST[country].split()))


def draw_handle(rng: Random, name: Name) -> str:
    """Return what stands before the @, in one of the ways people choose it."""
    first, last = name.latin()
    year = rng.randrange(1958, 2006)
    forms = (
        f"{first}.{last}{rng.randrange(100)}",
        f"{first}.{last}{year}",
        f"{first}{last}{rng.randrange(1000)}",
        f"{last}.{first[0]}{rng.randrange(100)}",
        f"{first[0]}{last}{year % 100:02d}",
        f"{first}{year}",
        f"{last}{first[:2]}{rng.randrange(10, 999)}",
        f"{first}_{last}{rng.randrange(10)}",
    )
    return pick(rng, forms, (22, 10, 18, 12, 14, 8, 10, 6))


def draw_email(rng: Random, name: Name, country: str) -> tuple[str, str]:
    """Return the handle and the address: 6 % with a tag, 6 % with dots of their own, 4 % behind a relay."""
    handle = draw_handle(rng, name)
    domain = pick(rng, [each for each, _ in MAILBOXES[country]], [share for _, share in MAILBOXES[country]])
    habit = rng.randrange(100)
    if habit < 6 and domain in {"gmail.com", "outlook.com", "icloud.com", "yandex.ru"}:
        return handle, f"{handle}+{rng.choice(('shop', 'news', 'web', 'promo', 'reg'))}@{domain}"
    if habit < 12 and domain == "gmail.com":
        return handle, f"{dotted(rng, handle)}@{domain}"
    if habit < 16:
        return handle, f"{rng.getrandbits(44):x}@{rng.choice(RELAYS)}"
    if chance(rng, 60_000):
        return handle, f"{handle}@{domain}".capitalize()
    return handle, f"{handle}@{domain}"


def dotted(rng: Random, handle: str) -> str:
    """Return a handle with its dots in another place."""
    bare = handle.replace(".", "")
    at = rng.randrange(1, len(bare))
    return f"{bare[:at]}.{bare[at:]}"


def draw_phone(rng: Random, country: str) -> str:
    """Return a mobile number."""
    code, _, prefixes, length = DIALS[country]
    return f"+{code}{rng.choice(prefixes)}{rng.randrange(10**length):0{length}d}"


def typed_phone(rng: Random, phone: str, country: str) -> str:
    """Return a number as somebody types it: with blanks, dashes, or as dialled at home."""
    code, trunk, _, _ = DIALS[country]
    national = phone.removeprefix(f"+{code}")
    forms = (
        phone,
        f"+{code} {national[:3]} {national[3:]}",
        f"+{code} ({national[:3]}) {national[3:6]}-{national[6:]}",
        f"{trunk}{national}",
        f"00{code}{national}",
    )
    return pick(rng, forms, (50, 22, 12, 13, 3))
