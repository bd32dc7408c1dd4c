"""The OpenAPI description says what the server does: schemathesis tries it."""

import pytest

pytest.importorskip("fastapi", reason="needs the serve extra")
schemathesis = pytest.importorskip("schemathesis", reason="needs the dev extra")

from hypothesis import HealthCheck, Phase, settings  # noqa: E402
from schemathesis.checks import CHECKS, load_all_checks  # noqa: E402

from specreward.serve.app import create_app  # noqa: E402
from specreward.serve.schemas import ChatRequest, CompletionRequest  # noqa: E402

from .serving import service, serving  # noqa: E402

REFUSED = [
    name
    for request in (ChatRequest, CompletionRequest)
    for name, field in request.model_fields.items()
    if "Refused" in (field.description or "")
]
HEADERS = {"Authorization": "Bearer s3cret"}
load_all_checks()
# A well-formed request may still name no model or hold no problem: the answer is 400 or 404.
CHECKED = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]


schema = schemathesis.openapi.from_dict(create_app(service(api_key="s3cret")).openapi())
schema = schema.include(path_regex="^/(v1|healthz|metrics)")
schema.config.phases.coverage.enabled = False  # hundreds of requests for each route


@pytest.fixture(scope="module")
def url():
    with serving(service(api_key="s3cret")) as url:
        yield url


def possible(body):
    """The same with a model and a problem that there are, and nothing that is refused: else hardly
    a search would run. A body that is not well formed stays so."""
    if not isinstance(body, dict):
        return body
    body = {name: value for name, value in body.items() if name not in REFUSED}
    for name, value in (("model", "cot"), ("prompt", "apple")):
        if isinstance(body.get(name), str):
            body[name] = value
    if isinstance(body.get("messages"), list) and body["messages"]:
        body["messages"] = [*body["messages"], {"role": "user", "content": "apple"}]
    if isinstance(body.get("specreward"), dict):
        body["specreward"] = {k: v for k, v in body["specreward"].items() if k != "strategy"}
    return body


@schema.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_server_keeps_to_its_description(case, url):
    case.body = possible(case.body)
    reply = case.call(base_url=url, headers=HEADERS)
    case.validate_response(reply, checks=CHECKED)


def test_every_route_is_described():
    described = create_app(service()).openapi()["paths"]
    assert {path for path in described if not path.startswith("/api")} >= {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/models",
        "/v1/models/{name}",
        "/v1/score",
        "/healthz",
        "/metrics",
    }


def test_what_is_wrong_is_described_in_the_servers_own_form():
    described = create_app(service()).openapi()
    replies = [one["responses"] for verbs in described["paths"].values() for one in verbs.values()]
    assert not any("422" in one for one in replies)
    assert {
        schema["schema"]["$ref"].rpartition("/")[2]
        for one in replies
        if "400" in one
        for schema in one["400"]["content"].values()
    } == {"ErrorReply"}
    assert not any("ValidationError" in name for name in described["components"]["schemas"])
