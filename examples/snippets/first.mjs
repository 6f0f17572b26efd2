// Creates a payment request and lists the latest, with fetch.
import { randomUUID } from "node:crypto";
import { Tollgate } from "tollgate-auth-client";

const tollgate = Tollgate.fromEnvironment(); // one for the process

async function call(path, options) {
  const answer = await tollgate.fetch(path, { signal: AbortSignal.timeout(30_000), ...options });
  const { success, data, error } = await answer.json();
  if (!success) throw new Error(`${answer.status} ${error.code}`);
  return data;
}

const created = await call("/api/v1/payment-requests:redirect", {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    "Idempotency-Key": randomUUID(), // store it with the order
  },
  body: JSON.stringify({
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
  }),
});
console.log("pay at", created.redirect_url);

const listed = await call("/api/v1/payment-requests?limit=1");
console.log("the latest is of", listed.items[0].amount);
