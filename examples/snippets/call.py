"""Calls the Payment API by the standard library alone. The secret is in TOLLGATE_CLIENT_SECRET."""

import json
import os
import time
import urllib.error
import urllib.request
import uuid

BASE_URL = os.environ.get("TOLLGATE_BASE_URL", "http://127.0.0.1:8080")
CLIENT_ID = os.environ.get("TOLLGATE_CLIENT_ID", "00000000-0000-0000-0000-000000000000")


def request(method, path, body=None, headers=None):
    """Sends a request; returns its status and the envelope."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    data = None if body is None else json.dumps(body).encode()
    sent = urllib.request.Request(BASE_URL + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


class Tokens:
    """Holds an access token: renews it a minute before its end, by the refresh token while that is good."""

    access = refresh = None
    renew_at = 0.0

    def token(self):
        if time.monotonic() >= self.renew_at:
            self.renew()
        return self.access

    def renew(self):
        began = time.monotonic()
        status, answer = 401, None
        if self.refresh:
            status, answer = request("POST", "/api/v1/oauth2/refresh", {"refresh_token": self.refresh})
        if status == 401:
            client = {"client_id": CLIENT_ID, "client_secret": os.environ["TOLLGATE_CLIENT_SECRET"]}
            status, answer = request("POST", "/api/v1/oauth2/token", client)
        if status != 200:
            raise RuntimeError(f"no token: {status} {answer['error']['code']}")
        granted = answer["data"]
        self.access = granted["access_token"]
        self.refresh = granted.get("refresh_token", self.refresh)
        life = granted["expires_in"]
        self.renew_at = began + max(life - 60, life / 2)


tokens = Tokens()


def call(method, path, body=None):
    """Calls the API. A 401 costs one renewal and one more try; the key makes a second POST harmless."""
    headers = {} if method == "GET" else {"Idempotency-Key": str(uuid.uuid4())}
    for last in (False, True):
        headers["Authorization"] = f"Bearer {tokens.token()}"
        status, answer = request(method, path, body, headers)
        if status != 401 or last:
            break
        tokens.renew()
    if not answer["success"]:
        raise RuntimeError(f"{method} {path}: {status} {answer['error']['code']}")
    return answer["data"]


PAYMENT = {
    "amount": 1250,
    "currency": "EUR",
    "locale": "en-GB",
    "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
    "billing_address": {
        "address_line1": "12 St James Square",
        "city": "London",
        "postal_code": "SW1Y 4JH",
        "country": "GB",
    },
}

print("pay at", call("POST", "/api/v1/payment-requests:redirect", PAYMENT)["redirect_url"])
print("the latest is of", call("GET", "/api/v1/payment-requests?limit=1")["items"][0]["amount"])
