package io.github.tollgateauth.client;

import static io.github.tollgateauth.client.TollgateException.Kind.ORIGIN;
import static io.github.tollgateauth.client.TollgateException.Kind.REFUSED;
import static io.github.tollgateauth.client.TollgateException.Kind.UNAVAILABLE;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Holds the access token of one client for all threads of a program, and renews it in time. Give all threads the same one.
 * docs/client.md says what is promised.
 */
public final class Tollgate {
    // All times are in seconds.
    private static final double LEAD = 60, JITTER = 30, MARGIN = 2, SHORTEST_LIFE = 2, DEFAULT_LIFE = 300, REFRESH_LIFE = 86_400;
    private static final double WAIT = 10, PATIENCE = 3, FRESH = 5, LONGEST_RETRY_AFTER = 300;
    private static final int TIMEOUT = 5, LONGEST_WAIT = 30;
    private static final Pattern CHALLENGE = Pattern.compile("([^\\s,=\"]+)(\\s*=\\s*(\"(?:[^\"\\\\]|\\\\.)*\"|[^\\s,]*))?");
    // A member of an object, or a text by itself, so that nothing inside of a text is taken for a member.
    private static final String TEXT = "\"((?:[^\"\\\\]|\\\\.)*)\"";
    private static final Pattern MEMBER = Pattern.compile(TEXT + "(?:\\s*:\\s*(?:" + TEXT + "|([-+.\\w]+)))?");

    /** Tells the time by a clock that nobody sets, and by one that goes on while the machine sleeps. For tests. */
    interface Clock {
        double monotonic();

        double wall();

        void sleep(double seconds) throws InterruptedException;
    }

    /** What a client authenticates with. Its text shows nothing. */
    public record Credentials(String clientId, String clientSecret) {
        @Override
        public String toString() {
            return "Credentials";
        }
    }

    private record Moment(double monotonic, double wall) {
        Moment after(double seconds) {
            return new Moment(monotonic + seconds, wall + seconds);
        }

        /** By the clock that is there first. */
        boolean reached(Moment at) {
            return monotonic >= at.monotonic || wall >= at.wall;
        }
    }

    private static final class Held {
        final String text;
        final double came, life;
        final Moment renew, end;
        boolean rejected;
        volatile boolean accepted;

        Held(String text, double came, double life, Moment renew, Moment end) {
            this.text = text;
            this.came = came;
            this.life = life;
            this.renew = renew;
            this.end = end;
        }
    }

    private final String baseUrl, tokenUrl, origin, scope;
    private final boolean standard;
    private final Callable<Credentials> credentials;
    private final Clock clock;
    private final HttpClient http;
    private volatile Held held;
    // Guarded by this.
    private CompletableFuture<TollgateException> flight;
    private TollgateException last;
    private Double downSince;
    private int failures, refusals, freshRefusals;
    private double begun, notBefore, freshPause, forced, wanted, looked;
    // Only a flight touches these, one after the other.
    private String refresh;
    private Moment refreshEnd;
    private boolean refreshFailed;
    private Credentials refused;

    private Tollgate(Builder b) {
        baseUrl = b.baseUrl.replaceAll("/+$", "");
        origin = originOf(baseUrl);
        standard = b.standard || b.tokenUrl != null;
        tokenUrl = b.tokenUrl != null ? b.tokenUrl : baseUrl + (standard ? "/oauth2/token" : "/api/v1/oauth2/token");
        originOf(tokenUrl);
        for (String value : b.credentials != null ? List.<String>of() : List.of(b.clientId, b.clientSecret)) {
            if (value.matches("((vault|gcp|aws):.*)?")) {
                throw new IllegalArgumentException("no client id or secret, or one in a secret store: pass credentials, which reads it");
            }
        }
        Callable<Credentials> read = () -> new Credentials(read(b.clientId, b.environment), read(b.clientSecret, b.environment));
        credentials = b.credentials != null ? b.credentials : read;
        scope = b.scope;
        clock = b.clock;
        http = b.http;
        if (http.followRedirects() != HttpClient.Redirect.NEVER) {
            throw new IllegalArgumentException("a client that follows redirects takes secrets along");
        }
    }

    /** Says who calls what, by values, {@code file:PATH} or {@code env:NAME}. */
    public static final class Builder {
        private final String baseUrl;
        private String clientId = "", clientSecret = "", tokenUrl, scope;
        private boolean standard;
        private Callable<Credentials> credentials;
        private UnaryOperator<String> environment = System::getenv;
        private Clock clock = new SystemClock();
        private HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(TIMEOUT)).build();

        private Builder(String baseUrl) {
            this.baseUrl = baseUrl == null ? "" : baseUrl;
        }

        public Builder client(String id, String secret) {
            clientId = id == null ? "" : id;
            clientSecret = secret == null ? "" : secret;
            return this;
        }

        /** Reads id and secret from elsewhere, such as Vault, for each login. */
        public Builder credentials(Callable<Credentials> read) {
            credentials = read;
            return this;
        }

        /** Speaks RFC 6749, to {@code /oauth2/token} or, unless it is null, to another endpoint. */
        public Builder standard(String otherTokenUrl) {
            standard = true;
            tokenUrl = otherTokenUrl;
            return this;
        }

        public Builder scope(String scope) {
            this.scope = scope;
            return this;
        }

        /** Calls the authority by another client, such as one with a proxy. */
        public Builder authorityClient(HttpClient client) {
            http = client;
            return this;
        }

        Builder environment(UnaryOperator<String> environment, Clock clock) {
            this.environment = environment;
            this.clock = clock;
            return this;
        }

        /** Checks the configuration. It makes no call. */
        public Tollgate build() {
            return new Tollgate(this);
        }
    }

    public static Builder builder(String baseUrl) {
        return new Builder(baseUrl);
    }

    /** Of {@code TOLLGATE_BASE_URL}, {@code TOLLGATE_CLIENT_ID} and {@code TOLLGATE_CLIENT_SECRET}. */
    public static Tollgate fromEnvironment() {
        UnaryOperator<String> env = name -> System.getenv("TOLLGATE_" + name);
        return builder(env.apply("BASE_URL")).client(env.apply("CLIENT_ID"), env.apply("CLIENT_SECRET")).build();
    }

    /** Adds the token to what goes through a client, which must not follow redirects. */
    public HttpClient wrap(HttpClient client) {
        if (client.followRedirects() != HttpClient.Redirect.NEVER) {
            throw new IllegalArgumentException("a client that follows redirects takes the token along");
        }
        return new TollgateHttpClient(this, client);
    }

    /** The URL that the API's paths begin below. */
    public URI uri(String path) {
        return URI.create(baseUrl + path);
    }

    /** A token that can be used now. Waits about 10 s where there is none. */
    public String token() throws TollgateException, InterruptedException {
        Object found = use();
        if (found instanceof String text) return text;
        try {
            return landed(((CompletableFuture<?>) found).get(LONGEST_WAIT, TimeUnit.SECONDS));
        } catch (TimeoutException | ExecutionException late) {
            throw failed();
        }
    }

    /** The same without waiting. */
    public CompletableFuture<String> tokenAsync() {
        try {
            Object found = use();
            if (found instanceof String text) return CompletableFuture.completedFuture(text);
            var waited = ((CompletableFuture<?>) found).<Object>thenApply(error -> error);
            return waited.completeOnTimeout("late", LONGEST_WAIT, TimeUnit.SECONDS).thenCompose(error -> {
                try {
                    return CompletableFuture.completedFuture(landed(error));
                } catch (TollgateException failed) {
                    return CompletableFuture.failedFuture(failed);
                }
            });
        } catch (TollgateException failed) {
            return CompletableFuture.failedFuture(failed);
        }
    }

    /** Another token than the one that the API refused, or null if none is to be had within seconds. */
    public CompletableFuture<String> renewed(String refusedToken) {
        var flying = replace(refusedToken);
        if (flying == null) return CompletableFuture.completedFuture(otherThan(refusedToken));
        var waited = flying.copy().completeOnTimeout(null, (long) PATIENCE + TIMEOUT, TimeUnit.SECONDS);
        return waited.thenApply(error -> otherThan(refusedToken));
    }

    /** Fails for another origin than the base URL's. */
    void covers(URI uri) throws TollgateException {
        boolean covered = uri.toString().startsWith(baseUrl + "/");
        try {
            covered = covered || originOf(uri.toString()).equals(origin);
        } catch (IllegalArgumentException other) {
            covered = false;
        }
        if (!covered) throw new TollgateException(ORIGIN, "no token is sent to another origin than that of " + baseUrl);
    }

    /** Takes notice of what an answer says of the token. Whether to send the request again with another one. */
    boolean mayRepeat(String token, String method, boolean hasKey, int status, List<String> challenges, boolean whole) {
        String error = status == 401 ? challenge(String.join(", ", challenges)) : null;
        if ("".equals(error) || "invalid_token".equals(error)) {
            boolean idempotent = List.of("GET", "HEAD", "PUT", "DELETE", "OPTIONS").contains(method);
            // Who names no reason may have done something already.
            if (whole && (!error.isEmpty() || idempotent || hasKey)) return true;
            replace(token);
        } else if (status / 100 == 2) {
            Held now = held;
            if (now != null && now.text.equals(token) && !now.accepted) now.accepted = true;
        }
        return false;
    }

    /** Waits until no token is being obtained. */
    void settle() {
        CompletableFuture<?> flying;
        synchronized (this) {
            flying = flight;
        }
        if (flying != null) flying.join();
    }

    @Override
    public String toString() {
        return "Tollgate(" + baseUrl + ")";
    }

    private Moment now() {
        return new Moment(clock.monotonic(), clock.wall());
    }

    /** A token, or the flight that brings one. */
    private Object use() throws TollgateException {
        Held current = held;
        if (current != null && !now().reached(current.renew)) return current.text;
        synchronized (this) {
            current = held;
            Moment now = now();
            if (current != null && !now.reached(current.renew)) return current.text; // Another thread has renewed it meanwhile.
            boolean usable = current != null && !now.reached(current.end);
            // Who comes when it has been down for long does not wait in a queue for each call to fail.
            double since = downSince == null ? now.monotonic : downSince;
            double limit = usable || refusals > 0 ? now.monotonic : since + WAIT;
            boolean looks = refusals > 0 && now.monotonic >= looked + 1;
            if (flight == null && (looks || notBefore <= Math.max(now.monotonic, limit))) start(0);
            if (usable) return current.text;
            if (flight == null) throw failed();
            wanted = Math.max(wanted, limit);
            return flight;
        }
    }

    private String landed(Object error) throws TollgateException {
        if (error != null) throw failed();
        return held.text;
    }

    private synchronized TollgateException failed() {
        String none = flight != null ? "an attempt is still under way" : "it was not asked";
        var why = last != null ? last : new TollgateException(UNAVAILABLE, none);
        double next = Math.max(notBefore - clock.monotonic(), 0);
        String text = "no access token for now, the next attempt is in %.0f s: %s".formatted(next, why.getMessage());
        return new TollgateException(why.kind, text, why.code, why.status, why.requestId, next);
    }

    private String otherThan(String refusedToken) {
        Held now = held;
        return now != null && !now.text.equals(refusedToken) && !now().reached(now.end) ? now.text : null;
    }

    private synchronized CompletableFuture<TollgateException> replace(String refusedToken) {
        Held current = held;
        double now = clock.monotonic();
        if (current == null || !current.text.equals(refusedToken)) return otherThan(refusedToken) != null ? null : flight;
        if (!current.rejected) {
            current.rejected = true;
            double fresh = current.accepted ? FRESH : Math.max(FRESH, freshPause);
            int count = now - current.came < fresh ? freshRefusals + 1 : 0;
            // While tokens are accepted, too, another one does help.
            freshRefusals = current.accepted ? Math.min(count, 3) : count;
            freshPause = doubled(0.4, freshRefusals, 30) * between(0.75, 1);
            forced = Math.max(now, begun + freshPause);
        }
        double at = Math.max(forced, notBefore);
        if (flight == null && at <= now + PATIENCE) start(at);
        return flight;
    }

    /** On a thread of its own, so that no caller's end can end it. */
    private void start(double at) {
        var flying = new CompletableFuture<TollgateException>();
        var thread = new Thread(() -> fly(flying, at), "tollgate");
        thread.setDaemon(true);
        thread.start();
        flight = flying;
    }

    private void fly(CompletableFuture<TollgateException> flying, double at) {
        TollgateException error;
        while (true) {
            Moment began = now();
            try {
                double pause = Math.max(notBefore(), at) - began.monotonic;
                if (pause > 0 && refusals() == 0) clock.sleep(pause);
                began = now();
                obtain(began);
                error = null;
            } catch (TollgateException failure) {
                error = failure;
            } catch (Throwable failure) { // What it says may have a secret in it.
                error = new TollgateException(UNAVAILABLE, failure.getClass().getSimpleName() + " while a token was obtained");
            }
            synchronized (this) {
                if (error != null && error != last) fail(error, began.monotonic);
                if (error == null || notBefore > Math.max(wanted, clock.monotonic())) {
                    flight = null;
                    wanted = 0;
                    break;
                }
            }
        }
        flying.complete(error);
    }

    private synchronized double notBefore() {
        return notBefore;
    }

    private synchronized int refusals() {
        return refusals;
    }

    private void fail(TollgateException error, double began) {
        Moment now = now();
        boolean isRefusal = error.kind == REFUSED;
        last = error;
        failures++;
        refusals = isRefusal ? refusals + 1 : 0;
        double pause = (isRefusal ? doubled(30, refusals, 300) : doubled(0.5, failures, 10)) * between(0.5, 1);
        double asked = error.retryAfter;
        // Who was told the same does not come back at once.
        if (asked > LONGEST_RETRY_AFTER) asked = LONGEST_RETRY_AFTER * between(0.8, 1);
        notBefore = Math.max(began + pause, now.monotonic + Math.max(asked, pause / 4));
        if (downSince == null && (held == null || now.reached(held.end))) downSince = now.monotonic;
    }

    private void obtain(Moment began) throws Exception {
        boolean tries = refresh != null && !refreshFailed;
        refreshFailed = false;
        if (tries && !began.after(held.life).reached(refreshEnd)) {
            try {
                exchange(began, standard ? credentials.call() : null, refresh);
                return;
            } catch (TollgateException failure) {
                refreshFailed = failure.kind != REFUSED; // Next time the secret has its turn.
                if (refreshFailed) throw failure;
                refresh = null;
            }
        }
        synchronized (this) {
            looked = clock.monotonic();
        }
        Credentials used = credentials.call();
        if (refusals() > 0 && used.equals(refused) && clock.monotonic() < notBefore()) throw last;
        try {
            exchange(began, used, null);
            return;
        } catch (TollgateException failure) {
            if (failure.kind != REFUSED) throw failure;
            refused = credentials.call();
            if (refused.equals(used)) throw failure;
        }
        exchange(began, refused, null);
    }

    private void exchange(Moment sent, Credentials client, String refreshToken) throws Exception {
        boolean refreshing = refreshToken != null;
        Map<String, String> form = new LinkedHashMap<>();
        if (standard || !refreshing) form.put("grant_type", refreshing ? "refresh_token" : "client_credentials");
        if (scope != null && !refreshing) form.put("scope", scope);
        if (refreshing) form.put("refresh_token", refreshToken);
        var request = HttpRequest.newBuilder().timeout(Duration.ofSeconds(TIMEOUT)).header("Accept", "application/json");
        String url = tokenUrl, type = "application/json";
        if (standard) {
            String pair = encoded(client.clientId()) + ":" + encoded(client.clientSecret());
            request.header("Authorization", "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(UTF_8)));
            type = "application/x-www-form-urlencoded";
        } else if (refreshing) {
            url = url.replaceFirst("token$", "refresh");
        } else {
            form.put("client_id", client.clientId());
            form.put("client_secret", client.clientSecret());
        }
        var pairs = form.entrySet().stream();
        String body = standard
            ? pairs.map(e -> e.getKey() + "=" + encoded(e.getValue())).collect(Collectors.joining("&"))
            : pairs.map(e -> quoted(e.getKey()) + ":" + quoted(e.getValue())).collect(Collectors.joining(",", "{", "}"));
        request.uri(URI.create(url)).header("Content-Type", type).POST(HttpRequest.BodyPublishers.ofString(body));
        HttpResponse<String> answer;
        var asked = http.sendAsync(request.build(), HttpResponse.BodyHandlers.ofString());
        try {
            answer = asked.get(TIMEOUT, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException failure) {
            asked.cancel(true);
            Throwable cause = failure.getCause() == null ? failure : failure.getCause();
            throw new TollgateException(UNAVAILABLE, "the authority can't be reached (" + cause.getClass().getSimpleName() + ")");
        }
        take(sent, answer, refreshing);
    }

    private void take(Moment sent, HttpResponse<String> answer, boolean refreshing) throws TollgateException {
        Map<String, String> data = members(answer.body());
        int status = answer.statusCode();
        if (status == 200) {
            keep(sent, data);
            return;
        }
        HttpHeaders headers = answer.headers();
        String code = plain(data.get(standard ? "error" : "code"), "[A-Za-z_]{1,40}");
        String requestId = plain(headers.firstValue("X-Request-Id").orElse(null), "[A-Za-z0-9._-]{1,128}");
        boolean isRefusal = status == 401 || status == 403 || status == 400 && code != null || refreshing && status / 100 == 4;
        var kind = isRefusal && status != 408 && status != 429 ? REFUSED : UNAVAILABLE;
        String text = "the authority answered " + status + (code == null ? "" : " " + code);
        throw new TollgateException(kind, text, code, status, requestId, retryAfter(headers));
    }

    private void keep(Moment sent, Map<String, String> data) throws TollgateException {
        String text = plain(data.get("access_token"), "[!-~&&[^\\\\]]+");
        double life;
        try {
            life = data.containsKey("expires_in") ? Double.parseDouble(data.get("expires_in")) : DEFAULT_LIFE;
        } catch (NumberFormatException malformed) {
            text = null;
            life = 0;
        }
        if (text == null || !data.getOrDefault("token_type", "bearer").equalsIgnoreCase("bearer")) {
            throw new TollgateException(UNAVAILABLE, "the answer of the authority is no token response");
        }
        Moment now = now(), end = sent.after(life - Math.min(MARGIN, life / 10));
        if (!(life >= SHORTEST_LIFE && life < 1e9) || now.reached(end)) {
            throw new TollgateException(UNAVAILABLE, "the token does not live long enough to be used");
        }
        double early = Math.min(LEAD, life / 2) + between(0, Math.min(JITTER, life / 20));
        if (data.containsKey("refresh_token")) {
            refresh = data.get("refresh_token");
            refreshEnd = sent.after(REFRESH_LIFE);
        }
        synchronized (this) {
            held = new Held(text, now.monotonic, life, sent.after(life - early), end);
            begun = sent.monotonic;
            notBefore = failures = refusals = 0;
            downSince = null;
            last = null;
        }
    }

    /** Scheme, host and port of a URL that a secret may be sent to: https, or this machine. */
    private static String originOf(String url) {
        URI uri = URI.create(url.matches("\\S+") ? url : "none");
        String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT), host = uri.getHost();
        if (host == null || !scheme.matches("https?") || uri.getRawUserInfo() != null || uri.getRawFragment() != null) {
            throw new IllegalArgumentException("the base URL must be an absolute https URL without user, password and fragment");
        }
        if (scheme.equals("http") && !host.matches("(?i)localhost|127\\.\\d+\\.\\d+\\.\\d+|\\[::1]")) {
            throw new IllegalArgumentException("the base URL must begin with https:// unless it is on this machine (localhost)");
        }
        int port = uri.getPort() != -1 ? uri.getPort() : scheme.equals("http") ? 80 : 443;
        return scheme + "://" + host.toLowerCase(Locale.ROOT) + ":" + port;
    }

    /** A value, or what is in the file or variable that it names. */
    private static String read(String value, UnaryOperator<String> environment) throws TollgateException {
        String name = value.substring(value.indexOf(':') + 1);
        try {
            if (value.startsWith("file:")) return Files.readString(Path.of(name)).replaceAll("[\\r\\n]+$", "");
        } catch (IOException failure) {
            throw new TollgateException(UNAVAILABLE, value + " can't be read (" + failure.getClass().getSimpleName() + ")");
        }
        String found = value.startsWith("env:") ? environment.apply(name) : value;
        if (found == null) throw new TollgateException(UNAVAILABLE, "the variable " + name + " is not set");
        return found;
    }

    /** The error that the Bearer challenge names; empty without one, null without a challenge (RFC 9110 §11.6.1). */
    static String challenge(String line) {
        String scheme = "", found = null;
        for (var part = CHALLENGE.matcher(line); part.find(); ) {
            if (part.group(2) == null) {
                scheme = part.group(1).toLowerCase(Locale.ROOT);
                if (scheme.equals("bearer") && found == null) found = "";
            } else if (scheme.equals("bearer") && part.group(1).equalsIgnoreCase("error") && !"invalid_token".equals(found)) {
                found = part.group(3).replaceAll("^\"|\"$", "");
            }
        }
        return found;
    }

    /** The members of all objects of a JSON document, the first of each name. No other JSON is needed here. */
    private static Map<String, String> members(String json) {
        Map<String, String> found = new HashMap<>();
        boolean isWhole = json.strip().startsWith("{") && json.strip().endsWith("}");
        for (var part = MEMBER.matcher(json); isWhole && part.find(); ) {
            String value = part.group(2) != null ? part.group(2).replace("\\/", "/") : part.group(3);
            if (value != null && !value.equals("null")) found.putIfAbsent(part.group(1), value);
        }
        return found;
    }

    /** A text if it looks as it should. Nothing else that an authority says gets into an exception. */
    private static String plain(String text, String pattern) {
        return text != null && text.matches(pattern) ? text : null;
    }

    private static double retryAfter(HttpHeaders headers) {
        String text = headers.firstValue("Retry-After").orElse("").strip();
        if (text.matches("\\d{1,12}")) return Double.parseDouble(text);
        try { // Compared with the answer's own date, so that a clock set wrongly makes no difference.
            var at = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME);
            var now = ZonedDateTime.parse(headers.firstValue("Date").orElse(""), DateTimeFormatter.RFC_1123_DATE_TIME);
            return Math.max(Duration.between(now, at).getSeconds(), 0);
        } catch (DateTimeParseException none) {
            return 0;
        }
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, UTF_8);
    }

    private static String quoted(String text) {
        var quoted = new StringBuilder("\"");
        text.chars().forEach(c -> quoted.append(c < ' ' || c == '"' || c == '\\' ? "\\u%04x".formatted(c) : String.valueOf((char) c)));
        return quoted.append('"').toString();
    }

    private static double doubled(double first, int count, double longest) {
        return count == 0 ? 0 : Math.min(first * (1 << Math.min(count - 1, 16)), longest);
    }

    private static double between(double low, double high) {
        return low + (high - low) * ThreadLocalRandom.current().nextDouble();
    }

    private static final class SystemClock implements Clock {
        public double monotonic() {
            return System.nanoTime() / 1e9;
        }

        public double wall() {
            return System.currentTimeMillis() / 1e3;
        }

        public void sleep(double seconds) throws InterruptedException {
            TimeUnit.MICROSECONDS.sleep((long) (seconds * 1e6));
        }
    }
}
