// An API in JavaScript, whose tokens express-oauth2-jwt-bearer verifies by the keys that the issuer publishes.
//
//   node api.mjs MODULES LIBRARY ISSUER AUDIENCE        says "serves ADDRESS"; GET answers 200 with the scope, or 401
import { createRequire } from "node:module";

const [modules, , issuer, audience] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const express = require("express");
const { auth } = require("express-oauth2-jwt-bearer");

const api = express();
// Five minutes pass before a published key signs. In the test none do, so there is no pause between two looks at the keys.
api.use(auth({ issuerBaseURL: issuer, audience, strict: true, tokenSigningAlg: "ES256", cooldownDuration: 0 }));
api.get("/payments", (request, response) => response.send(request.auth.payload.scope));
api.use((error, _request, response, _next) => {
  console.error(error.message);
  response.status(error.status ?? 500).set(error.headers ?? {}).end();
});
const server = api.listen(0, "127.0.0.1", () => console.log(`serves 127.0.0.1:${server.address().port}`));
