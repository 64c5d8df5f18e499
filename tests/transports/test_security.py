import pytest

from bridge.config import Settings
from bridge.errors import BridgeError, Forbidden, SettingError, Unauthorized
from bridge.transports.security import Security, host_name, is_loopback

LOCAL = Security(Settings())
BEYOND = Security(Settings(host="0.0.0.0", token="secret"))


def headers(host: str = "127.0.0.1:8000", **more: str) -> dict[str, str]:
    return {"Host": host, **{name.replace("_", "-"): value for name, value in more.items()}}


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:8000", "localhost.", "[::1]:8000", "192.168.1.9:8000"],
)
def test_our_names_and_any_address_are_fine_hosts(host: str) -> None:
    assert LOCAL.check("POST", headers(host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "evil.com:8000",
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "[evil]",
        "[::1",
        "a b",
        "",
        "localhost:x",
    ],
)
def test_a_name_that_is_not_ours_is_refused_against_rebinding(host: str) -> None:
    with pytest.raises(Forbidden) as raised:
        LOCAL.check("GET", headers(host))
    assert raised.value.field == "Host"


def test_a_caller_without_a_host_header_is_no_browser() -> None:
    assert LOCAL.check("POST", {}) is None


def test_a_name_can_be_allowed() -> None:
    security = Security(Settings(allow_hosts=("studio.local",)))
    assert security.check("GET", headers("Studio.local:8000")) is None
    with pytest.raises(Forbidden):
        security.check("GET", headers("other.local"))


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8000",
        "http://localhost:5500",
        "https://localhost",
        "http://[::1]:3000",
        "https://editor.p5js.org",
        "https://preview.p5js.org",
        "https://openprocessing.org",
        "https://preview.openprocessing.org",
    ],
)
def test_pages_of_this_machine_and_the_sketch_editors_may_call(origin: str) -> None:
    cors = LOCAL.check("POST", headers(Origin=origin))
    assert cors is not None and cors["Access-Control-Allow-Origin"] == origin
    assert LOCAL.check("POST", headers(Origin=origin)) == cors


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.com",
        "http://localhost.evil.com",
        "http://127.0.0.1.evil.com",
        "http://evil.com/localhost",
        "http://localhost@evil.com",
        "http://preview.p5js.org",
        "https://preview.p5js.org.evil.com",
        "null",
        "file://",
        "",
        "http://[",
    ],
)
def test_any_other_page_may_not_whatever_it_asks(origin: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        with pytest.raises(Forbidden) as raised:
            LOCAL.check(method, headers(Origin=origin))
        assert raised.value.field == "Origin"


def test_our_own_page_may_call_by_whatever_allowed_name_it_was_opened() -> None:
    security = Security(Settings(allow_hosts=("studio.local",)))
    assert security.check("POST", headers("studio.local:8000", Origin="http://studio.local:8000"))
    with pytest.raises(Forbidden):
        security.check("POST", headers("127.0.0.1:8000", Origin="http://studio.local:8000"))


def test_what_was_fine_for_one_host_is_not_remembered_for_another() -> None:
    security = Security(Settings(allow_hosts=("studio.local", "other.local")))
    security.check("POST", headers("studio.local", Origin="http://studio.local"))
    with pytest.raises(Forbidden):
        security.check("POST", headers("other.local", Origin="http://studio.local"))


def test_pages_from_disk_can_be_allowed() -> None:
    assert Security(Settings(allow_origins=("null",))).check("POST", headers(Origin="null"))


def test_a_cross_site_form_that_hides_its_origin_is_refused() -> None:
    with pytest.raises(Forbidden):
        LOCAL.check("POST", headers(Sec_Fetch_Site="cross-site"))
    assert LOCAL.check("GET", headers(Sec_Fetch_Site="cross-site")) is None


def test_a_preflight_is_answered_with_what_browsers_ask_for() -> None:
    asked = headers(Origin="http://localhost:5500", Access_Control_Request_Private_Network="true")
    cors = LOCAL.check("OPTIONS", asked)
    assert cors is not None
    answer = LOCAL.preflight(asked, cors)
    assert answer["Access-Control-Allow-Private-Network"] == "true"
    assert (
        "PATCH" in answer["Access-Control-Allow-Methods"] and "Authorization" in answer["Access-Control-Allow-Headers"]
    )


def test_beyond_loopback_a_token_has_to_be_set() -> None:
    with pytest.raises(SettingError) as raised:
        Security(Settings(host="0.0.0.0"))
    assert raised.value.field == "token"


def test_loopback_without_a_token_asks_for_none() -> None:
    LOCAL.authorize(headers(), "127.0.0.1")


@pytest.mark.parametrize("peer", ["192.168.1.20", "::ffff:10.0.0.3", "fe80::1", None])
def test_a_caller_from_elsewhere_shows_the_token(peer: str | None) -> None:
    for shown in (headers(), headers(Authorization="Bearer wrong"), headers(Authorization="Basic secret")):
        with pytest.raises(Unauthorized):
            BEYOND.authorize(shown, peer)
    BEYOND.authorize(headers(Authorization="Bearer secret"), peer)
    BEYOND.authorize(headers(), peer, "secret")


def test_a_token_that_is_no_ascii_is_just_wrong() -> None:
    with pytest.raises(Unauthorized):
        BEYOND.authorize(headers(), "10.0.0.3", "séc\udc80ret")


def test_a_program_on_this_machine_needs_no_token() -> None:
    BEYOND.authorize(headers(), "127.0.0.1")
    BEYOND.authorize(headers("localhost:8000"), "::1")


def test_a_proxy_on_this_machine_does_not_pass_for_one() -> None:
    for shown in (
        headers(X_Forwarded_For="10.0.0.3"),
        headers(Forwarded="for=10.0.0.3"),
        headers("bridge.example.org"),
    ):
        with pytest.raises(Unauthorized):
            BEYOND.authorize(shown, "127.0.0.1")


def test_a_token_set_on_loopback_is_asked_of_everybody() -> None:
    security = Security(Settings(token="secret"))
    with pytest.raises(Unauthorized):
        security.authorize(headers(), "127.0.0.1")


def test_an_error_never_repeats_a_token() -> None:
    with pytest.raises(BridgeError) as raised:
        BEYOND.authorize(headers(Authorization="Bearer almost-secret"), "10.0.0.3")
    assert "secret" not in f"{raised.value.message} {raised.value.hint}"


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.8.9.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("", False), ("::", False)]
)
def test_loopback_is_told_from_the_rest(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_host_is_read_without_its_port() -> None:
    assert host_name("[::1]:80") == "::1"
    assert host_name("A.b:80") == "a.b"
    assert host_name("a/b") is None
