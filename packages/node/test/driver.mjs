// Plays the scenarios of packages/scenarios. One JSON object a line, on both sides.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { inspect } from "node:util";

import * as esm from "../src/index.mjs";

const kits = { esm, cjs: createRequire(import.meta.url)("../src/index.cjs") };
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
let base, kit, clock, errors, Refused, OriginError, ConfigurationError, Unavailable, TollgateError;

// Stands still unless it is told otherwise, or somebody sleeps.
class Clock {
  at = { monotonic: 1000, wall: 1.8e9 };
  slept = 0;
  monotonic = () => this.at.monotonic;
  wall = () => this.at.wall;
  async sleep(seconds) {
    this.slept += seconds;
    this.advance(seconds, seconds);
  }
  advance(monotonic, wall) {
    this.at = { monotonic: this.at.monotonic + monotonic, wall: this.at.wall + wall };
  }
}

const count = (found) => found.reduce((all, one) => ({ ...all, [one]: (all[one] ?? 0) + 1 }), {});

function kindOf(error) {
  if (!(error instanceof TollgateError)) throw error;
  const kinds = [[Refused, "refused"], [OriginError, "origin"], [ConfigurationError, "configuration"], [Unavailable, "unavailable"]];
  return kinds.find(([type]) => error instanceof type)[1];
}

function note(error) {
  const { code, status, requestId } = error;
  console.error(error, inspect(error, { depth: 9, showHidden: true }));
  errors.push({ kind: kindOf(error), code, status, request_id: requestId, text: `${error.stack} ${JSON.stringify(error)}` });
  return kindOf(error);
}

/** Processor time of one call, in microseconds. */
async function spent(n, call) {
  await (await call()).arrayBuffer();
  const before = process.cpuUsage();
  for (let i = 0; i < n; i++) await (await call()).arrayBuffer();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / n;
}

const ops = {
  async new({ environment, face, variant, callback }) {
    base = environment.TOLLGATE_BASE_URL;
    ({ Refused, OriginError, ConfigurationError, Unavailable, TollgateError } = kits[variant]);
    [clock, errors] = [new Clock(), []];
    const options = { face, clock };
    const read = (name) => readFileSync(environment[name].replace("file:", ""), "utf8").trim();
    if (callback) {
      options.credentials = async () => ({ clientId: read("TOLLGATE_CLIENT_ID"), clientSecret: read("TOLLGATE_CLIENT_SECRET") });
    }
    try {
      kit = kits[variant].Tollgate.fromEnvironment(environment, options);
      return {};
    } catch (error) {
      return { error: kindOf(error), text: error.message };
    }
  },
  async call({ n, method, path, body, stream, hold }) {
    const before = clock.slept;
    const one = async () => {
      const headers = body ? { "Content-Type": "application/json" } : {};
      const content = stream ? new Blob([body]).stream() : (body ?? undefined);
      try {
        const answer = await kit.fetch(path, { method, headers, body: content, ...(stream && { duplex: "half" }) });
        await answer.arrayBuffer();
        return String(answer.status);
      } catch (error) {
        return note(error);
      }
    };
    const calls = Array.from({ length: n }, one);
    if (hold) say({ started: true });
    const outcomes = count(await Promise.all(calls));
    return { outcomes, slept: clock.slept - before, errors: errors.splice(0).slice(0, 1) };
  },
  async cost({ n, path }) {
    const headers = { Authorization: `Bearer ${await kit.token()}` };
    const bare = () => fetch(base + path, { headers });
    return { bare: await spent(n, bare), kit: await spent(n, () => kit.fetch(path)) };
  },
  async storm({ n }) {
    const token = await kit.token();
    const calls = Array.from({ length: n }, () => kit.renewed(token));
    say({ started: true });
    return { outcomes: count((await Promise.all(calls)).map((newer) => (newer ? "renewed" : "none"))) };
  },
  async advance({ monotonic, wall }) {
    clock.advance(monotonic, wall);
    return {};
  },
  async settle() {
    await kit.settled();
    return {};
  },
  async show() {
    console.error(kit, `${kit}`, JSON.stringify(kit));
    return { shown: [inspect(kit, { showHidden: true, depth: 9 }), JSON.stringify(kit)] };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  await ops[command.op](command).then(say, (error) => say({ crash: error.stack }));
}
