import base64

import pytest

from ingest.signatures import WINDOW_S, decode_secret, is_signed, sign, signed_content

SECRET, OTHER = b"one secret", b"another secret"
NOW_S = 1_790_000_000
BODY = b'{"k":"pk","t":"sale"}'


def check(
    signature: str, *, timestamp: str = str(NOW_S), content: bytes = BODY, secrets: tuple[bytes, ...] = (SECRET,)
) -> bool:
    return is_signed(
        secrets, message_id="msg_1", timestamp=timestamp, signature=signature, content=content, now_s=NOW_S
    )


def made(secret: bytes = SECRET, *, timestamp: str = str(NOW_S), content: bytes = BODY) -> str:
    return sign(secret, message_id="msg_1", timestamp=timestamp, content=content)


def test_the_reference_vector_of_standard_webhooks_fits() -> None:
    """The worked example of the Standard Webhooks specification."""
    secret = decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = b'{"test": 2432232314}'

    assert (
        sign(secret, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp="1614265330", content=content)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_p25_a_good_signature_of_either_secret_fits() -> None:
    assert check(made())
    assert check(made(OTHER), secrets=(SECRET, OTHER))
    assert check(f"v1,AAAA {made()}")


@pytest.mark.parametrize(
    "signature",
    ["", "v1,", "v1,AAAA", made(OTHER), made().replace("v1,", "v2,"), made()[:-2], made() + "x", "ü", " " * 500],
)
def test_p25_a_wrong_signature_never_fits(signature: str) -> None:
    assert not check(signature)


def test_p25_another_body_or_id_does_not_fit() -> None:
    assert not check(made(), content=BODY + b" ")
    assert not is_signed(
        (SECRET,), message_id="msg_2", timestamp=str(NOW_S), signature=made(), content=BODY, now_s=NOW_S
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-WINDOW_S, True), (-WINDOW_S - 1, False), (WINDOW_S, True), (WINDOW_S + 1, False), (0, True)],
)
def test_p25_the_window_is_300_seconds_both_ways(seconds: int, expected: bool) -> None:
    timestamp = str(NOW_S + seconds)

    assert check(made(timestamp=timestamp), timestamp=timestamp) is expected


@pytest.mark.parametrize("timestamp", ["", "-1", "1e9", " 1790000000", "١٧٩٠٠٠٠٠٠٠", "9" * 5000, "1790000000.0", "now"])
def test_a_timestamp_that_is_no_time_never_fits(timestamp: str) -> None:
    """Thousands of digits once ended in a server error: Python refuses to read them."""
    assert not check(made(timestamp=timestamp), timestamp=timestamp)


def test_no_secret_means_no_signature_fits() -> None:
    assert not check(made(), secrets=())


def test_fields_variant_signs_the_body_without_them_sorted_and_without_blanks() -> None:
    fields = {
        "webhook-id": "m",
        "t": "sale",
        "a": {"y": 1, "x": "ü"},
        "webhook-timestamp": "1",
        "webhook-signature": "s",
    }

    assert signed_content(fields) == '{"a":{"x":"ü","y":1},"t":"sale"}'.encode()


def test_only_base64_is_a_secret() -> None:
    assert decode_secret("whsec_" + base64.b64encode(SECRET).decode()) == SECRET
    with pytest.raises(ValueError, match="whsec_"):
        decode_secret("whsec_not base64!")
