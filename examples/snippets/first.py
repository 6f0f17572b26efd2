"""Creates a payment request and lists the latest, with requests."""

import uuid

import requests
from tollgate_client import Tollgate

tollgate = Tollgate.from_environment()  # one for the process
api = requests.Session()
api.auth = tollgate

created = api.post(
    tollgate.base_url + "/api/v1/payment-requests:redirect",
    headers={"Idempotency-Key": str(uuid.uuid4())},  # store it with the order
    json={
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
    },
    timeout=30,
)
created.raise_for_status()
print("pay at", created.json()["data"]["redirect_url"])

listed = api.get(tollgate.base_url + "/api/v1/payment-requests?limit=1", timeout=30)
listed.raise_for_status()
print("the latest is of", listed.json()["data"]["items"][0]["amount"])
