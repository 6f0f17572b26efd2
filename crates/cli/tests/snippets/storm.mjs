// Storms for the program that is given away. Its path and the storm are the arguments; the last line says how it went.

import { readFileSync } from "node:fs";

const [path, storm] = process.argv.slice(2);
// All but the calls that it makes by itself.
const [source] = readFileSync(path, "utf8").split("\nconst payment = ");
const program = `${source}\nexport { call, tokens };`;
const { call, tokens } = await import(`data:text/javascript,${encodeURIComponent(program)}`);

/** Makes 50 calls at once; what each got. */
async function outcomes() {
  const calling = Array.from({ length: 50 }, () => call("GET", "/api/v1/payment-requests"));
  const got = await Promise.all(calling.map((one) => one.then(({ by }) => by, (error) => `failed: ${error.message.split(";")[0]}`)));
  await tokens.renewing?.catch(() => {});
  const names = [...new Set(got)].sort().map((name) => `'${name}'`);
  console.log(`[${names.join(", ")}] ${got.length}`);
}

if (storm !== "cold") await tokens.token();
if (storm === "away") {
  tokens.renewAt = 0;
  await outcomes();
  await outcomes();
  tokens.endsAt = 0;
}
await outcomes();
