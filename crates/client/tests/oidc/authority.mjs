// An authority that others wrote: `oidc-provider`. It prints its URL.
import { once } from 'node:events';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}`;

// Each may authenticate by Basic and in the body.
const client = (client_id) => ({
  client_id,
  client_secret: process.env.CLIENT_SECRET,
  scope: 'payments:read',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
});

// It warns of what matters in production.
console.warn = () => {};

const provider = new Provider(url, {
  clients: [client('shop'), client('short-lived')],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
  },
  scopes: ['payments:read', 'payments:write'],
  ttl: { ClientCredentials: (ctx, token, { clientId }) => (clientId === 'short-lived' ? 4 : 600) },
});
server.on('request', provider.callback());
console.log(url);

// It ends with whoever started it.
process.stdin.resume().on('end', () => process.exit());
