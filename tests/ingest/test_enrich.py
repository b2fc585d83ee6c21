# ruff: noqa: E501  # User agents are one line each.
import time

import pytest

from ingest.enrich import AGENT_MAX, read_agent

P53_S = 0.005  # with ua-parser-rs; the engine of Python alone takes twice as long

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
    ("agent", "reason"), [(PEOPLE["chrome"], None), ("", "empty"), ("curl/8.5.0", "curl"), (PEOPLE["vk app"], None)]
)
def test_agent_carries_the_verdict_and_its_sign(agent, reason):
    read = read_agent(agent)

    assert (read.is_bot, read.bot_reason) == (reason is not None, reason)


def test_agents_that_differ_behind_the_cut_are_one():
    start = PEOPLE["chrome"].ljust(AGENT_MAX, "x")

    assert read_agent(start + "a") is read_agent(start + "b")


@pytest.mark.parametrize(
    "hostile",
    ["A" * 100_000, "Mozilla/5.0 (" + "(" * 50_000, "bot;" * 25_000, "\x7f\x80ÿ" * 1000, "Mozilla/5.0 " + " " * 90_000],
    ids=["long", "brackets", "bots", "controls", "blanks"],
)
def test_p53_endless_agents_are_cut_before_they_are_read(hostile: str) -> None:
    read_agent("warm")  # compiles the expressions
    times = []
    for number in range(3):
        started = time.thread_time()
        agent = read_agent(f"{number}{hostile}")
        times.append(time.thread_time() - started)

        assert len(agent.text) <= AGENT_MAX
    assert min(times) < P53_S
