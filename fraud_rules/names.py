"""What names of people say: how common a word is, and whether two people may be of one family.

The rules about shared phones, cards and like names ask here. Words are those of `identity.name_tokens`: Latin, lower
case, without marks. The lists are the most widespread names of Russian and English, written from general knowledge;
they only ever soften a finding.
"""

from typing import Final

from fraud_rules.identity import name_tokens

SURNAME_LETTERS_MIN = 4  # shorter words are particles and initials

_FIRST = """
    александр алексей анатолий андрей антон аркадий артем артур борис вадим валентин валерий василий виктор виталий
    владимир владислав вячеслав геннадий георгий глеб григорий даниил данил денис дмитрий евгений егор иван игорь илья
    кирилл константин лев леонид максим марк матвей михаил никита николай олег павел петр роман руслан сергей станислав
    степан тимофей тимур федор эдуард юрий ярослав
    александра алена алина алиса алла анастасия анна антонина валентина валерия варвара вера вероника виктория галина
    дарья диана евгения екатерина елена елизавета жанна зинаида зоя инна ирина карина кира кристина ксения лариса лидия
    лилия любовь людмила маргарита марина мария милана надежда наталья наталия нина оксана ольга полина раиса светлана
    софия софья тамара татьяна ульяна юлия яна
    саша леша дима женя миша коля паша настя катя лена маша наташа оля света таня юля аня ваня костя макс
    alexander alex alexey andrew andrey anthony ben benjamin brian charles chris christopher daniel david dmitry
    donald edward emily emma eric frank gary george henry ivan jack jacob james jason jeff jennifer jessica joe john
    jonathan joseph joshua justin kevin larry linda lisa lucas maria mark martin mary matthew max michael mike nicholas
    olivia patricia patrick paul peter richard robert ryan samuel sarah scott sergey sophia stephen steven susan
    thomas timothy tom victor william anna elena natalia olga elizabeth barbara karen nancy margaret sandra ashley
    kate kim laura julia alice amanda melissa
"""
_LAST = """
    иванов смирнов кузнецов попов васильев петров соколов михайлов новиков федоров морозов волков алексеев лебедев
    семенов егоров павлов козлов степанов николаев орлов андреев макаров никитин захаров зайцев соловьев борисов яковлев
    григорьев романов воробьев сергеев кузьмин фролов александров дмитриев королев гусев киселев ильин максимов поляков
    сорокин виноградов ковалев белов медведев антонов тарасов жуков баранов филиппов комаров давыдов беляев герасимов
    богданов осипов сидоров матвеев титов марков миронов крылов куликов карпов власов мельников денисов гаврилов тихонов
    казаков афанасьев данилов савельев тимофеев фомин чернов абрамов мартынов ефимов федотов щербаков назаров калинин
    шевченко бондаренко коваленко ткаченко мельник бойко
    smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson
    thomas taylor moore jackson martin lee perez thompson white harris clark lewis robinson walker young allen king
    wright scott hill green adams nelson baker hall campbell mitchell carter roberts evans turner parker edwards
    collins stewart morris murphy cook rogers morgan cooper peterson bailey reed kelly howard ward cox wood watson
    bennett gray hughes khan singh kumar patel muller schmidt schneider fischer meyer weber dubois bernard
"""

# Endings by which one Russian or Polish surname differs between a man and a woman, in Latin letters.
_ENDINGS: Final = (
    ("skaya", "sk"), ("skaia", "sk"), ("skiy", "sk"), ("skii", "sk"), ("skij", "sk"), ("skyi", "sk"), ("sky", "sk"),
    ("ski", "sk"), ("ska", "sk"), ("aya", ""), ("aia", ""), ("oi", ""), ("oy", ""), ("yi", ""), ("yy", ""),
    ("ova", "ov"), ("eva", "ev"), ("ina", "in"), ("yna", "yn"),
)  # fmt: skip
_PATRONYMICS: Final = ("ovich", "evich", "ovna", "evna", "ichna", "ilich", "kuzmich", "lukich")


def fold_surname(word: str) -> str:
    """Return the surname without what tells a man from a woman: Иванова and Иванов are one."""
    for ending, base in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            return word.removesuffix(ending) + base
    return word


def is_patronymic(word: str) -> bool:
    """Say whether the word is a Russian name after the father."""
    return len(word) > 5 and word.endswith(_PATRONYMICS)


FIRST_NAMES: Final[frozenset[str]] = frozenset(
    name_token for word in _FIRST.split() for name_token in name_tokens(word)
)
SURNAMES: Final[frozenset[str]] = frozenset(
    fold_surname(name_token) for word in _LAST.split() for name_token in name_tokens(word)
)


def is_common(word: str) -> bool:
    """Say whether so many people carry this word that sharing it is chance."""
    return word in FIRST_NAMES or fold_surname(word) in SURNAMES


def surnames(name: str | None) -> frozenset[str]:
    """Return the folded words of a name that may be its surname."""
    return frozenset(
        fold_surname(word)
        for word in name_tokens(name)
        if len(word) >= SURNAME_LETTERS_MIN and word not in FIRST_NAMES and not is_patronymic(word)
    )


def of_one_family(names: list[str | None]) -> bool:
    """Say whether all these names share a surname; unknown names share nothing."""
    if len(names) < 2:
        return False
    return bool(frozenset.intersection(*(surnames(name) for name in names)))
