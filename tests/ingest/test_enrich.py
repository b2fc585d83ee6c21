# ruff: noqa: E501  # User agents are one line each.
import time

import pytest

from ingest.enrich import AGENT_MAX, bot_reason, read_agent

PEOPLE = {
    "chrome": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "safari": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
    "iphone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    "edge": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    "samsung": "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
    "yandex": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 YaBrowser/24.12 Safari/537.36",
    "instagram": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 334.0.4.32.98 (iPhone14,5; iOS 17_5)",
    "facebook app": "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0 Mobile Safari/537.36 [FBAN/EMA;FBAV/412.0;]",
    "vk app": "Mozilla/5.0 (Linux; Android 13; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0 Mobile Safari/537.36 VKAndroidApp/8.60",
    "viber": "Mozilla/5.0 (Linux; Android 13; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0 Mobile Safari/537.36 Viber/22.1",
    "webview": "Mozilla/5.0 (Linux; Android 12; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/114.0 Mobile Safari/537.36",
    "internet explorer": "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "cubot phone": "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
}
BOTS = {
    "google": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "google as a phone": "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "gpt": "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "claude": "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
    "headless": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
    "lighthouse": "Mozilla/5.0 (Linux; Android 11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36 Chrome-Lighthouse",
    "facebook preview": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "telegram preview": "TelegramBot (like TwitterBot)",
    "whatsapp preview": "WhatsApp/2.23.20.0",
    "slack preview": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "vk preview": "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
    "yandex bot": "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "bing": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "applebot": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1)",
    "curl": "curl/8.5.0",
    "wget": "Wget/1.21",
    "python": "python-requests/2.32.0",
    "httpx": "python-httpx/0.28",
    "go": "Go-http-client/2.0",
    "java": "Java/17.0.1",
    "okhttp": "okhttp/4.12.0",
    "node": "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
    "axios": "axios/1.7.2",
    "scrapy": "Scrapy/2.11 (+https://scrapy.org)",
    "postman": "PostmanRuntime/7.39",
    "dalvik": "Dalvik/2.1.0 (Linux; U; Android 10)",
    "empty": "",
    "blank": "   ",
    "bare Mozilla": "Mozilla/5.0",
    "ahrefs": "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
}


@pytest.mark.parametrize("agent", PEOPLE.values(), ids=PEOPLE)
def test_people_are_people(agent: str) -> None:
    assert bot_reason(agent) is None


@pytest.mark.parametrize("agent", BOTS.values(), ids=BOTS)
def test_bots_are_bots_with_a_reason(agent: str) -> None:
    assert bot_reason(agent)


@pytest.mark.parametrize(
    ("name", "device", "system"),
    [("chrome", "computer", "Windows"), ("iphone", "phone", "iOS"), ("samsung", "phone", "Android")],
)
def test_device_and_system_are_named(name: str, device: str, system: str) -> None:
    agent = read_agent(PEOPLE[name])

    assert agent.device == device
    assert agent.os.startswith(system)
    assert agent.agent_key.endswith(system)


def test_minor_versions_share_an_agent_key() -> None:
    newer = PEOPLE["chrome"].replace("142.0.0.0", "142.0.7000.1")

    assert read_agent(newer).agent_key == read_agent(PEOPLE["chrome"]).agent_key
    assert read_agent(newer.replace("142.", "143.")).agent_key != read_agent(newer).agent_key


@pytest.mark.parametrize(
    "hostile",
    ["A" * 100_000, "Mozilla/5.0 (" + "(" * 50_000, "bot;" * 25_000, "\x7f\x80ÿ" * 1000, "Mozilla/5.0 " + " " * 90_000],
    ids=["long", "brackets", "bots", "controls", "blanks"],
)
def test_p53_endless_agents_are_cut_before_they_are_read(hostile: str) -> None:
    started = time.perf_counter()
    agent = read_agent(hostile)

    assert len(agent.text) <= AGENT_MAX
    assert time.perf_counter() - started < 0.25  # 100 kB uncut take longer; the figure leaves room for a busy machine
