import pytest
from aiohttp import web
from multidict import MultiDict

from bridge.errors import BridgeError, InputError, NotFound, UnknownInput
from bridge.transports.http_answer import MethodNotAllowed
from bridge.transports.http_routes import Checked, Query, Route, Router, check_query


async def handler(request: web.BaseRequest, query: Checked) -> web.StreamResponse:
    raise AssertionError("never called")


def route(method: str, path: str, *query: Query, **more: bool) -> Route:
    return Route(method, path, handler, "a route", query, **more)  # type: ignore[arg-type]


ROUTER = Router(
    [
        route("GET", "/"),
        route("GET", "/s"),
        route("POST", "/s"),
        route("GET", "/s/{session}"),
        route("DELETE", "/s/{session}"),
        route("GET", "/s/{session}/{port}.mjpg"),
        route("GET", "/s/{session}/{port}"),
        route("GET", "/s/{session}/special"),
    ]
)


@pytest.mark.parametrize(
    ("path", "found", "values"),
    [
        ("/", "/", []),
        ("/s", "/s", []),
        ("/s/dream", "/s/{session}", ["dream"]),
        ("/s/dream/image.mjpg", "/s/{session}/{port}.mjpg", ["dream", "image"]),
        ("/s/dream/image.jpg", "/s/{session}/{port}", ["dream", "image.jpg"]),
        ("/s/dream/.mjpg", "/s/{session}/{port}", ["dream", ".mjpg"]),
        ("/s/dream/special", "/s/{session}/special", ["dream"]),
        ("/s/a%2Fb", "/s/{session}", ["a/b"]),
        ("/s/%73pecial", "/s/{session}", ["special"]),
    ],
)
def test_a_path_leads_to_its_route(path: str, found: str, values: list[str]) -> None:
    route, read = ROUTER.find("GET", path)
    assert (route.path, read) == (found, values)


@pytest.mark.parametrize("path", ["/x", "/s/", "/s//special", "/s/a/b/c", "//", "", "s"])
def test_a_path_that_leads_nowhere_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        ROUTER.find("POST", path)


def test_another_method_is_told_what_would_do() -> None:
    with pytest.raises(MethodNotAllowed) as raised:
        ROUTER.find("PUT", "/s/dream")
    assert raised.value.allowed == "DELETE, GET, HEAD"


def test_head_goes_where_get_goes() -> None:
    assert ROUTER.find("HEAD", "/s")[0].method == "GET"


def test_two_routes_can_not_be_the_same() -> None:
    with pytest.raises(ValueError, match="twice"):
        Router([route("GET", "/s/{a}"), route("GET", "/s/{b}")])


QUERY = route(
    "GET",
    "/q",
    Query("width", "", "integer", minimum=1, maximum=64),
    Query("wait", "", "boolean"),
    Query("policy", "", choices=("newest", "all")),
    Query("port", "", "list"),
)


def test_a_query_is_converted() -> None:
    given = MultiDict(
        [("width", "64"), ("wait", "True"), ("policy", "all"), ("port", "a,b"), ("port", "c"), ("token", "t")]
    )
    assert check_query(QUERY, given) == {"width": 64, "wait": True, "policy": "all", "port": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [("width", "0"), ("width", "65"), ("width", "-1"), ("width", "1e1"), ("width", "٣"), ("width", "9" * 5000),
     ("width", ""),
     ("wait", "maybe"), ("policy", "some"), ("policy", "")],
)  # fmt: skip
def test_a_wrong_value_is_told_with_what_it_takes(name: str, value: str) -> None:
    with pytest.raises(InputError) as raised:
        check_query(QUERY, MultiDict({name: value}))
    assert raised.value.field == name and raised.value.hint


def test_an_unknown_or_doubled_parameter_is_refused() -> None:
    with pytest.raises(UnknownInput) as raised:
        check_query(QUERY, MultiDict({"widht": "3"}))
    assert "width" in raised.value.hint
    with pytest.raises(BridgeError):
        check_query(QUERY, MultiDict([("width", "3"), ("width", "4")]))


def test_where_inputs_may_stand_in_the_query_the_rest_is_left_to_the_model() -> None:
    assert check_query(route("POST", "/r", inputs_in_query=True), MultiDict({"darkness": "1"})) == {}
