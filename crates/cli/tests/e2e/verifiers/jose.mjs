// Verifies tokens as an API in JavaScript does, with the keys that the issuer publishes.
//
//   node jose.mjs MODULES ISSUER AUDIENCE < TOKENS        a token a line; prints a line for each: good, or why not
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [modules, issuer, audience] = process.argv.slice(2);
const found = createRequire(`${modules}/`).resolve("jose");
const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(found));

const discovered = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
if (discovered.issuer !== issuer) throw new Error(`the issuer calls itself ${discovered.issuer}`);
const keys = createRemoteJWKSet(new URL(discovered.jwks_uri), { cooldownDuration: 0 });

for await (const line of createInterface({ input: process.stdin })) {
  const [token, at] = line.split(" ");
  const currentDate = at ? new Date(Number(at) * 1000) : undefined;
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience, typ: "at+jwt", currentDate });
    console.log(`good ${payload.client_id} ${payload.scope}`);
  } catch (error) {
    console.log(error.code ?? error.message);
  }
}
