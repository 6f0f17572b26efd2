package io.github.tollgateauth.client;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpRequest;
import org.springframework.http.client.ClientHttpRequestExecution;
import org.springframework.http.client.ClientHttpRequestInterceptor;
import org.springframework.http.client.ClientHttpResponse;

/** Adds the token in Spring's RestClient and RestTemplate. Let it be the last interceptor, over a client without redirects. */
public final class TollgateInterceptor implements ClientHttpRequestInterceptor {
    private final Tollgate tollgate;

    public TollgateInterceptor(Tollgate tollgate) {
        this.tollgate = tollgate;
    }

    @Override
    public ClientHttpResponse intercept(HttpRequest request, byte[] body, ClientHttpRequestExecution execution) throws IOException {
        tollgate.covers(request.getURI());
        HttpHeaders headers = request.getHeaders();
        if (request.getMethod().name().equals("POST") && headers.getFirst("Idempotency-Key") == null) {
            headers.set("Idempotency-Key", UUID.randomUUID().toString());
        }
        try {
            String token = tollgate.token();
            headers.setBearerAuth(token);
            ClientHttpResponse answer = execution.execute(request, body);
            String newer = mayRepeat(token, request, answer, true) ? tollgate.renewed(token).get() : null;
            if (newer == null) return answer;
            answer.close();
            headers.setBearerAuth(newer);
            ClientHttpResponse second = execution.execute(request, body);
            mayRepeat(newer, request, second, false);
            return second;
        } catch (InterruptedException | ExecutionException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for a token");
        }
    }

    private boolean mayRepeat(String token, HttpRequest sent, ClientHttpResponse answer, boolean whole) throws IOException {
        List<String> challenges = answer.getHeaders().getOrDefault("WWW-Authenticate", List.of());
        boolean hasKey = sent.getHeaders().getFirst("Idempotency-Key") != null;
        int status = answer.getStatusCode().value();
        return tollgate.mayRepeat(token, sent.getMethod().name(), hasKey, status, challenges, whole);
    }
}
