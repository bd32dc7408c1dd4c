"""A server of reward models on the loopback interface that answers as vLLM documents."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Reply:
    """One answer.

    Args:
        body: What is sent: text as it stands, anything else as JSON.
        status: Of HTTP.
        wait: Seconds before it is sent.
        headers: More of them.
        kind: The content type.
        cut: Sends only half of the body, then hangs up.
    """

    def __init__(
        self, body, status=200, *, wait=0.0, headers=(), kind="application/json", cut=False
    ):
        self.body, self.status, self.wait = body, status, wait
        self.headers, self.kind, self.cut = dict(headers), kind, cut


class Served:
    """What a server was asked, and how it answers.

    Args:
        answer: From path and request to a ``Reply`` or a body.
    """

    def __init__(self, answer):
        self.answer = answer
        self.asked = []
        self.keys = []
        self.url = ""
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()


def _handler(served):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send({"data": [{"id": "prm"}]} if self.path == "/v1/models" else {}, 200)

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with served.lock:
                served.asked.append((self.path, request))
                served.keys.append(self.headers.get("authorization"))
                served.busy += 1
                served.most_busy = max(served.most_busy, served.busy)
            reply = served.answer(self.path, request)
            reply = reply if isinstance(reply, Reply) else Reply(reply)
            time.sleep(reply.wait)
            with served.lock:
                served.busy -= 1
            try:
                self.send(reply.body, reply.status, reply)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def send(self, body, status, reply=None):
            text = body if isinstance(body, str) else json.dumps(body)
            data = text.encode()
            self.send_response(status)
            self.send_header("content-type", reply.kind if reply else "application/json")
            self.send_header("content-length", str(len(data)))
            for name, value in (reply.headers if reply else {}).items():
                self.send_header(name, value)
            self.end_headers()
            if reply and reply.cut:
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
            else:
                self.wfile.write(data)

    return Handler


@contextmanager
def serving(answer):
    """A server in a thread, for as long as the block lasts."""
    served = Served(answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(served)) as server:
        server.daemon_threads = True
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
