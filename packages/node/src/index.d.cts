/** What went wrong, with code, status and request id of the answer, and in how many seconds it is tried again, where known. */
export class TollgateError extends Error {
  readonly code?: string;
  readonly status?: number;
  readonly requestId?: string;
  readonly retryAfter?: number;
}
/** The program is set up in a way that can't work, or isn't safe. */
export class ConfigurationError extends TollgateError {}
/** The request goes to another origin than the base URL: no token is sent there. */
export class OriginError extends TollgateError {}
/** There is no token for now; the authority is asked again in `retryAfter` seconds. */
export class Unavailable extends TollgateError {}
/** The authority refuses this client: its id or its secret is wrong, or it has been disabled. */
export class Refused extends TollgateError {}

/** Times in seconds, for tests. */
export interface Clock {
  monotonic(): number;
  wall(): number;
  sleep(seconds: number): Promise<void>;
}

export interface Options {
  /** The URL that the API's paths begin below: https, or http on this machine. */
  baseUrl: string;
  /** A value, `file:PATH` or `env:NAME`. */
  clientId?: string;
  /** A value, `file:PATH` or `env:NAME`. */
  clientSecret?: string;
  /** Reads both from elsewhere, such as Vault, for each login. */
  credentials?: () => Promise<{ clientId: string; clientSecret: string }> | { clientId: string; clientSecret: string };
  /** `payment_api` (`/api/v1`), or `standard` (RFC 6749). */
  face?: "payment_api" | "standard";
  /** Another token endpoint of RFC 6749. */
  tokenUrl?: string;
  scope?: string;
  environment?: Record<string, string | undefined>;
  clock?: Clock;
  /** Another `fetch`, such as one that uses a proxy. */
  fetch?: typeof globalThis.fetch;
}

/** Holds the token of one client. Give all calls the same one. */
export class Tollgate {
  constructor(options: Options);
  /** Of TOLLGATE_BASE_URL, TOLLGATE_CLIENT_ID and TOLLGATE_CLIENT_SECRET. */
  static fromEnvironment(environment?: Record<string, string | undefined>, options?: Partial<Options>): Tollgate;
  readonly baseUrl: string;
  /** `fetch` with the token, bound. A path is below the base URL. Redirects are not followed. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** A token that can be used now. Waits about 10 s where there is none. */
  token(signal?: AbortSignal): Promise<string>;
  /** Another token than the one that the API refused, if one is to be had within seconds. */
  renewed(refused: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Waits until no token is being obtained, such as before a program ends. */
  settled(): Promise<void>;
}
