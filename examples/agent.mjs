// A payment request through `tollgate agent`, by Node's standard library alone.
//
//     tollgate dev &
//     tollgate agent --listen unix:agent.sock &
//     TOLLGATE_AGENT=unix:agent.sock node examples/agent.mjs
//
// The program knows no secret and no token: the agent adds the token, and an Idempotency-Key to a POST without one. It
// brings a key of its own, so that it can repeat the request itself when there was no answer.

import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const agent = process.env.TOLLGATE_AGENT ?? "127.0.0.1:7070";

const where = agent.startsWith("unix:")
  ? { socketPath: agent.slice("unix:".length) }
  : { host: new URL(`http://${agent}`).hostname, port: new URL(`http://${agent}`).port };

const payment = {
  amount: 1250,
  currency: "EUR",
  locale: "en-GB",
  payment_reference: "ORDER1",
  customer: { name: "Ada Lovelace", email: "ada@example.com" },
  billing_address: {
    address_line1: "12 St James Square",
    city: "London",
    postal_code: "SW1Y 4JH",
    country: "GB",
  },
};

function send(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = request({ ...where, method, path, headers, timeout: 90_000 }, async (answer) => {
      try {
        answer.setEncoding("utf8");
        let text = "";
        for await (const chunk of answer) text += chunk;
        resolve({ status: answer.statusCode, headers: answer.headers, body: JSON.parse(text) });
      } catch (error) {
        reject(error);
      }
    });
    sent.on("timeout", () => sent.destroy(new Error("the agent does not answer")));
    sent.on("error", reject);
    sent.end(body);
  });
}

// Calls the API. Where no answer came, the same request is sent again: its key makes that safe.
async function call(method, path, { body, key } = {}) {
  const headers = { "X-Tollgate-Agent": "1", "Content-Type": "application/json" };
  if (key) headers["Idempotency-Key"] = key;
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await send(method, path, headers, body && JSON.stringify(body));
      if (answer.status < 500 || attempt === 3) return answer;
      await sleep(1_000 * Number(answer.headers["retry-after"] ?? 1));
    } catch (error) {
      if (attempt === 3) throw error;
      await sleep(1_000 * attempt);
    }
  }
}

const created = await call("POST", "/api/v1/payment-requests:redirect", { body: payment, key: randomUUID() });
if (created.status !== 201) {
  console.error(`${created.status} ${created.body.error.code}: ${created.body.error.message}`);
  process.exit(1);
}
console.log("pay at", created.body.data.redirect_url);
const listed = await call("GET", "/api/v1/payment-requests?limit=1");
console.log("the latest is of", listed.body.data.items[0].amount);
