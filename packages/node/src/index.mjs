import kit from "./index.cjs";

// One copy of the kit, however it is loaded.
export const { Tollgate, TollgateError, ConfigurationError, OriginError, Unavailable, Refused } = kit;
