"""The forges' own test vectors."""

import base64

import pytest

from receiver.providers.signatures import is_hmac_hex, is_standard_webhook

GITHUB = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
STANDARD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
MESSAGE = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')


@pytest.mark.parametrize(
    ("secret", "body", "signature", "good"),
    [
        pytest.param(b"It's a Secret to Everybody", b"Hello, World!", GITHUB, True, id="GitHub's vector"),
        pytest.param(b"It's a Secret to Everybody", b"Hello, World?", GITHUB, False, id="another body"),
        pytest.param(b"another", b"Hello, World!", GITHUB, False, id="another secret"),
        pytest.param(b"another", b"Hello, World!", "\udcff", False, id="odd bytes"),
    ],
)
def test_hmac(secret, body, signature, good):
    assert is_hmac_hex(secret, body, signature) is good


@pytest.mark.parametrize(
    ("signatures", "now", "good"),
    [
        pytest.param(STANDARD, 1614265330, True, id="the standard's vector"),
        pytest.param(f"v1,AAAA {STANDARD}", 1614265330, True, id="one of several"),
        pytest.param(" ".join(["v1,AAAA"] * 10 + [STANDARD]), 1614265330, False, id="after more than anybody sends"),
        pytest.param(STANDARD, 1614265330 + 300, True, id="five minutes ago"),
        pytest.param(STANDARD, 1614265330 + 301, False, id="too old"),
        pytest.param(STANDARD, 1614265330 - 301, False, id="from the future"),
        pytest.param(STANDARD.replace("v1", "v2"), 1614265330, False, id="another version"),
        pytest.param("v1,not base64!", 1614265330, False, id="no base64"),
    ],
)
def test_standard_webhooks(signatures, now, good):
    assert is_standard_webhook(KEY, MESSAGE, signatures, now) is good


@pytest.mark.parametrize("timestamp", ["", "²", "١٦١٤٢٦٥٣٣٠", "-1614265330", "1614265330.0", "1e9", " 1614265330", "9" * 5000])
def test_a_time_that_is_no_number_is_refused(timestamp):
    assert not is_standard_webhook(KEY, (MESSAGE[0], timestamp, MESSAGE[2]), STANDARD, 1614265330)
