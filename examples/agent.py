"""A payment request through `tollgate agent`, by the standard library alone.

    tollgate dev &
    tollgate agent --listen unix:agent.sock &
    TOLLGATE_AGENT=unix:agent.sock python3 examples/agent.py

The program knows no secret and no token: the agent adds the token, and an Idempotency-Key to a POST without one. It
brings a key of its own, so that it can repeat the request itself when there was no answer.
"""

import http.client
import json
import os
import socket
import sys
import time
import uuid

AGENT = os.environ.get("TOLLGATE_AGENT", "127.0.0.1:7070")

PAYMENT = {
    "amount": 1250,
    "currency": "EUR",
    "locale": "en-GB",
    "payment_reference": "ORDER1",
    "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
    "billing_address": {
        "address_line1": "12 St James Square",
        "city": "London",
        "postal_code": "SW1Y 4JH",
        "country": "GB",
    },
}


class UnixConnection(http.client.HTTPConnection):
    """A connection to a socket in the file system."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def connection():
    if AGENT.startswith("unix:"):
        return UnixConnection(AGENT.removeprefix("unix:"), timeout=90)
    return http.client.HTTPConnection(AGENT, timeout=90)


def call(method, path, body=None, key=None):
    """Calls the API. Where no answer came, the same request is sent again: its key makes that safe."""
    headers = {"X-Tollgate-Agent": "1", "Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    for attempt in range(1, 4):
        agent = connection()
        try:
            agent.request(method, path, body and json.dumps(body), headers)
            answer = agent.getresponse()
            status, answered = answer.status, json.load(answer)
            if status < 500 or attempt == 3:
                return status, answered
            time.sleep(int(answer.headers.get("Retry-After", "1")))
        except OSError:
            if attempt == 3:
                raise
            time.sleep(attempt)
        finally:
            agent.close()


def main():
    status, created = call(
        "POST", "/api/v1/payment-requests:redirect", PAYMENT, key=str(uuid.uuid4())
    )
    if status != 201:
        sys.exit(f"{status} {created['error']['code']}: {created['error']['message']}")
    print("pay at", created["data"]["redirect_url"])
    status, listed = call("GET", "/api/v1/payment-requests?limit=1")
    print("the latest is of", listed["data"]["items"][0]["amount"])


main()
