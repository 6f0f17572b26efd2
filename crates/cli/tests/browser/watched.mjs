// A browser whose every page is watched: what it logs, what it asks for, what it gets.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request as forward } from "node:http";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Starts the system's browser. It talks to nobody but the pages that it is led to. */
function launch(home) {
  const args = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  // Its sandbox can't be set up by root, as whom tests run in containers.
  if (process.getuid() === 0) args.push("--no-sandbox");
  // What it keeps beside its profile goes with the folder.
  return chromium.launch({ executablePath: process.env.CHROMIUM, args, env: { ...process.env, HOME: home } });
}

/** Makes each visit with a browser whose home is a folder, and says in the last line how many went well. */
export async function makeAll(home, visits) {
  const browser = await launch(home);
  let passed = 0;
  try {
    for (const visit of visits) {
      const began = performance.now();
      await visit(browser);
      passed += 1;
      console.log(`${visit.name}: ${Math.round(performance.now() - began)} ms`);
    }
  } finally {
    await browser.close();
  }
  console.log(`${passed} visits`);
}

/** What is written on what has the focus. */
export function focused(page) {
  return page.evaluate(() => document.activeElement?.textContent.trim());
}

/** Stands between a browser and a server, and keeps every byte of every answer that the browser gets. */
class Tap {
  static async open(target) {
    const tap = new Tap();
    Object.assign(tap, { target, answers: [], problems: [] });
    tap.server = createServer((request, answer) => tap.pass(request, answer));
    await once(tap.server.listen(0, "127.0.0.1"), "listening");
    tap.url = `http://127.0.0.1:${tap.server.address().port}`;
    return tap;
  }

  pass(request, answer) {
    const { method, headers, url } = request;
    const broke = (error) => this.problems.push(`broke off: ${url}: ${error}`);
    const passed = forward(this.target + url, { method, headers }, (response) => {
      const chunks = [`${response.statusCode}\n${response.rawHeaders.join("\n")}\n`];
      answer.writeHead(response.statusCode, response.rawHeaders);
      response.on("data", (chunk) => chunks.push(chunk.toString("latin1")));
      response.on("end", () => this.answers.push(Buffer.from(chunks.join(""), "latin1").toString("utf8")));
      response.on("error", broke);
      response.pipe(answer);
    });
    passed.on("error", broke);
    request.pipe(passed);
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const told = ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`;

/** A visit: a browser with no past, a page in it, and what was noticed. */
export class Visit {
  static async begin(browser, target, options = {}, path = "/playground") {
    const visit = new Visit();
    visit.tap = await Tap.open(target);
    visit.url = visit.tap.url;
    // Without motion, nothing has to be waited for until it has come to rest.
    const calm = { viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" };
    visit.context = await browser.newContext({ ...calm, ...options });
    await visit.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: visit.url });
    visit.problems = [];
    visit.expected = [];
    visit.page = await visit.context.newPage();
    visit.watch(visit.page);
    await visit.page.goto(visit.url + path);
    return visit;
  }

  watch(page) {
    page.on("console", (message) => {
      const isExpected = this.expected.some((text) => message.text().includes(text));
      if (["error", "warning"].includes(message.type()) && !isExpected) {
        this.problems.push(`console: ${message.text()}`);
      }
    });
    page.on("pageerror", (error) => this.problems.push(`script: ${error.message}`));
    page.on("requestfailed", (request) => {
      const { errorText } = request.failure();
      // The browser gives up what a page still wanted, such as its icon, when the visitor leaves it.
      if (errorText !== "net::ERR_ABORTED") this.problems.push(`failed: ${request.url()}: ${errorText}`);
    });
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== this.url) this.problems.push(`elsewhere: ${request.url()}`);
    });
  }

  /** Ends the visit. Nothing must have gone wrong, and nothing secret have come. */
  async end(secrets) {
    await this.context.close();
    this.tap.close();
    assert.deepEqual([...this.problems, ...this.tap.problems], []);
    assert.ok(this.tap.answers.some((answer) => answer.includes("<main")), "the page was seen");
    for (const answer of this.tap.answers) {
      for (const secret of secrets) assert.ok(!answer.includes(secret), `a secret reached the browser: ${answer}`);
      assert.doesNotMatch(answer, /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/, "a whole token reached the browser");
    }
  }

  /** Presses a button, and returns what the page says is the result. */
  async press(name) {
    await this.page.getByRole("button", { name, exact: true }).click();
    return this.result();
  }

  /** What the page says is the result, once it is there. */
  async result() {
    await this.page.waitForFunction(() => !document.querySelector("[aria-busy]"));
    return this.page.locator("#result").innerText();
  }

  /** Presses a button, whose result must say all of this. */
  async expect(name, ...texts) {
    const result = await this.press(name);
    for (const text of texts) assert.ok(result.includes(text), `${name}: ${text} is not in: ${result}`);
    return result;
  }

  /** Presses a button that copies, and returns what is on the clipboard. */
  async copy(button) {
    await this.page.evaluate(() => navigator.clipboard.writeText("nothing was copied"));
    await button.click();
    await button.filter({ hasText: /^Copied$/ }).waitFor();
    const copied = await this.page.evaluate(() => navigator.clipboard.readText());
    assert.notEqual(copied, "nothing was copied");
    return copied;
  }

  /** What axe-core finds must be neither serious nor critical. */
  async isAccessible(where) {
    const grave = (await this.violations()).filter(({ impact }) => ["serious", "critical"].includes(impact));
    assert.deepEqual(grave.map(told), [], where);
  }

  /** axe-core finds nothing at all. */
  async isSpotless(where) {
    assert.deepEqual((await this.violations()).map(told), [], where);
  }

  async violations() {
    await this.page.evaluate(axe);
    return (await this.page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }))).violations;
  }

  /** No part of the page is wider than the screen. */
  async fits(where) {
    const [wide, screen] = await this.page.evaluate(() => [document.body.scrollWidth, innerWidth]);
    assert.ok(wide <= screen, `${where}: ${wide} of ${screen}`);
  }
}
