// Visits the playground as people do: by mouse, by keyboard, without scripts, on a phone, in the dark.
//
// What it needs is in the environment, and its last line says how many visits went well.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { Visit, focused, makeAll } from "./watched.mjs";

const { DEV_URL, DEV_ID, DEV_SECRET, SHORT_URL, SHORT_ID, SHORT_SECRET, SERVE_URL, SERVE_ID, SERVE_SECRET } =
  process.env;
const { LIVE_ID, LIVE_SECRET, SNIPPETS, SHOTS } = process.env;
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "tollgate-browser-"));
const invalid = ["401 Unauthorized", "INVALID_TOKEN", 'Bearer realm="payment-api", error="invalid_token"'];
const signature = "its signature was made by no key in force for this kind of token";

const visits = [
  async function everyActByMouse(browser) {
    const visit = await Visit.begin(browser, DEV_URL);
    await visit.isAccessible("before a token is issued");
    await everyAct(visit);
    await shot(visit, "playground-kit");
    await payments(visit);
    await visit.expect("Start over");
    assert.equal(await visit.page.locator("#life").count(), 0);
    await visit.end([DEV_SECRET]);
  },

  async function everyActWithoutScripts(browser) {
    const visit = await Visit.begin(browser, DEV_URL, { javaScriptEnabled: false });
    visit.result = () => visit.page.locator("#result").innerText();
    assert.equal(await visit.page.getByRole("button", { name: /Copy|Keep/ }).count(), 0);
    await everyAct(visit);
    await payments(visit);
    await visit.end([DEV_SECRET]);
  },

  async function whatAPersonFindsFirst(browser) {
    for (const look of [{}, { colorScheme: "dark", viewport: { width: 320, height: 640 } }]) {
      const visit = await Visit.begin(browser, DEV_URL, look);
      const { page } = visit;
      await page.goto(`${visit.url}/`);
      await visit.isAccessible("the first page");
      await visit.fits("the first page");
      await page.getByRole("link", { name: "Playground" }).click();
      await page.waitForURL(`${visit.url}/playground`);
      await visit.end([DEV_SECRET]);
    }
  },

  async function everythingByKeyboard(browser) {
    const visit = await Visit.begin(browser, DEV_URL);
    const { page } = visit;
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "To the content");
    const acts = [
      ["Issue a token", "200 OK"],
      ["Refresh", "200 OK"],
      ["With the token", "200 OK"],
      ["Without a token", "NO_TOKEN"],
      ["One character changed", signature],
      ["After expiry", "it has expired"],
      ["With the refresh token", "accepted: a valid refresh token"],
      ["Create a payment", "201 Created"],
      ["Repeat it", "idempotent-replayed: true"],
      ["Same key, other body", "IDEMPOTENCY_KEY_REUSED"],
      ["Race two of them", "201 Created"],
      ["Watch the client kit", "12. It sends the request once more"],
      ["After revoking it", "it was revoked"],
    ];
    for (const [name, expected] of acts) {
      await tabTo(page, name);
      await page.keyboard.press("Enter");
      const result = await visit.result();
      assert.ok(result.includes(expected), `${name}: ${result}`);
      // The reader is led to the result.
      assert.equal(await page.evaluate(() => document.activeElement.id), "result-title", name);
    }
    await tabTo(page, "Open the payment page");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/pay\//);
    await tabTo(page, "Pay EUR 12.50");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${visit.url}/playground`);
    await visit.end([DEV_SECRET]);
  },

  async function whatIsCopiedRuns(browser) {
    const visit = await Visit.begin(browser, DEV_URL);
    const env = { TOLLGATE_BASE_URL: DEV_URL, TOLLGATE_CLIENT_ID: DEV_ID, TOLLGATE_CLIENT_SECRET: DEV_SECRET };
    const calls = [
      ["Issue a token", '"refresh_token":"eyJ'],
      ["Refresh", '"expires_in":900'],
      ["With the token", "200 OK"],
      ["Without a token", "NO_TOKEN"],
      ["One character changed", "INVALID_TOKEN"],
      ["With the refresh token", "INVALID_TOKEN"],
      ["Create a payment", "idempotent-replayed: true"],
      ["Same key, other body", "IDEMPOTENCY_KEY_REUSED"],
    ];
    for (const [name, expected] of calls) {
      await visit.press(name);
      const ran = await runCurl(visit, 1, env);
      assert.ok(ran.includes(expected), `${name}: ${ran}`);
    }
    await visit.press("After revoking it");
    assert.ok((await runCurl(visit, 2, env)).includes("INVALID_TOKEN"));
    await programs(visit);
    await visit.end([DEV_SECRET]);
  },

  async function theLifeOfATokenGoesOn(browser) {
    const visit = await Visit.begin(browser, SHORT_URL);
    const { page } = visit;
    await visit.expect("Issue a token", "200 OK");
    const env = { TOLLGATE_BASE_URL: SHORT_URL, TOLLGATE_CLIENT_ID: SHORT_ID, TOLLGATE_CLIENT_SECRET: SHORT_SECRET };
    assert.match(await page.locator("[data-moment=mark]").innerText(), /Half of its life/);
    assert.match(await page.locator("[data-moment=expiry] .relative").innerText(), /^in \d s$/);
    for (const name of ["next", "mark", "expiry"]) await page.locator(`[data-moment=${name}].past`).waitFor();
    const announced = page.locator("#announce").filter({ hasText: "Expiry: now." });
    await announced.waitFor({ state: "attached" });
    const spent = await page.locator("svg[aria-labelledby=track-access] .spent").getAttribute("width");
    assert.equal(spent, "1000");
    // What is said of the token has aged with it, and the refresh token's is still good.
    const [access, refresh] = await page.locator(".verdict .one").allInnerTexts();
    assert.match(access, /refused: as access token: it has expired$/);
    assert.match(refresh, /accepted: a valid refresh token$/);
    assert.equal(await page.locator(".verdict .badge.no").count(), 1);
    const result = await visit.expect("After expiry", ...invalid, "refused: as access token: it has expired");
    assert.ok(!result.includes("As it would be at"), "it has expired by itself");
    assert.ok((await runCurl(visit, 1, env)).includes("INVALID_TOKEN"));
    await keptFresh(visit);
    await visit.end([SHORT_SECRET]);
  },

  async function credentialsOfOnesOwn(browser) {
    const visit = await Visit.begin(browser, SERVE_URL);
    const { page } = visit;
    await visit.isAccessible("before signing in");
    await fieldsInError(visit);
    await visit.isAccessible("with an error at a field");
    await signIn(visit, SERVE_ID, SERVE_SECRET);
    assert.ok((await visit.result()).includes("The client is known"));
    await onePrimary(page, "Issue a token");
    await visit.expect("Without a token", "NO_TOKEN");
    await visit.expect("Issue a token", "200 OK");
    await visit.expect("After revoking it", ...invalid, "it was revoked");
    await visit.expect("With the refresh token", ...invalid);
    await visit.expect("Watch the client kit", ...kitSteps);
    await visit.press("Forget this client");
    assert.equal(await page.getByLabel("Client secret").inputValue(), "");
    await visit.end([SERVE_SECRET, LIVE_SECRET, "wrong-secret-canary"]);
  },

  async function wrongCredentialsWithoutScripts(browser) {
    const visit = await Visit.begin(browser, SERVE_URL, { javaScriptEnabled: false });
    visit.result = () => visit.page.locator("#result").innerText();
    await fieldsInError(visit);
    await visit.end([SERVE_SECRET, LIVE_SECRET, "wrong-secret-canary"]);
  },

  async function whileTheServerIsAway(browser) {
    const visit = await Visit.begin(browser, SHORT_URL);
    const { page, context } = visit;
    await visit.expect("Issue a token", "200 OK");
    await page.getByRole("button", { name: "Keep it fresh" }).click();
    await context.setOffline(true);
    const trouble = page.locator("#trouble");
    await trouble.filter({ hasText: "the token is not renewed" }).waitFor();
    await visit.isAccessible("while the server is away");
    await shot(visit, "playground-away");
    await page.getByRole("button", { name: "With the token" }).click();
    await trouble.filter({ hasText: "no answer came" }).waitFor();
    assert.ok(await trouble.evaluate((element) => element.getBoundingClientRect().height > 20), "it is seen");
    await page.getByRole("button", { name: "Keep it fresh" }).click();
    await context.setOffline(false);
    await visit.expect("Without a token", "NO_TOKEN");
    await trouble.waitFor({ state: "hidden" });
    // What the browser complains of is that the server was away.
    visit.problems = visit.problems.filter((problem) => !problem.includes("ERR_INTERNET_DISCONNECTED"));
    await visit.end([SHORT_SECRET]);
  },

  async function theButtonsStayWhereTheyAre(browser) {
    const visit = await Visit.begin(browser, DEV_URL, { viewport: { width: 1366, height: 768 } });
    const { page } = visit;
    await visit.expect("Issue a token", "200 OK");
    await onePrimary(page, "With the token");
    const steps = page.locator("#steps");
    const more = await steps.evaluate((list) => list.scrollHeight - list.clientHeight);
    if (more > 0) {
      await steps.evaluate((list) => list.scrollTo(0, list.scrollHeight));
      const last = page.getByRole("button", { name: "Watch the client kit" });
      await last.click();
      await visit.result();
      assert.ok(Math.abs((await steps.evaluate((list) => list.scrollTop)) - more) < 2, "the list has not moved");
    }
    await visit.expect("Create a payment", "201 Created");
    await onePrimary(page, "Approve or decline this payment");
    await shot(visit, "playground-laptop");
    await page.locator("#result").getByRole("link", { name: "Approve or decline this payment" }).click();
    await page.waitForURL(/\/pay\//);
    await visit.end([DEV_SECRET]);
  },

  async function thereAndBackOnAPhone(browser) {
    for (const javaScriptEnabled of [true, false]) {
      const visit = await Visit.begin(browser, DEV_URL, { javaScriptEnabled, viewport: { width: 320, height: 640 } });
      const { page } = visit;
      if (!javaScriptEnabled) visit.result = () => page.locator("#result").innerText();
      for (const name of ["Issue a token", "With the refresh token", "Create a payment"]) {
        await visit.press(name);
        assert.ok(await isInSight(page, "#result-title"), `the result of ${name}`);
        const back = page.getByRole("link", { name: "Back to the button" });
        if (javaScriptEnabled) await page.keyboard.press("Tab");
        else await back.focus();
        assert.equal(await focused(page), "Back to the button");
        await page.keyboard.press("Enter");
        await page.locator(":focus", { hasText: new RegExp(`^${name}$`) }).waitFor();
        assert.ok(await isInSight(page, ":focus"), `the button ${name}`);
      }
      await shot(visit, `playground-320-${javaScriptEnabled ? "" : "no-"}scripts`);
      await visit.fits("320 px");
      await visit.end([DEV_SECRET]);
    }
  },

  async function lightAndDarkOnADeskAndAPhone(browser) {
    for (const colorScheme of ["light", "dark"]) {
      for (const [device, viewport] of [
        ["desk", { width: 1280, height: 900 }],
        ["phone", { width: 360, height: 740 }],
      ]) {
        const where = `${device}, ${colorScheme}`;
        const visit = await Visit.begin(browser, DEV_URL, { colorScheme, viewport });
        const { page } = visit;
            await visit.expect("Issue a token", "200 OK");
        await visit.expect("Create a payment", "201 Created");
        await visit.expect("One character changed", ...invalid);
        await shot(visit, `playground-${device}-${colorScheme}`);
        for (const summary of await page.locator("summary").all()) await summary.click();
        await visit.isAccessible(where);
        await visit.fits(where);
        await page.getByRole("heading", { name: "Its life" }).scrollIntoViewIfNeeded();
        await shot(visit, `life-${device}-${colorScheme}`);
        await page.getByRole("link", { name: "Open the payment page" }).click();
        await visit.isAccessible(`payment page, ${where}`);
        await shot(visit, `pay-${device}-${colorScheme}`);
        await visit.end([DEV_SECRET]);
      }
    }
  },

  async function aVisitThatHasEnded(browser) {
    const visit = await Visit.begin(browser, DEV_URL);
    const { page } = visit;
    await visit.context.clearCookies();
    await page.getByRole("button", { name: "Issue a token" }).click();
    await page.getByRole("heading", { name: "Your visit has ended" }).waitFor();
    await visit.isAccessible("a refusal");
    await page.getByRole("link", { name: "To the playground" }).click();
    await visit.expect("Issue a token", "200 OK");
    // The refusal itself is the only thing that the browser complains about.
    visit.problems = visit.problems.filter((problem) => !problem.includes("status of 403"));
    await visit.end([DEV_SECRET]);
  },

  async function theReference(browser) {
    for (const [where, look] of [
      ["desk", {}],
      ["dark phone", { colorScheme: "dark", viewport: { width: 320, height: 640 } }],
    ]) {
      const page = await browser.newPage({ ...look, reducedMotion: "reduce" });
      const complaints = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(`${DEV_URL}/docs`);
      const visit = Object.assign(new Visit(), { page, context: page.context(), url: DEV_URL });
      await visit.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: DEV_URL });
      await visit.isAccessible(`reference, ${where}`);
      await visit.fits(`reference, ${where}`);
      await shot(visit, `docs-${where}`);
      const contents = page.getByRole("link", { name: "Errors", exact: true });
      assert.equal(await contents.isVisible(), where === "desk", "the contents are folded where they would be in the way");
      if (where !== "desk") await page.locator("summary", { hasText: "Contents" }).click();
      await contents.click();
      assert.equal(await contents.isVisible(), where === "desk");
      await page.locator('.contents [aria-current="location"]', { hasText: "Errors" }).waitFor({ state: "attached" });
      await searched(page, where);
      await page.locator("summary", { hasText: "Python" }).click();
      const python = page.locator("details", { has: page.locator("summary", { hasText: "Python" }) });
      const copied = await visit.copy(python.getByRole("button"));
      assert.equal(copied, readFileSync(join(SNIPPETS, "first.py"), "utf8"));
      for (const summary of await page.locator("main summary").all()) await summary.click();
      await visit.isAccessible(`reference, all open, ${where}`);
      await visit.fits(`reference, all open, ${where}`);
      assert.deepEqual(complaints, []);
      await page.context().close();
    }
  },

  async function theReferenceWithoutScripts(browser) {
    const page = await browser.newPage({ javaScriptEnabled: false });
    await page.goto(`${DEV_URL}/docs`);
    assert.ok(await page.getByRole("link", { name: "Introspect a token" }).first().isVisible());
    assert.equal(await page.getByRole("button").count(), 0);
    assert.ok(!(await page.locator("#search").isVisible()), "what takes a script is not there");
    await page.setViewportSize({ width: 320, height: 640 });
    const contents = page.getByRole("link", { name: "Errors", exact: true });
    assert.ok(!(await contents.isVisible()));
    await page.locator("summary", { hasText: "Contents" }).click();
    await contents.click();
    assert.ok(page.url().endsWith("#errors"));
    await page.context().close();
  },

  async function light(browser) {
    const page = await browser.newPage();
    const network = await page.context().newCDPSession(page);
    let transferred = 0;
    network.on("Network.loadingFinished", ({ encodedDataLength }) => (transferred += encodedDataLength));
    await network.send("Network.enable");
    await page.goto(`${DEV_URL}/playground`, { waitUntil: "networkidle" });
    const first = transferred;
    for (const name of ["Issue a token", "Watch the client kit"]) {
      await page.getByRole("button", { name, exact: true }).click();
      await page.getByRole("heading", { name, exact: true }).waitFor();
    }
    await network.send("Network.setCacheDisabled", { cacheDisabled: true });
    transferred = 0;
    await page.reload({ waitUntil: "networkidle" });
    console.log(`the first page: ${first} bytes in all; the fullest: ${transferred} bytes`);
    for (const bytes of [first, transferred]) assert.ok(bytes > 10_000 && bytes <= 100_000, `${bytes} bytes`);
    await page.close();
  },

  async function quick(browser) {
    // The first in time says that the page is; one that isn't says what else the machine does.
    const paints = [];
    while (paints.length < 10 && !paints.some((paint) => paint < 500)) {
      const page = await browser.newPage();
      await page.goto(`${DEV_URL}/playground`);
      const entry = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
      paints.push(await (await page.waitForFunction(entry)).jsonValue());
      // Not among the visits that are tapped: the reference has whole tokens in its examples.
      await page.getByRole("link", { name: "HTTP API" }).click();
      await page.getByRole("heading", { name: "HTTP API", level: 1 }).waitFor();
      await page.close();
    }
    console.log(`first contentful paint: ${paints.map(Math.round)} ms`);
    assert.ok(paints.some((paint) => paint < 500), `${paints} ms`);
  },
];

/** Clicks through all that can be done with a token, but for the payment page. */
async function everyAct(visit) {
  await visit.expect("Issue a token", "POST /api/v1/oauth2/token", "200 OK");
  const page = await visit.page.locator("main").innerText();
  for (const text of ["payments:read payments:write", "Expiry", "60 s mark", "Next refresh", "End of the refresh token"]) {
    assert.ok(page.includes(text), text);
  }
  await visit.expect("With the token", "200 OK", "accepted: a valid access token");
  await visit.expect("Without a token", "401 Unauthorized", "NO_TOKEN", "no token");
  await visit.expect("One character changed", ...invalid, `refused: ${signature}`);
  await visit.expect("After expiry", ...invalid, "refused: as access token: it has expired", "As it would be at");
  await visit.expect("With the refresh token", ...invalid, "accepted: a valid refresh token");
  await visit.expect("After revoking it", ...invalid, "POST /oauth2/revoke", "as access token: it was revoked");
  await visit.expect("Refresh", "POST /api/v1/oauth2/refresh", "200 OK");
  await visit.expect("Create a payment", "201 Created", "idempotency-key: playground-");
  await visit.expect("Repeat it", "201 Created", "idempotent-replayed: true");
  await visit.expect("Same key, other body", "422 Unprocessable", "IDEMPOTENCY_KEY_REUSED");
  await visit.expect("Race two of them", "201 Created", "The other");
  await visit.expect("Watch the client kit", ...kitSteps);
}

const kitSteps = [
  "1. It has no token yet: it authenticates with the secret.",
  "2. It sends the request with the token.",
  "3. Behind its back, one of its tokens is revoked.",
  "4. It sends a request, and the token is refused.",
  "5. It asks once for another access token, by the refresh token.",
  "6. It sends the request once more, with the new token.",
  "9. It sends a request, and the token is refused.",
  "10. It asks by the refresh token, and is refused.",
  "11. It falls back to the secret, and gets both tokens anew.",
  "12. It sends the request once more, with the new token.",
];

/** Finds a field, a code and nothing; what is found is gone to, and opened where it is folded. */
async function searched(page, where) {
  const [field, hits] = [page.getByRole("searchbox"), page.locator("#search ul a")];
  for (const [words, first, place] of [
    ["idempotency_key_reused", "IDEMPOTENCY_KEY_REUSED", "Errors"],
    ["postal code", "billing_address.postal_code", "Create a payment request"],
    ["rfc 7009", "Revoke a token (RFC 7009)", ""],
  ]) {
    await field.fill(words);
    assert.equal((await hits.first().innerText()).replace(/\s+/g, " "), `${first} ${place}`.trim(), words);
    await field.press("Enter");
    await page.waitForFunction((text) => document.activeElement.textContent.includes(text), first);
    assert.ok(await isInSight(page, ":focus"), `${words}, ${where}`);
  }
  await field.fill("nothing has these words");
  assert.equal(await hits.count(), 0);
  assert.equal(await page.locator("#search [role=status]").innerText(), "0 found");
  await field.fill("");
}

/** Approves one payment and declines another, on their pages. */
async function payments(visit) {
  const { page } = visit;
  for (const [button, status] of [["Pay EUR 12.50", "approved"], ["Decline", "declined"]]) {
    await visit.expect("Create a payment", "201 Created");
    await page.getByRole("link", { name: "Open the payment page" }).click();
    await page.getByRole("button", { name: button }).click();
    await page.waitForURL(`${visit.url}/playground`);
    await visit.expect("With the token", "200 OK", `"status":"${status}"`);
  }
}

async function signIn(visit, id, secret) {
  await visit.page.getByLabel("Client id").fill(id);
  await visit.page.getByLabel("Client secret").fill(secret);
  await visit.press("Use these credentials");
}

/** What is wrong stands at its field, which is focused; the id stays there, and no secret does. */
async function fieldsInError(visit) {
  const { page } = visit;
  const [id, secret] = [page.getByLabel("Client id"), page.getByLabel("Client secret")];
  for (const [typed, given, wrong, text, kept] of [
    ["shop-1", "wrong-secret-canary", id, "A client id is a UUID", "shop-1"],
    ["tg_test_wrong-secret-canary", "x", id, "This is a secret", ""],
    [SERVE_ID, "wrong-secret-canary", secret, "its secret is wrong", SERVE_ID],
    [LIVE_ID, LIVE_SECRET, secret, "These are live credentials", LIVE_ID],
  ]) {
    await signIn(visit, typed, given);
    await page.locator(`.problem`, { hasText: text }).waitFor();
    assert.equal(await wrong.getAttribute("aria-invalid"), "true", text);
    assert.ok(await wrong.evaluate((field) => field === document.activeElement), `${text}: it is focused`);
    assert.equal(await page.locator(`#${await wrong.getAttribute("aria-describedby")}`).count(), 1);
    assert.equal(await page.locator("[aria-invalid]").count(), 1, text);
    assert.deepEqual([await id.inputValue(), await secret.inputValue()], [kept, ""], text);
    assert.ok((await visit.result()).includes("Begin with the credentials of a client"));
  }
  await shot(visit, "playground-sign-in");
}

/** One button or link stands out: what is to be done next. */
async function onePrimary(page, name) {
  const primary = page.locator(".playground .primary:not(:disabled)");
  assert.deepEqual((await primary.allInnerTexts()).map((text) => text.trim()), [name]);
}

/** Whether an element is on the screen, or its upper edge at least. */
function isInSight(page, selector) {
  return page.locator(selector).evaluate((element) => {
    const { top } = element.getBoundingClientRect();
    return top >= 0 && top < innerHeight;
  });
}

/** The token is renewed by itself when that is due, and never expires. Whoever reads meanwhile is left alone. */
async function keptFresh(visit) {
  const { page } = visit;
  await visit.expect("Issue a token", "200 OK");
  const python = page.locator("details[name=program] summary", { hasText: "Python" });
  await python.click();
  await page.evaluate(() => {
    const range = document.createRange();
    range.selectNodeContents(document.getElementById("snippet-python"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  });
  const keep = page.getByRole("button", { name: "Keep it fresh" });
  await keep.focus();
  await page.keyboard.press("Enter");
  assert.equal(await keep.getAttribute("aria-pressed"), "true");
  const expiry = page.locator("[data-moment=expiry]");
  const first = await expiry.getAttribute("data-at");
  await page.locator(`[data-moment=expiry]:not([data-at="${first}"])`).waitFor();
  assert.match(await page.locator(".history li").first().innerText(), /Refresh 200$/);
  assert.ok((await visit.result()).startsWith("Issue a token"), "what is being read stays");
  assert.equal(await focused(page), "Keep it fresh");
  assert.ok(await page.locator("#snippet-python").isVisible());
  assert.match(await page.evaluate(() => getSelection().toString()), /import Tollgate/);
  assert.ok(!(await expiry.getAttribute("class"))?.includes("past"));
  await keep.click();
}

/** Copies the curl of an exchange, and runs it. */
async function runCurl(visit, number, env) {
  await visit.page.locator(`details:has(#curl-${number}) summary`).click();
  const copied = await visit.copy(visit.page.locator(`[data-copy=curl-${number}]`));
  return runScript("sh", "copied.sh", copied, env);
}

/**
 * Copies each program, and what sets it up. Both are files that the repository has, for this server. The one for curl runs; a test
 * of its own runs the others, by the commands that are copied.
 */
async function programs(visit) {
  const filled = (name) =>
    readFileSync(join(SNIPPETS, name), "utf8")
      .replace("http://127.0.0.1:8080", DEV_URL)
      .replace("00000000-0000-0000-0000-000000000000", DEV_ID);
  for (const [language, name, setup] of [
    ["curl", "call.sh", null],
    ["Rust", "call.rs", "call.toml"],
    ["Python", "first.py", "python.sh"],
    ["Node", "first.mjs", "node.sh"],
    ["Go", "first.go", "go.sh"],
    ["Java", "First.java", "java.sh"],
    ["PHP", "first.php", "php.sh"],
  ]) {
    const summary = visit.page.locator("details[name=program] summary", { hasText: language });
    await summary.click();
    const id = `snippet-${language.toLowerCase()}`;
    assert.equal(await visit.copy(visit.page.locator(`[data-copy=${id}]`)), filled(name), name);
    if (setup) assert.equal(await visit.copy(visit.page.locator(`[data-copy=${id}-setup]`)), filled(setup), setup);
  }
  const said = await runScript("sh", "call.sh", filled("call.sh"), { TOLLGATE_CLIENT_SECRET: DEV_SECRET });
  assert.match(said, new RegExp(`^pay at ${DEV_URL}/pay/[-0-9a-f]{36}\nthe latest is of 1250\n$`));
}

async function runScript(command, name, text, env) {
  const path = join(folder, name);
  writeFileSync(path, text);
  const PATH = `${process.env.BINARIES}:${process.env.PATH}`;
  const { stdout } = await run(command, [path], { env: { PATH, ...env }, timeout: 60_000 });
  return stdout;
}

/** Walks to a button or link by the key Tab alone: back from the result to the buttons, else forward. */
async function tabTo(page, name) {
  const back = await page.evaluate(() => document.activeElement?.id === "result-title");
  for (let steps = 0; steps < 40; steps += 1) {
    if ((await focused(page)) === name) return;
    await page.keyboard.press(back ? "Shift+Tab" : "Tab");
  }
  assert.fail(`${name} is not reached by Tab`);
}

async function shot(visit, name) {
  if (SHOTS) await visit.page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

await makeAll(folder, visits);
