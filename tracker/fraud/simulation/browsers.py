"""Browsers as they introduce themselves: agent and headers that belong together.

People get their devices here; machines (bots, emulators, libraries) have agents of their own in the schemes.
"""

from random import Random
from typing import Literal, NamedTuple

from tracker.fraud.simulation.draws import pick, token
from tracker.fraud.simulation.types import Device

Kind = Literal["desktop", "phone"]

LANGUAGES = {
    "DE": "de-DE,de;q=0.9,en;q=0.7",
    "FR": "fr-FR,fr;q=0.9,en;q=0.6",
    "GB": "en-GB,en;q=0.9",
    "PL": "pl-PL,pl;q=0.9,en-US;q=0.6",
    "RU": "ru-RU,ru;q=0.9,en-US;q=0.7,en;q=0.6",
    "KZ": "ru-KZ,ru;q=0.9,kk;q=0.8",
    "US": "en-US,en;q=0.9",
}
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME_MAJORS = (139, 140, 141, 142, 143)
CHROME_SHARES = (6, 8, 14, 30, 42)
PHONES = (
    "SM-S911B", "SM-A546B", "SM-A155F", "SM-G991B", "Pixel 8", "Pixel 7a", "Pixel 9", "M2101K6G", "23049PCD8G",
    "2201117TY", "CPH2409", "RMX3710", "V2250", "moto g54 5G", "JNY-LX1", "Redmi Note 12",
)  # fmt: skip
IOS = ("17_6", "18_1", "18_5", "18_7")


class Model(NamedTuple):
    """A kind of browser and its share of visits, in percent of its device kind."""

    name: str
    share: int


DESKTOPS = (Model("chrome-windows", 52), Model("chrome-mac", 12), Model("edge", 12), Model("firefox", 10),
            Model("safari-mac", 10), Model("yandex", 3), Model("chrome-linux", 1))  # fmt: skip
HANDHELDS = (Model("chrome-android", 47), Model("safari-ios", 34), Model("samsung", 8), Model("instagram", 5),
             Model("telegram", 3), Model("old-safari", 2), Model("facebook", 1))  # fmt: skip
APPLE = frozenset({"safari-mac", "safari-ios", "old-safari"})


def draw_device(rng: Random, country: str, *, kind: Kind, model: str | None = None) -> Device:
    """Return a device as people of this country have them; `model` fixes the browser."""
    models = HANDHELDS if kind == "phone" else DESKTOPS
    name = model or pick(rng, models, [each.share for each in models]).name
    agent, hints = _agent(rng, name)
    language = LANGUAGES[country]
    headers = {"accept-language": language if "ios" not in name else language.split(";", 1)[0]}
    if name != "old-safari":  # Safari sends fetch metadata since 16.4, and never Sec-Fetch-User
        headers |= {"sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site"}
    if hints:
        headers |= {"sec-fetch-user": "?1", "sec-ch-ua": hints[0], "sec-ch-ua-mobile": hints[1]}
        headers |= {"sec-ch-ua-platform": f'"{hints[2]}"'}
    elif name == "firefox":
        headers |= {"sec-fetch-user": "?1"}
    return Device(
        device_id=f"dev_{token(rng, 20)}",
        agent=agent,
        headers=headers,
        mobile=kind == "phone",
        platform=name,
    )


def incognito(rng: Random, device: Device) -> Device:
    """Return the same browser in a private window: new cookies, nothing else."""
    return Device(
        device_id=f"dev_{token(rng, 20)}",
        agent=device.agent,
        headers=device.headers,
        mobile=device.mobile,
        platform=device.platform,
    )


def headers_of_form(device: Device, sends: str) -> dict[str, str] | None:
    """Return the headers of the request that carried the conversion, or None when the shop's server sent it."""
    if sends == "server":
        return None
    headers = dict(device.headers)
    if "sec-fetch-dest" in headers:
        headers["sec-fetch-site"] = "same-origin"
        if sends == "script":
            headers |= {"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"}
            headers.pop("sec-fetch-user", None)
    return headers


def _agent(rng: Random, name: str) -> tuple[str, tuple[str, str, str] | None]:
    major = pick(rng, CHROME_MAJORS, CHROME_SHARES)
    brands = f'"Chromium";v="{major}", "Google Chrome";v="{major}", "Not_A Brand";v="99"'
    phone = rng.choice(PHONES)
    ios = rng.choice(IOS)
    safari = f"{ios.replace('_', '.')} Mobile/15E148 Safari/604.1"
    windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
    mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
    iphone = f"Mozilla/5.0 (iPhone; CPU iPhone OS {ios} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    android = "Mozilla/5.0 (Linux; Android 10; K)"
    view = (
        f"Mozilla/5.0 (Linux; Android 14; {phone}; wv) {WEBKIT} Version/4.0 Chrome/{major}.0.0.0 Mobile Safari/537.36"
    )
    made = {
        "chrome-windows": (f"{windows} {WEBKIT} Chrome/{major}.0.0.0 Safari/537.36", (brands, "?0", "Windows")),
        "chrome-mac": (f"{mac} {WEBKIT} Chrome/{major}.0.0.0 Safari/537.36", (brands, "?0", "macOS")),
        "chrome-linux": (
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/{major}.0.0.0 Safari/537.36",
            (brands, "?0", "Linux"),
        ),
        "edge": (
            f"{windows} {WEBKIT} Chrome/{major}.0.0.0 Safari/537.36 Edg/{major}.0.0.0",
            (brands.replace("Google Chrome", "Microsoft Edge"), "?0", "Windows"),
        ),
        "yandex": (
            f"{windows} {WEBKIT} Chrome/{major - 2}.0.0.0 YaBrowser/25.8.0.0 Safari/537.36",
            (f'"Chromium";v="{major - 2}", "YaBrowser";v="25.8", "Not_A Brand";v="99"', "?0", "Windows"),
        ),
        "firefox": (f"{windows[:-1]}; rv:{major + 1}.0) Gecko/20100101 Firefox/{major + 1}.0", None),
        "safari-mac": (f"{mac} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", None),
        "chrome-android": (f"{android} {WEBKIT} Chrome/{major}.0.0.0 Mobile Safari/537.36", (brands, "?1", "Android")),
        "samsung": (
            f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            ('"Chromium";v="130", "Samsung Internet";v="28", "Not_A Brand";v="99"', "?1", "Android"),
        ),
        "safari-ios": (f"{iphone} Version/{safari}", None),
        "old-safari": (
            f"{iphone.replace(ios, '15_8_3')} Version/15.6.6 Mobile/15E148 Safari/604.1",
            None,
        ),
        "instagram": (f"{view} Instagram 390.0.0.43.81 Android (34/14; 420dpi; 1080x2340; {phone})", None),
        "facebook": (f"{iphone} Mobile/22F76 [FBAN/FBIOS;FBAV/520.0.0.38.101;FBDV/iPhone14,5]", None),
        "telegram": (f"{view} Telegram-Android/11.14.1 ({phone}; Android 14; SDK 34; AVERAGE)", None),
    }  # fmt: skip
    agent, hints = made[name]
    return agent, hints
