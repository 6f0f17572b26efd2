// Calls the Payment API with nothing but Node. The secret is in TOLLGATE_CLIENT_SECRET.

import { randomUUID } from "node:crypto";

const BASE_URL = process.env.TOLLGATE_BASE_URL ?? "http://127.0.0.1:8080";
const CLIENT_ID = process.env.TOLLGATE_CLIENT_ID ?? "00000000-0000-0000-0000-000000000000";

/** Sends a request; returns its status, the headers and the envelope. */
async function request(method, path, body, headers = {}) {
  const answer = await fetch(BASE_URL + path, {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  // What is no JSON is a page of something in between.
  const envelope = await answer.json().catch(() => ({ success: false, error: { code: "NO_JSON" } }));
  return { status: answer.status, headers: answer.headers, ...envelope };
}

/**
 * Holds an access token for all calls: one renewal for all who need it, a minute before its end, by the refresh token
 * while that is good. A token that is still good is used while that is under way, and when it fails.
 */
const tokens = {
  renewAt: 0,
  endsAt: 0,
  notBefore: 0,

  /** A token that can be used, and is another one than the API refused. */
  async token(refused) {
    const now = performance.now();
    const isGood = this.access !== refused && now < this.endsAt;
    if (isGood && now < this.renewAt) return this.access;
    this.renewing ??= this.renew().finally(() => (this.renewing = undefined));
    if (isGood) this.renewing.catch(() => {});
    else await this.renewing;
    return this.access;
  },

  async renew() {
    const began = performance.now();
    const wait = Math.ceil((this.notBefore - began) / 1000);
    if (wait > 0) throw new Error(`no token; the next attempt is in ${wait} s`);
    this.notBefore = began + 1000;
    let answer = { status: 401 };
    if (this.refresh) {
      answer = await request("POST", "/api/v1/oauth2/refresh", { refresh_token: this.refresh });
    }
    if (answer.status === 401) {
      const client = { client_id: CLIENT_ID, client_secret: process.env.TOLLGATE_CLIENT_SECRET };
      answer = await request("POST", "/api/v1/oauth2/token", client);
    }
    if (!answer.success) {
      this.notBefore = began + Math.min(Number(answer.headers.get("Retry-After")) || 1, 300) * 1000;
      throw new Error(`no token: ${answer.status} ${answer.error.code}`);
    }
    const life = answer.data.expires_in * 1000;
    this.renewAt = began + Math.max(life - 60_000, life / 2);
    this.endsAt = began + life - 2000;
    this.notBefore = 0;
    this.refresh = answer.data.refresh_token ?? this.refresh;
    this.access = answer.data.access_token;
  },
};

/** Calls the API. A refused token costs one renewal and one more try; the key makes a second POST harmless. */
async function call(method, path, body) {
  const headers = method === "GET" ? {} : { "Idempotency-Key": randomUUID() };
  const once = (token) => request(method, path, body, { ...headers, Authorization: `Bearer ${token}` });
  const token = await tokens.token();
  let answer = await once(token);
  if (answer.status === 401 && answer.headers.get("WWW-Authenticate")?.includes('error="invalid_token"')) {
    answer = await once(await tokens.token(token));
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
