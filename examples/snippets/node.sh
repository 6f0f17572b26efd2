# Or one file, imported as ./tollgate-auth-client.cjs: cp ../tollgate/packages/node/src/index.cjs tollgate-auth-client.cjs
npm install ../tollgate/packages/node
export TOLLGATE_BASE_URL=http://127.0.0.1:8080
export TOLLGATE_CLIENT_ID=00000000-0000-0000-0000-000000000000
node first.mjs
