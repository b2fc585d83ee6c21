"""What a mail domain says about who owns a mailbox: its registrable part, mass providers, forwarders, academia.

The identity rules ask here. Domains come in as `identity.email_domain` returns them: ASCII, lower case, twins folded.
The suffix list is read once, at import; nothing is looked up.
"""

from typing import Final

from publicsuffixlist import PublicSuffixList

DOMAIN_MAX = 255  # RFC 1035, 2.3.4
LABELS_MAX = 16  # deeper names are made to waste time

# ICANN's part alone: "user.github.io" belongs to GitHub, and mail to it goes to the owner of github.io.
_SUFFIXES: Final = PublicSuffixList(only_icann=True)

# Open to anybody: sharing one of these says nothing about sharing an employer. Written as typed; twins are folded
# before they come here, the second names stand for callers that have not folded.
_FREE: Final = """
    gmail.com googlemail.com outlook.com outlook.de outlook.es outlook.fr outlook.it outlook.jp outlook.pt
    outlook.com.br hotmail.com hotmail.co.uk hotmail.de hotmail.es hotmail.fr hotmail.it live.com live.co.uk live.de
    live.fr live.it live.nl live.ru msn.com icloud.com me.com mac.com yahoo.com yahoo.co.uk yahoo.co.in yahoo.co.jp
    yahoo.com.br yahoo.com.ar yahoo.com.mx yahoo.de yahoo.es yahoo.fr yahoo.it yahoo.ca yahoo.in ymail.com
    rocketmail.com aol.com aim.com proton.me protonmail.com protonmail.ch pm.me tutanota.com tutanota.de tuta.com
    tuta.io tutamail.com keemail.me zoho.com zoho.eu zoho.in zohomail.com zohomail.eu fastmail.com fastmail.fm
    hushmail.com mail.com email.com gmx.com gmx.de gmx.net gmx.at gmx.ch gmx.fr web.de t-online.de freenet.de arcor.de
    online.de posteo.de posteo.net mailbox.org
    mail.ru inbox.ru list.ru bk.ru internet.ru xmail.ru yandex.ru yandex.com yandex.by yandex.kz yandex.ua ya.ru
    narod.ru rambler.ru lenta.ru autorambler.ru myrambler.ru ro.ru r0.ru rambler.ua vk.com sibmail.com qip.ru pochta.ru
    tut.by mail.by mail.kz ukr.net i.ua meta.ua bigmir.net inbox.lv inbox.lt mail.ee
    orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr bbox.fr libero.it virgilio.it tiscali.it alice.it tin.it
    tim.it telefonica.net terra.es sapo.pt wp.pl o2.pl onet.pl onet.eu interia.pl interia.eu gazeta.pl op.pl poczta.fm
    seznam.cz email.cz post.cz centrum.cz atlas.cz azet.sk zoznam.sk centrum.sk freemail.hu citromail.hu abv.bg mail.bg
    telenet.be skynet.be proximus.be ziggo.nl kpnmail.nl planet.nl home.nl xs4all.nl bluewin.ch hispeed.ch aon.at
    btinternet.com btopenworld.com virginmedia.com ntlworld.com blueyonder.co.uk sky.com talktalk.net
    comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net optonline.net
    juno.com netzero.net frontier.com rogers.com shaw.ca sympatico.ca telus.net bigpond.com optusnet.com.au
    qq.com foxmail.com 163.com 126.com yeah.net sina.com sina.cn sohu.com 139.com 189.cn aliyun.com naver.com daum.net
    hanmail.net nate.com rediffmail.com uol.com.br bol.com.br terra.com.br ig.com.br walla.co.il walla.com
    mynet.com op.is telia.com spray.se online.no
"""
FREE_PROVIDERS: Final[frozenset[str]] = frozenset(_FREE.split())

# Forwarders and alias services: private people use them, and mail arrives. Neither throw-away nor an employer's.
_FORWARDERS: Final = (
    "privaterelay.appleid.com duck.com mozmail.com relay.firefox.com simplelogin.com simplelogin.co simplelogin.io "
    "simplelogin.fr slmail.me slmails.com aleeas.com 8alias.com 8shield.net dralias.com silomails.com addy.io "
    "addymail.com anonaddy.com anonaddy.me passmail.net passmail.com passinbox.com passfwd.com"
)
FORWARDERS: Final[frozenset[str]] = frozenset(_FORWARDERS.split())


def parents(domain: str) -> tuple[str, ...]:
    """Return the domain and what it lies under, longest first, down to two labels."""
    labels = domain[:DOMAIN_MAX].split(".")[-LABELS_MAX:]
    return tuple(".".join(labels[start:]) for start in range(len(labels) - 1))


def registrable_domain(domain: str | None) -> str | None:
    """Return what one owner registered ("mail.studio.co.uk" gives "studio.co.uk"), or None for a bare suffix."""
    if domain is None or len(domain) > DOMAIN_MAX or domain.count(".") >= LABELS_MAX:
        return None
    found = _SUFFIXES.privatesuffix(domain)
    return found if isinstance(found, str) else None


def is_free(domain: str) -> bool:
    """Say whether anybody may open a mailbox there."""
    return not FREE_PROVIDERS.isdisjoint(parents(domain))


def is_forwarder(domain: str) -> bool:
    """Say whether mail to the domain goes on to a mailbox elsewhere."""
    return not FORWARDERS.isdisjoint(parents(domain))


def is_academic(domain: str) -> bool:
    """Say whether the domain is a school's or university's by its name: .edu, .edu.xx, .ac.xx."""
    labels = domain[:DOMAIN_MAX].split(".")
    return labels[-1] == "edu" or (len(labels) >= 3 and labels[-2] in {"edu", "ac"} and len(labels[-1]) == 2)
