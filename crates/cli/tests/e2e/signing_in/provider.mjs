// An OpenID provider that others wrote, `oidc-provider`, at which anybody can be ada or bob. It prints its URL.
//
// Its argument is the folder of node's modules. CLIENT_SECRET is the secret of the console's client.
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(`${process.argv[2]}/`).resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(found));

const GROUPS = { ada: ["staff", "payments-operations"], bob: ["staff"] };

const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
// Another site than the console, which is at 127.0.0.1.
const url = `http://localhost:${server.address().port}`;

// It tells of what matters in production.
console.info = console.warn = () => {};

const provider = new Provider(url, {
  clients: [
    {
      client_id: "tollgate-console",
      client_secret: process.env.CLIENT_SECRET,
      // Of such a client the port is not compared (RFC 8252 §7.3).
      application_type: "native",
      redirect_uris: ["http://127.0.0.1/console/sign-in/oidc/callback"],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  claims: {
    openid: ["sub", "groups"],
    email: ["email", "email_verified"],
    profile: ["preferred_username"],
  },
  conformIdTokenClaims: false,
  cookies: { keys: ["a key of the tests"] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, accountId) => ({
    accountId,
    claims: () => ({
      sub: accountId,
      groups: GROUPS[accountId],
      email: `${accountId}@example.com`,
      email_verified: true,
      preferred_username: accountId,
    }),
  }),
  interactions: { url: (_, { uid }) => `/who/${uid}` },
  // Whoever signs in to the console has agreed to that.
  async loadExistingGrant({ oidc }) {
    const { client, session } = oidc;
    const grant = new oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile email");
    await grant.save();
    return grant;
  },
  pkce: { methods: ["S256"], required: () => true },
});

async function who(request, response) {
  const [, , uid, answer] = request.url.split("/");
  if (answer === "nobody") {
    await provider.interactionFinished(request, response, { error: "access_denied" });
  } else if (answer) {
    // A client that may be anywhere on a machine is one that its user must agree to.
    await provider.interactionFinished(request, response, { login: { accountId: answer }, consent: {} });
  } else {
    const links = ["ada", "bob", "nobody"].map((name) => `<a href="/who/${uid}/${name}">${name}</a>`);
    response.setHeader("content-type", "text/html").end(`<!doctype html><title>Who are you?</title>${links.join(" ")}`);
  }
}

const answer = provider.callback();
server.on("request", (request, response) => {
  if (request.url.startsWith("/who/")) who(request, response);
  else answer(request, response);
});
console.log(url);

// It ends with whoever started it.
process.stdin.resume().on("end", () => process.exit());
