// Calls the Payment API with nothing but Node. The secret is in TOLLGATE_CLIENT_SECRET.

import { randomUUID } from "node:crypto";

const BASE_URL = process.env.TOLLGATE_BASE_URL ?? "http://127.0.0.1:8080";
const CLIENT_ID = process.env.TOLLGATE_CLIENT_ID ?? "00000000-0000-0000-0000-000000000000";

/** Sends a request; returns its status and the envelope. */
async function request(method, path, body, headers = {}) {
  const answer = await fetch(BASE_URL + path, {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  return { status: answer.status, ...(await answer.json()) };
}

/** Holds an access token: renews it a minute before its end, by the refresh token while that is good. */
const tokens = {
  renewAt: 0,

  async token() {
    if (performance.now() >= this.renewAt) await this.renew();
    return this.access;
  },

  async renew() {
    const began = performance.now();
    let answer = { status: 401 };
    if (this.refresh) {
      answer = await request("POST", "/api/v1/oauth2/refresh", { refresh_token: this.refresh });
    }
    if (answer.status === 401) {
      const client = { client_id: CLIENT_ID, client_secret: process.env.TOLLGATE_CLIENT_SECRET };
      answer = await request("POST", "/api/v1/oauth2/token", client);
    }
    if (!answer.success) throw new Error(`no token: ${answer.status} ${answer.error.code}`);
    this.access = answer.data.access_token;
    this.refresh = answer.data.refresh_token ?? this.refresh;
    const life = answer.data.expires_in * 1000;
    this.renewAt = began + Math.max(life - 60_000, life / 2);
  },
};

/** Calls the API. A 401 costs one renewal and one more try; the key makes a second POST harmless. */
async function call(method, path, body) {
  const headers = method === "GET" ? {} : { "Idempotency-Key": randomUUID() };
  const once = async () =>
    request(method, path, body, { ...headers, Authorization: `Bearer ${await tokens.token()}` });
  let answer = await once();
  if (answer.status === 401) {
    await tokens.renew();
    answer = await once();
  }
  if (!answer.success) throw new Error(`${method} ${path}: ${answer.status} ${answer.error.code}`);
  return answer.data;
}

const payment = {
  amount: 1250,
  currency: "EUR",
  locale: "en-GB",
  customer: { name: "Ada Lovelace", email: "ada@example.com" },
  billing_address: {
    address_line1: "12 St James Square",
    city: "London",
    postal_code: "SW1Y 4JH",
    country: "GB",
  },
};

const created = await call("POST", "/api/v1/payment-requests:redirect", payment);
console.log("pay at", created.redirect_url);
const listed = await call("GET", "/api/v1/payment-requests?limit=1");
console.log("the latest is of", listed.items[0].amount);
