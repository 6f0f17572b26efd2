package io.github.tollgateauth.client;

import java.io.IOException;
import java.net.Authenticator;
import java.net.CookieHandler;
import java.net.ProxySelector;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.PushPromiseHandler;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

/** A client that adds the token, and sends a request once more after a refusal of it. */
final class TollgateHttpClient extends HttpClient {
    private final Tollgate tollgate;
    private final HttpClient client;

    TollgateHttpClient(Tollgate tollgate, HttpClient client) {
        this.tollgate = tollgate;
        this.client = client;
    }

    @Override
    public <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler) throws IOException, InterruptedException {
        HttpRequest prepared = prepare(request);
        String token = tollgate.token();
        HttpResponse<T> answer = client.send(with(prepared, token), handler);
        if (!mayRepeat(token, prepared, answer, isWhole(prepared))) return answer;
        String newer;
        try {
            newer = tollgate.renewed(token).get();
        } catch (ExecutionException none) {
            newer = null;
        }
        if (newer == null) return answer;
        close(answer);
        HttpResponse<T> second = client.send(with(prepared, newer), handler);
        mayRepeat(newer, prepared, second, false);
        return second;
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(HttpRequest request, BodyHandler<T> handler) {
        return sendAsync(request, handler, null);
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(
        HttpRequest request, BodyHandler<T> handler, PushPromiseHandler<T> push) {
        HttpRequest prepared;
        try {
            prepared = prepare(request);
        } catch (TollgateException other) {
            return CompletableFuture.failedFuture(other);
        }
        return tollgate.tokenAsync().thenCompose(token ->
            client.sendAsync(with(prepared, token), handler, push).thenCompose(answer -> {
                var first = CompletableFuture.completedFuture(answer);
                if (!mayRepeat(token, prepared, answer, isWhole(prepared))) return first;
                return tollgate.renewed(token).thenCompose(newer -> {
                    if (newer == null) return first;
                    close(answer);
                    return client.sendAsync(with(prepared, newer), handler, push).thenApply(second -> {
                        mayRepeat(newer, prepared, second, false);
                        return second;
                    });
                });
            }));
    }

    private HttpRequest prepare(HttpRequest request) throws TollgateException {
        tollgate.covers(request.uri());
        if (!request.method().equals("POST") || hasKey(request)) return request;
        return HttpRequest.newBuilder(request, (n, v) -> true).header("Idempotency-Key", UUID.randomUUID().toString()).build();
    }

    private static HttpRequest with(HttpRequest request, String token) {
        var others = HttpRequest.newBuilder(request, (name, value) -> !name.equalsIgnoreCase("Authorization"));
        return others.header("Authorization", "Bearer " + token).build();
    }

    private boolean mayRepeat(String token, HttpRequest sent, HttpResponse<?> answer, boolean whole) {
        var challenges = answer.headers().allValues("WWW-Authenticate");
        return tollgate.mayRepeat(token, sent.method(), hasKey(sent), answer.statusCode(), challenges, whole);
    }

    private static boolean hasKey(HttpRequest request) {
        return request.headers().firstValue("Idempotency-Key").isPresent();
    }

    /** A body whose length nobody knows is a stream, which may not begin again. */
    private static boolean isWhole(HttpRequest request) {
        return request.bodyPublisher().map(body -> body.contentLength() >= 0).orElse(true);
    }

    private static void close(HttpResponse<?> answer) {
        if (answer.body() instanceof AutoCloseable body) {
            try {
                body.close();
            } catch (Exception gone) {
                return; // Nobody reads it.
            }
        }
    }

    @Override
    public Optional<CookieHandler> cookieHandler() {
        return client.cookieHandler();
    }

    @Override
    public Optional<Duration> connectTimeout() {
        return client.connectTimeout();
    }

    @Override
    public Redirect followRedirects() {
        return client.followRedirects();
    }

    @Override
    public Optional<ProxySelector> proxy() {
        return client.proxy();
    }

    @Override
    public SSLContext sslContext() {
        return client.sslContext();
    }

    @Override
    public SSLParameters sslParameters() {
        return client.sslParameters();
    }

    @Override
    public Optional<Authenticator> authenticator() {
        return client.authenticator();
    }

    @Override
    public Version version() {
        return client.version();
    }

    @Override
    public Optional<Executor> executor() {
        return client.executor();
    }
}
