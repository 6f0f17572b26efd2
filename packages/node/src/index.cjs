"use strict";
/**
 * Holds an access token for all calls of a program, and renews it in time. It needs Node 18 alone, and this file may be
 * copied into a program. docs/client.md says what is promised; the types are in index.d.cts.
 */
const { randomUUID } = require("node:crypto");
const { readFile } = require("node:fs/promises");

// All times are in seconds.
const [LEAD, JITTER, MARGIN, SHORTEST_LIFE, DEFAULT_LIFE, REFRESH_LIFE] = [60, 30, 2, 2, 300, 86_400];
const [WAIT, PATIENCE, TIMEOUT, FRESH, LONGEST_RETRY_AFTER] = [10, 3, 5, 5, 300];
const LONGEST_ANSWER = 64 * 1024; // In bytes.
const IDEMPOTENT = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"];

/** What went wrong, with code, status and request id of the answer, and when it is tried again, where known. */
class TollgateError extends Error {
  constructor(message, details = {}) {
    super(message);
    this.name = new.target.name;
    Object.assign(this, { code: undefined, status: undefined, requestId: undefined, retryAfter: undefined }, details);
  }
}
class ConfigurationError extends TollgateError {}
class OriginError extends TollgateError {}
class Unavailable extends TollgateError {}
class Refused extends TollgateError {}

const systemClock = {
  monotonic: () => performance.now() / 1000,
  wall: () => Date.now() / 1000,
  sleep: (seconds) => new Promise((done) => setTimeout(done, seconds * 1000)),
};
const after = (at, seconds) => ({ monotonic: at.monotonic + seconds, wall: at.wall + seconds });
// By the clock that is there first: one stops while the machine sleeps, the other may be set.
const reached = (now, at) => now.monotonic >= at.monotonic || now.wall >= at.wall;
const between = (low, high) => low + Math.random() * (high - low);
const doubled = (first, count, longest) => (count ? Math.min(first * 2 ** Math.min(count - 1, 16), longest) : 0);

/** Holds the token of one client. Give all calls the same one. */
class Tollgate {
  // Who calls what.
  #tokenUrl; #origin; #standard; #scope; #credentials; #clock; #send;
  // What is held, and what is under way.
  #held; #refresh; #refusedPair; #flight;
  // How it went.
  #last; #downSince; #refreshFailed = false; #failures = 0; #refusals = 0; #freshRefusals = 0;
  // When the next call may come.
  #begun = 0; #notBefore = 0; #freshPause = 0; #forced = 0; #wanted = 0; #looked = 0;

  constructor({ baseUrl, clientId, clientSecret, credentials, face, tokenUrl, scope, environment, clock, fetch } = {}) {
    this.baseUrl = String(baseUrl ?? "").replace(/\/+$/, "");
    this.#origin = originOf(this.baseUrl);
    this.#standard = face === "standard" || tokenUrl !== undefined;
    this.#tokenUrl = tokenUrl ?? this.baseUrl + (this.#standard ? "/oauth2/token" : "/api/v1/oauth2/token");
    originOf(this.#tokenUrl);
    [this.#scope, this.#clock, this.#send] = [scope, clock ?? systemClock, fetch ?? globalThis.fetch];
    const parts = Object.entries({ "client id": clientId, "client secret": clientSecret });
    for (const [what, value] of credentials ? [] : parts) {
      if (!value || /^(vault|gcp|aws):/.test(value)) {
        throw new ConfigurationError(`no ${what}, or one in a secret store: pass \`credentials\`, which reads it`);
      }
    }
    const read = () => Promise.all(parts.map(([what, value]) => valueOf(what, value, environment ?? process.env)));
    const ask = async () => ((it) => [it.clientId, it.clientSecret])(await timely(credentials()));
    this.#credentials = credentials ? ask : read;
    this.fetch = this.fetch.bind(this);
  }

  /** Of TOLLGATE_BASE_URL, TOLLGATE_CLIENT_ID and TOLLGATE_CLIENT_SECRET. */
  static fromEnvironment(environment = process.env, options = {}) {
    const { TOLLGATE_BASE_URL: baseUrl, TOLLGATE_CLIENT_ID: clientId, TOLLGATE_CLIENT_SECRET: clientSecret } = environment;
    return new Tollgate({ baseUrl, clientId, clientSecret, environment, ...options });
  }

  /** `fetch` with the token. A path is below the base URL. Redirects are not followed. */
  async fetch(input, init = {}) {
    const target = typeof input === "string" && input.startsWith("/") ? this.baseUrl + input : input;
    const [url, method] = [target.url ?? String(target), (init.method ?? target.method ?? "GET").toUpperCase()];
    if (!url.startsWith(`${this.baseUrl}/`) && tried(() => new URL(url))?.origin !== this.#origin) {
      throw new OriginError(`no token is sent to another origin than that of ${this.baseUrl}`);
    }
    const headers = new Headers(init.headers ?? target.headers);
    if (method === "POST" && !headers.has("Idempotency-Key")) headers.set("Idempotency-Key", randomUUID());
    const signal = init.signal ?? target.signal;
    const send = (token) => {
      headers.set("Authorization", `Bearer ${token}`);
      return this.#send(target, { ...init, headers, redirect: init.redirect === "error" ? "error" : "manual" });
    };
    const token = await this.token(signal);
    const answer = await send(token);
    const body = init.body ?? target.body;
    const isWhole = body == null || typeof body === "string" || isBytes(body);
    if (!this.#mayRepeat(token, method, headers, answer, isWhole)) return answer;
    const newer = await this.renewed(token, signal);
    if (!newer) return answer;
    await answer.body?.cancel();
    const second = await send(newer);
    this.#mayRepeat(newer, method, headers, second, false);
    return second;
  }

  /** A token that can be used now. Waits about 10 s where there is none. */
  async token(signal) {
    const found = this.#use();
    if (typeof found === "string") return found;
    if (await abortable(found, signal)) throw this.#error();
    return this.#held.text;
  }

  /** Another token than the one that the API refused, if one is to be had within seconds. */
  async renewed(refused, signal) {
    const flight = this.#replace(refused);
    if (flight) await abortable(flight, signal);
    return this.#otherThan(refused);
  }

  /** Waits until no token is being obtained, such as before a program ends. */
  async settled() {
    await this.#flight;
  }

  #now = () => ({ monotonic: this.#clock.monotonic(), wall: this.#clock.wall() });

  /** Takes notice of what an answer says of the token. Whether to send the request again with another one. */
  #mayRepeat(token, method, sent, answer, isWhole) {
    const error = answer.status === 401 ? challenge(answer.headers.get("WWW-Authenticate") ?? "") : undefined;
    if (error === "" || error === "invalid_token") {
      // Who names no reason may have done something already.
      if (isWhole && (error || IDEMPOTENT.includes(method) || sent.has("Idempotency-Key"))) return true;
      this.#replace(token);
    } else if (answer.ok && this.#held?.text === token) {
      this.#held.accepted = true;
    }
    return false;
  }

  #use() {
    const [held, now] = [this.#held, this.#now()];
    if (held && !reached(now, held.renew)) return held.text;
    const isUsable = held && !reached(now, held.end);
    // Who comes when it has been down for long does not wait in a queue for each call to fail.
    const limit = isUsable || this.#refusals ? now.monotonic : (this.#downSince ?? now.monotonic) + WAIT;
    const looks = this.#refusals && now.monotonic >= this.#looked + 1;
    if (!this.#flight && (looks || this.#notBefore <= Math.max(now.monotonic, limit))) this.#flight = this.#fly(0);
    if (isUsable) return held.text;
    if (!this.#flight) throw this.#error();
    this.#wanted = Math.max(this.#wanted, limit);
    return this.#flight;
  }

  #error() {
    const last = this.#last ?? new Unavailable("it was not asked");
    const retryAfter = Math.max(this.#notBefore - this.#clock.monotonic(), 0);
    const text = `no access token for now, the next attempt is in ${Math.round(retryAfter)} s: ${last.message}`;
    const { code, status, requestId } = last;
    return new last.constructor(text, { code, status, requestId, retryAfter });
  }

  #otherThan(refused) {
    const held = this.#held;
    return held && held.text !== refused && !reached(this.#now(), held.end) ? held.text : undefined;
  }

  #replace(refused) {
    const [held, now] = [this.#held, this.#clock.monotonic()];
    if (held?.text !== refused) return this.#otherThan(refused) ? undefined : this.#flight;
    if (!held.rejected) {
      held.rejected = true;
      const fresh = held.accepted ? FRESH : Math.max(FRESH, this.#freshPause);
      const count = now - held.came < fresh ? this.#freshRefusals + 1 : 0;
      // While tokens are accepted, too, another one does help.
      this.#freshRefusals = held.accepted ? Math.min(count, 3) : count;
      this.#freshPause = doubled(0.4, this.#freshRefusals, 30) * between(0.75, 1);
      this.#forced = Math.max(now, this.#begun + this.#freshPause);
    }
    const at = Math.max(this.#forced, this.#notBefore);
    if (!this.#flight && at <= now + PATIENCE) this.#flight = this.#fly(at);
    return this.#flight;
  }

  /** A promise of its own, which never rejects, so that no caller's end can end it. */
  async #fly(at) {
    for (;;) {
      const pause = Math.max(this.#notBefore, at) - this.#clock.monotonic();
      if (pause > 0 && !this.#refusals) await this.#clock.sleep(pause);
      const began = this.#now();
      let error;
      try {
        await this.#obtain(began);
      } catch (failure) {
        // The text of a foreign error may have a secret in it.
        error = failure instanceof TollgateError ? failure : new Unavailable(`${failure?.name} while a token was obtained`);
      }
      if (error && error !== this.#last) this.#fail(error, began.monotonic);
      if (!error || this.#notBefore > Math.max(this.#wanted, this.#clock.monotonic())) {
        [this.#flight, this.#wanted] = [undefined, 0];
        return error;
      }
    }
  }

  #fail(error, began) {
    const [now, refused] = [this.#now(), error instanceof Refused];
    [this.#last, this.#failures, this.#refusals] = [error, this.#failures + 1, refused ? this.#refusals + 1 : 0];
    const longest = refused ? doubled(30, this.#refusals, 300) : doubled(0.5, this.#failures, 10);
    const pause = longest * between(0.5, 1);
    let asked = error.retryAfter ?? 0;
    // Who was told the same does not come back at once.
    if (asked > LONGEST_RETRY_AFTER) asked = LONGEST_RETRY_AFTER * between(0.8, 1);
    this.#notBefore = Math.max(began + pause, now.monotonic + Math.max(asked, pause / 4));
    if (!this.#held || reached(now, this.#held.end)) this.#downSince ??= now.monotonic;
  }

  async #obtain(began) {
    const [refresh, failed] = [this.#refresh, this.#refreshFailed];
    this.#refreshFailed = false;
    if (refresh && !failed && !reached(after(began, this.#held.life), refresh.end)) {
      try {
        return await this.#exchange(began, this.#standard ? await this.#credentials() : undefined, refresh.text);
      } catch (error) {
        // After any other failure the secret has its turn next time.
        this.#refreshFailed = !(error instanceof Refused);
        if (this.#refreshFailed) throw error;
        this.#refresh = undefined;
      }
    }
    this.#looked = this.#clock.monotonic();
    const used = await this.#credentials();
    const isSame = (pair) => pair?.[0] === used[0] && pair[1] === used[1];
    if (this.#refusals && isSame(this.#refusedPair) && this.#looked < this.#notBefore) throw this.#last;
    try {
      return await this.#exchange(began, used);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#refusedPair = await this.#credentials();
      if (isSame(this.#refusedPair)) throw error;
    }
    return this.#exchange(began, this.#refusedPair);
  }

  async #exchange(sent, client, refresh) {
    let url = this.#tokenUrl;
    const headers = { Accept: "application/json", "Content-Type": "application/json" };
    const form = refresh ? { refresh_token: refresh } : { grant_type: "client_credentials" };
    if (this.#scope && !refresh) form.scope = this.#scope;
    if (this.#standard) {
      form.grant_type ??= "refresh_token";
      const pair = client.map((part) => new URLSearchParams([["", part]]).toString().slice(1)).join(":");
      headers.Authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
      headers["Content-Type"] = "application/x-www-form-urlencoded";
    } else if (client) [form.client_id, form.client_secret] = client;
    else url = url.replace(/token$/, "refresh");
    const body = this.#standard ? new URLSearchParams(form).toString() : JSON.stringify(form);
    const answer = await post(this.#send, url, headers, body);
    const said = tried(() => JSON.parse(answer.text));
    if (answer.status === 200) return this.#keep(this.#standard ? said : said?.data, sent);
    const [{ status }, code] = [answer, plain(this.#standard ? said?.error : said?.error?.code, /^[A-Za-z_]{1,40}$/)];
    const refused = [401, 403].includes(status) || (status === 400 && code) || (refresh && status >= 400 && status < 500);
    const requestId = plain(answer.headers.get("X-Request-Id"), /^[A-Za-z0-9._-]{1,128}$/);
    const [text, details] = [`the authority answered ${status} ${code ?? ""}`.trim(), { code, status, requestId }];
    const Kind = refused && ![408, 429].includes(status) ? Refused : Unavailable;
    throw new Kind(text, { ...details, retryAfter: retryAfterOf(answer.headers) });
  }

  #keep(data, sent) {
    const [text, life] = [plain(data?.access_token, /^[!-~]+$/), Number(data?.expires_in ?? DEFAULT_LIFE)];
    if (!text || !/^bearer$/i.test(data.token_type ?? "bearer")) {
      throw new Unavailable("the answer of the authority is no token response");
    }
    const [now, end] = [this.#now(), after(sent, life - Math.min(MARGIN, life / 10))];
    if (!(life >= SHORTEST_LIFE && life < 1e9) || reached(now, end)) {
      throw new Unavailable("the token does not live long enough to be used");
    }
    const early = Math.min(LEAD, life / 2) + between(0, Math.min(JITTER, life / 20));
    if (data.refresh_token) this.#refresh = { text: String(data.refresh_token), end: after(sent, REFRESH_LIFE) };
    this.#held = { text, life, came: now.monotonic, renew: after(sent, life - early), end };
    [this.#begun, this.#notBefore, this.#downSince, this.#last] = [sent.monotonic, 0, undefined, undefined];
    [this.#failures, this.#refusals] = [0, 0];
  }
}

/** The origin of a URL that a secret may be sent to: https, or this machine. */
function originOf(text) {
  const url = tried(() => new URL(text));
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.hash) {
    throw new ConfigurationError("the base URL must be an absolute https URL without user, password and fragment");
  }
  if (url.protocol === "http:" && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)) {
    throw new ConfigurationError("the base URL must begin with https:// unless it is on this machine (localhost)");
  }
  return url.origin;
}

/** A value, or what is in the file or variable that it names. */
async function valueOf(what, value, environment) {
  const [, kind, name] = /^(file|env):(.*)$/s.exec(value) ?? [];
  try {
    if (kind === "file") return (await readFile(name, "utf8")).replace(/[\r\n]+$/, "");
  } catch (error) {
    throw new Unavailable(`the ${what} can't be read from ${value} (${error.code})`);
  }
  if (kind === "env" && !environment[name]) throw new Unavailable(`the ${what} is to be in ${name}, which is not set`);
  return kind === "env" ? environment[name] : value;
}

/** The error that the Bearer challenge names; "" without one, undefined without a challenge (RFC 9110 §11.6.1). */
function challenge(line) {
  let [scheme, found] = [];
  for (const [, name, given, value] of line.matchAll(/([^\s,="]+)(\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,]*))?/g)) {
    if (given === undefined) {
      scheme = name.toLowerCase();
      if (scheme === "bearer") found ??= "";
    } else if (scheme === "bearer" && name.toLowerCase() === "error" && found !== "invalid_token") {
      found = value.replace(/^"|"$/g, "");
    }
  }
  return found;
}

/** A text, if it looks as it should. Nothing else that an authority says gets into an error. */
function plain(text, pattern) {
  return typeof text === "string" && pattern.test(text) ? text : undefined;
}

/** What it makes, or nothing where that is malformed. */
function tried(make) {
  try {
    return make();
  } catch {
    return undefined;
  }
}

function retryAfterOf(headers) {
  const text = (headers.get("Retry-After") ?? "").trim();
  if (/^\d+$/.test(text)) return Number(text);
  // Compared with the answer's own date, so that a clock set wrongly makes no difference.
  return Math.max((Date.parse(text) - Date.parse(headers.get("Date") ?? "")) / 1000, 0) || 0;
}

function isBytes(body) {
  return [ArrayBuffer, URLSearchParams, Blob, FormData].some((kind) => body instanceof kind) || ArrayBuffer.isView(body);
}

function abortable(promise, signal) {
  if (!signal) return promise;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Whoever reads the secret elsewhere must not keep all calls waiting for ever. */
function timely(promise) {
  const late = (_, reject) => setTimeout(reject, 2 * TIMEOUT * 1000, new Unavailable("`credentials` took too long")).unref();
  return Promise.race([promise, new Promise(late)]);
}

/** Calls the authority, once and nowhere else. */
async function post(send, url, headers, body) {
  const signal = AbortSignal.timeout(TIMEOUT * 1000);
  try {
    const answer = await send(url, { method: "POST", headers, body, redirect: "manual", signal });
    let [text, decoder] = ["", new TextDecoder()];
    for await (const part of answer.body ?? []) {
      text += decoder.decode(part, { stream: true });
      if (text.length > LONGEST_ANSWER) throw new RangeError();
    }
    return { status: answer.status, headers: answer.headers, text };
  } catch (error) {
    throw new Unavailable(`the authority can't be reached (${error?.cause?.code ?? error?.name})`);
  }
}

module.exports = { Tollgate, TollgateError, ConfigurationError, OriginError, Unavailable, Refused };
