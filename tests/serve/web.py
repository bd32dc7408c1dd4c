"""Requests without a look at the certificates of the world, which takes longer than an answer."""

from contextlib import contextmanager

try:
    import httpx2 as httpx  # what newer versions of OpenAI's client bring
except ModuleNotFoundError:
    import httpx

TimeoutException = httpx.TimeoutException


def _client():
    return httpx.Client(verify=False, trust_env=False)


def get(url, **more):
    with _client() as client:
        return client.get(url, **more)


def post(url, **more):
    with _client() as client:
        return client.post(url, **more)


@contextmanager
def stream(method, url, **more):
    with _client() as client, client.stream(method, url, **more) as reply:
        yield reply
