// Visits the console as people do: by mouse, by keyboard, without scripts, on a phone, in the dark.
//
// CONSOLE_URL is where it is, DATA the folder of the `dev` that serves it, and PROVIDER the OpenID provider that people can sign in by.
// The last line says how many visits went well.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { Visit, focused, makeAll } from "./watched.mjs";

const { CONSOLE_URL, DATA, PROVIDER, BINARIES, SHOTS } = process.env;
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "tollgate-console-"));
/** What the browser says of an answer that is no success, whose page is shown all the same. */
const REFUSED = "Failed to load resource: the server responded with a status of 4";

const visits = [
  async function everyActByMouse(browser) {
    const visit = await begin(browser);
    await administer(visit);
    await signOut(visit);
  },

  async function everyActWithoutScriptsOnAPhoneInTheDark(browser) {
    const visit = await begin(browser, {
      javaScriptEnabled: false,
      colorScheme: "dark",
      viewport: { width: 320, height: 640 },
    });
    await administer(visit);
    await signOut(visit);
  },

  async function everyPageInEveryLook(browser) {
    for (const [look, options] of Object.entries({
      light: {},
      "phone-dark": { viewport: { width: 320, height: 640 }, colorScheme: "dark" },
    })) {
      const visit = await begin(browser, options);
      for (const [name, path] of await pages(visit)) {
        await visit.page.goto(visit.url + path);
        await lookAt(visit, `${name}-${look}`);
      }
      await signOut(visit);
    }
  },

  async function everythingByKeyboard(browser) {
    const visit = await Visit.begin(browser, CONSOLE_URL, {}, "/console/sign-in");
    const { page } = visit;
    await page.goto(await link(visit));
    await tabTo(page, "Sign in");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${visit.url}/console`);
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "To the content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    await page.goto(`${visit.url}/console/merchants`);
    await tabTo(page, "New merchant");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${visit.url}/console/merchants/new`);
    await tabToField(page, "name");
    await page.keyboard.type("Made by keyboard");
    await page.keyboard.press("Enter");
    await page.waitForURL(/done=created/);
    await tabTo(page, "Delete");
    await page.keyboard.press("Enter");
    await page.waitForURL(/delete$/);
    await tabToField(page, "confirm");
    await page.keyboard.press("Space");
    await tabTo(page, "Delete");
    await page.keyboard.press("Enter");
    await page.waitForURL(/done=deleted/);
    await visit.end([]);
  },

  async function figuresAreRenewed(browser) {
    const visit = await begin(browser);
    const renewed = visit.page.waitForResponse(`${visit.url}/console/figures`);
    await visit.page.clock.install();
    await visit.page.goto(`${visit.url}/console`);
    await visit.page.clock.runFor(11_000);
    assert.equal((await renewed).status(), 200);
    await visit.page.locator("#figures svg").first().waitFor();
    await lookAt(visit, "renewed");
    await signOut(visit);
  },

  async function byTheProviderWithAndWithoutScripts(browser) {
    for (const javaScriptEnabled of [true, false]) {
      const visit = await beginBetweenSites(browser, { javaScriptEnabled });
      const { context, page, problems } = visit;
      await signInByProvider(visit, "ada");
      await page.waitForURL(`${CONSOLE_URL}/console`);
      await page.getByText("ada@example.com").first().waitFor();
      const cookies = (await context.cookies()).filter(({ name }) => name.startsWith("__Host-"));
      assert.deepEqual(
        cookies.map(({ name, httpOnly, secure, sameSite }) => [name, httpOnly, secure, sameSite]),
        [["__Host-tollgate-console", true, true, "Strict"]],
      );
      await page.getByRole("link", { name: "Merchants" }).click();
      await page.getByRole("heading", { name: "Merchants", exact: true }).waitFor();
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("status").filter({ hasText: "You are signed out" }).waitFor();
      assert.deepEqual(problems, []);
      await context.close();
    }
  },

  async function whoIsNotLetInIsToldWhy(browser) {
    for (const [who, told] of Object.entries({
      bob: "none of your groups has a role here",
      nobody: "The provider did not sign you in",
    })) {
      const visit = await beginBetweenSites(browser, { viewport: { width: 320, height: 640 }, colorScheme: "dark" });
      await signInByProvider(visit, who);
      await visit.page.getByRole("alert").filter({ hasText: told }).waitFor();
      assert.equal((await visit.context.cookies()).filter(({ name }) => name.startsWith("__Host-")).length, 0);
      if (SHOTS) await visit.page.screenshot({ path: join(SHOTS, `console-provider-${who}.png`), fullPage: true });
      assert.deepEqual(visit.problems, []);
      await visit.context.close();
    }
  },

  async function aLinkIsGoodOnce(browser) {
    const visit = await begin(browser);
    const used = await link(visit);
    const other = await Visit.begin(browser, CONSOLE_URL, {}, "/console/sign-in");
    await other.page.goto(used.replace(visit.url, other.url));
    await other.page.getByRole("button", { name: "Sign in" }).click();
    await other.page.waitForURL(`${other.url}/console`);
    await other.end([]);
    visit.expected.push(REFUSED);
    await visit.page.goto(used);
    await visit.page.getByRole("button", { name: "Sign in" }).click();
    await visit.page.getByRole("alert").filter({ hasText: "This link was used before" }).waitFor();
    await lookAt(visit, "used-link");
    await visit.end([]);
  },
];

/** Begins a visit straight at the console: what leads from one site to another, and back, is what matters. */
async function beginBetweenSites(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const visit = { context, page, problems: [], hasScripts: options?.javaScriptEnabled !== false };
  page.on("console", (message) => {
    const isExpected = message.text().includes(REFUSED);
    if (["error", "warning"].includes(message.type()) && !isExpected) visit.problems.push(message.text());
  });
  await page.goto(`${CONSOLE_URL}/console/sign-in`);
  return visit;
}

/** Signs in by the provider, as somebody there. */
async function signInByProvider(visit, who) {
  const { page } = visit;
  await page.getByRole("link", { name: "Sign in by Example login" }).click();
  await page.waitForURL(`${PROVIDER}/who/*`);
  await page.getByRole("link", { name: who }).click();
}

/** Begins a visit, and signs in. */
async function begin(browser, options) {
  const visit = await Visit.begin(browser, CONSOLE_URL, options, "/console");
  const { page } = visit;
  visit.hasScripts = options?.javaScriptEnabled !== false;
  assert.equal(page.url(), `${visit.url}/console/sign-in`);
  await lookAt(visit, "signed-out");
  await page.goto(await link(visit));
  await lookAt(visit, "link");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${visit.url}/console`);
  const [cookie] = await visit.context.cookies();
  const { name, httpOnly, secure, sameSite } = cookie;
  assert.deepEqual([name, httpOnly, secure, sameSite], ["__Host-tollgate-console", true, true, "Strict"]);
  return visit;
}

async function link(visit) {
  const words = ["console", "link", "--data", DATA, "--user", "ada@example.com", "--url", visit.url];
  const { stdout } = await run(join(BINARIES, "tollgate"), [...words, "--format", "json"]);
  return JSON.parse(stdout).url;
}

/** Does every act, on a merchant and a client of its own. */
async function administer(visit) {
  const { page } = visit;
  visit.expected.push(REFUSED);
  await page.getByRole("link", { name: "Merchants" }).click();
  await lookAt(visit, "merchants");
  await page.getByRole("link", { name: "New merchant" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("\u202eeman");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("alert").filter({ hasText: "Name must have 1 to 255 characters" }).waitFor();
  await lookAt(visit, "wrong-name");
  await page.getByRole("textbox", { name: "Name" }).fill("Corner shop");
  await page.getByLabel("Reason").fill("T-1");
  await send(visit, "Create", "It was created.");
  await change(visit, "Rename", async () => page.getByRole("textbox", { name: "Name" }).fill("Kiosk"), "It has its new name.");
  await change(visit, "Disable", async () => page.getByLabel("Reason").fill("fraud"), "It is disabled");
  await change(visit, "Enable", async () => {}, "It is enabled again");
  await change(visit, "Revoke all tokens", async () => {}, "Every token of before");
  const merchant = page.url().replace(/\?.*/, "");
  await client(visit);
  await tokens(visit);
  await page.goto(merchant);
  await page.getByRole("link", { name: "Delete" }).click();
  await page.getByLabel("Delete it with everything that is its own").check();
  await lookAt(visit, "delete");
  await send(visit, "Delete", "It was deleted.");
}

/** Rotates the keys, revokes a token, asks why one is refused, and finds all of it in the trail. */
async function tokens(visit) {
  const { page } = visit;
  await page.getByRole("link", { name: "Keys" }).click();
  await change(visit, "Rotate", async () => page.getByLabel("Reason").fill("T-3"), "The key was added.");
  await lookAt(visit, "rotated");
  await page.getByRole("link", { name: "Revocations" }).click();
  await page.getByRole("link", { name: "Revoke a token" }).click();
  await page.getByLabel("Token id").fill("Vb3L9RACLcjNhEcGzdRnXg");
  await send(visit, "Revoke", "The token was revoked");
  await lookAt(visit, "token-revoked");
  await page.getByRole("link", { name: "Why refused" }).click();
  await page.getByLabel("Token or request id").fill("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.");
  await page.getByRole("button", { name: "Find out" }).click();
  await page.getByText("Anybody may have written this").waitFor();
  await lookAt(visit, "why-refused");
  await page.getByRole("link", { name: "Audit trail" }).click();
  await page.getByRole("textbox", { name: "Act begins with" }).fill("key.rotate");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByText("T-3").first().waitFor();
  await lookAt(visit, "trail");
}

/** Does every act on a new client of the merchant that is shown. */
async function client(visit) {
  const { page } = visit;
  await page.getByRole("link", { name: "New client" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("till");
  await page.getByLabel("May call from").fill("somewhere");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("alert").waitFor();
  await lookAt(visit, "wrong-network");
  await page.getByLabel("May call from").fill("192.0.2.0/24");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "The client was created" }).waitFor();
  await lookAt(visit, "created");
  const secret = await page.locator(".secret").innerText();
  assert.match(secret, /^tg_test_/);
  await page.getByRole("link", { name: "I have it" }).click();
  await lookAt(visit, "client");
  assert.ok(!(await page.content()).includes(secret), "it is shown once");
  await change(visit, "Change", async () => page.getByLabel("Quota of tokens").fill("600/h"), "It was changed.");
  await page.getByRole("link", { name: "New secret" }).click();
  await page.getByLabel("The other secrets stay good").selectOption("24h");
  await lookAt(visit, "new-secret");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("link", { name: "I have it" }).click();
  await page.getByRole("link", { name: /^Revoke [0-9a-f]{8}$/ }).first().click();
  await send(visit, "Revoke", "The secret was revoked");
  await lookAt(visit, "revoked");
  await change(visit, "Disable", async () => page.getByLabel("Reason").fill("T-2"), "It is disabled");
  await change(visit, "Enable", async () => {}, "It is enabled again");
  await page.getByRole("link", { name: "Delete" }).click();
  await page.getByLabel("Delete it with its secrets").check();
  await send(visit, "Delete", "It was deleted.");
}

/** Follows the link to an act, fills its form, sends it, and is told that it was done. */
async function change(visit, name, fill, done) {
  await visit.page.getByRole("link", { name, exact: true }).click();
  await fill();
  await send(visit, name, done);
}

async function send(visit, button, done) {
  await visit.page.getByRole("button", { name: button, exact: true }).click();
  await visit.page.getByRole("status").filter({ hasText: done }).waitFor();
}

async function signOut(visit) {
  await visit.page.getByRole("button", { name: "Sign out" }).click();
  await visit.page.getByRole("status").filter({ hasText: "You are signed out" }).waitFor();
  assert.deepEqual(await visit.context.cookies(), []);
  await visit.page.goto(`${visit.url}/console`);
  assert.equal(visit.page.url(), `${visit.url}/console/sign-in`);
  await visit.end([]);
}

/** The pages that are there without doing anything, with their paths. */
async function pages(visit) {
  const first = async (list) => {
    await visit.page.goto(visit.url + list);
    return visit.page.locator("td a").first().getAttribute("href");
  };
  const [merchant, aClient] = [await first("/console/merchants"), await first("/console/clients")];
  return Object.entries({
    overview: "/console",
    keys: "/console/keys",
    "keys-compromised": "/console/keys/compromised",
    revocations: "/console/revocations",
    why: "/console/why",
    audit: "/console/audit",
    record: "/console/audit/1",
    servers: "/console/servers",
    merchants: "/console/merchants",
    "no-merchants": "/console/merchants?name=nowhere",
    merchant,
    "merchant-rename": `${merchant}/rename`,
    "merchant-delete": `${merchant}/delete`,
    clients: "/console/clients",
    client: aClient,
    "client-new": "/console/clients/new",
    "client-change": `${aClient}/change`,
    "client-disable": `${aClient}/disable`,
    "secret-new": `${aClient}/secrets/new`,
  });
}

/** Looks at a page: nothing is out of place, and it is small. */
async function lookAt(visit, name) {
  const { page } = visit;
  if (visit.hasScripts) await visit.fits(name);
  // Without scripts, axe-core has none either.
  if (visit.hasScripts) await visit.isSpotless(name);
  assert.ok((await page.content()).length <= 100_000, name);
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `console-${name}.png`), fullPage: true });
}

/** Walks to a button or link by the key Tab alone. */
async function tabTo(page, name) {
  for (let steps = 0; steps < 60; steps += 1) {
    if ((await focused(page)) === name) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${name} is not reached by Tab`);
}

async function tabToField(page, name) {
  for (let steps = 0; steps < 60; steps += 1) {
    if ((await page.evaluate(() => document.activeElement?.getAttribute("name"))) === name) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the field ${name} is not reached by Tab`);
}

await makeAll(folder, visits);
