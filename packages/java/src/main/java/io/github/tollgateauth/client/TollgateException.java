package io.github.tollgateauth.client;

import java.io.IOException;

/** Says what went wrong, with code, status and request id of the answer, and when it is tried again, where known. */
public class TollgateException extends IOException {
    private static final long serialVersionUID = 1;

    /** What it is about. */
    public enum Kind {
        /** There is no token for now; the authority is asked again. */
        UNAVAILABLE,
        /** The authority refuses this client: its id or its secret is wrong, or it has been disabled. */
        REFUSED,
        /** The request goes to another origin than the base URL: no token is sent there. */
        ORIGIN
    }

    /** What it is about. */
    public final Kind kind;
    /** The code of the answer, or null. */
    public final String code;
    /** The status of the answer, or 0. */
    public final int status;
    /** The X-Request-Id of the answer, or null. */
    public final String requestId;
    /** In how many seconds the authority is asked again. */
    public final double retryAfter;

    TollgateException(Kind kind, String message) {
        this(kind, message, null, 0, null, 0);
    }

    TollgateException(Kind kind, String message, String code, int status, String requestId, double retryAfter) {
        super(message);
        this.kind = kind;
        this.code = code;
        this.status = status;
        this.requestId = requestId;
        this.retryAfter = retryAfter;
    }
}
