package io.github.tollgateauth.client;

import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.springframework.http.HttpMethod;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.client.ResourceAccessException;
import org.springframework.web.client.RestTemplate;
import org.springframework.web.client.HttpStatusCodeException;
import org.springframework.http.HttpEntity;

/** Plays the scenarios of packages/scenarios. One JSON object a line, on both sides. */
final class Driver {
    private static final Gson GSON = new Gson();

    /** Stands still unless it is told otherwise, or somebody sleeps. */
    private static final class TestClock implements Tollgate.Clock {
        private double monotonic = 1000, wall = 1.8e9, slept;

        public synchronized double monotonic() {
            return monotonic;
        }

        public synchronized double wall() {
            return wall;
        }

        public synchronized void sleep(double seconds) {
            slept += seconds;
            advance(seconds, seconds);
        }

        synchronized void advance(double onMonotonic, double onWall) {
            monotonic += onMonotonic;
            wall += onWall;
        }

        synchronized double slept() {
            return slept;
        }
    }

    /** What a line asks for. */
    static final class Command {
        String op, method, path, body, face, variant;
        int n = 1;
        boolean stream, hold, callback;
        double monotonic, wall;
        Map<String, String> environment;
    }

    private final HttpClient plain = HttpClient.newHttpClient();
    private final ExecutorService threads = Executors.newCachedThreadPool(work -> {
        var thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    });
    private final ConcurrentLinkedQueue<Map<String, Object>> errors = new ConcurrentLinkedQueue<>();
    private TestClock clock;
    private Tollgate tollgate;
    private HttpClient client;
    private RestTemplate spring;
    private String variant;

    public static void main(String[] arguments) throws Exception {
        var driver = new Driver();
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Object answer;
            try {
                answer = driver.play(GSON.fromJson(line, Command.class));
            } catch (Exception crash) {
                crash.printStackTrace();
                answer = Map.of("crash", String.valueOf(crash));
            }
            say(answer);
        }
    }

    private static void say(Object answer) {
        System.out.println(GSON.toJson(answer));
    }

    private Object play(Command c) throws Exception {
        switch (c.op) {
            case "new":
                return create(c);
            case "call":
                double before = clock.slept();
                var outcomes = variant.equals("jdk-async") ? async(c) : together(c, () -> call(c));
                var noted = new ArrayList<>(errors);
                errors.clear();
                var first = noted.subList(0, Math.min(noted.size(), 1));
                return Map.of("outcomes", outcomes, "slept", clock.slept() - before, "errors", first);
            case "cost":
                var bare = HttpRequest.newBuilder(uri(c)).header("Authorization", "Bearer " + tollgate.token()).build();
                var with = HttpRequest.newBuilder(uri(c)).build();
                return Map.of("bare", spent(c.n, plain, bare), "kit", spent(c.n, client, with));
            case "storm":
                String token = tollgate.token();
                var renewals = new ArrayList<CompletableFuture<String>>();
                for (int i = 0; i < c.n; i++) renewals.add(tollgate.renewed(token));
                say(Map.of("started", true));
                return Map.of("outcomes", count(renewals.stream().map(f -> f.join() == null ? "none" : "renewed").toList()));
            case "advance":
                clock.advance(c.monotonic, c.wall);
                return Map.of();
            case "settle":
                tollgate.settle();
                return Map.of();
            default:
                return Map.of("shown", tollgate + " " + client + " " + new Tollgate.Credentials("x", "y"));
        }
    }

    private Object create(Command c) {
        clock = new TestClock();
        variant = c.variant;
        String id = c.environment.get("TOLLGATE_CLIENT_ID"), secret = c.environment.get("TOLLGATE_CLIENT_SECRET");
        var builder = Tollgate.builder(c.environment.get("TOLLGATE_BASE_URL")).environment(c.environment::get, clock);
        if (c.face.equals("standard")) builder.standard(null);
        if (c.callback) builder.credentials(() -> new Tollgate.Credentials(content(id), content(secret)));
        else builder.client(id, secret);
        try {
            tollgate = builder.build();
        } catch (IllegalArgumentException refused) {
            return Map.of("error", "configuration", "text", refused.getMessage());
        }
        client = tollgate.wrap(plain);
        spring = new RestTemplate(new JdkClientHttpRequestFactory(plain));
        spring.setInterceptors(List.of(new TollgateInterceptor(tollgate)));
        return Map.of();
    }

    /** Processor time of one call, in microseconds. */
    private static double spent(int n, HttpClient client, HttpRequest request) throws Exception {
        client.send(request, HttpResponse.BodyHandlers.ofString());
        long before = processorTime();
        for (int i = 0; i < n; i++) client.send(request, HttpResponse.BodyHandlers.ofString());
        return (processorTime() - before) / 1e3 / n;
    }

    /** Of all threads, in nanoseconds: what the JDK says is in hundredths of a second. */
    private static long processorTime() throws IOException {
        long sum = 0;
        try (var threads = Files.list(Path.of("/proc/self/task"))) {
            for (Path thread : threads.toList()) sum += Long.parseLong(Files.readString(thread.resolve("schedstat")).split(" ")[0]);
        }
        return sum;
    }

    private static String content(String file) throws IOException {
        return Files.readString(Path.of(file.replace("file:", ""))).strip();
    }

    private Map<String, Integer> together(Command c, Callable<String> call) throws Exception {
        var futures = new ArrayList<Future<String>>();
        for (int i = 0; i < c.n; i++) futures.add(threads.submit(call));
        if (c.hold) say(Map.of("started", true));
        var found = new ArrayList<String>();
        for (var future : futures) found.add(future.get());
        return count(found);
    }

    private Map<String, Integer> async(Command c) {
        var futures = new ArrayList<CompletableFuture<String>>();
        for (int i = 0; i < c.n; i++) {
            var sent = client.sendAsync(request(c), HttpResponse.BodyHandlers.ofString());
            futures.add(sent.handle((answer, error) -> {
                if (error == null) return String.valueOf(answer.statusCode());
                return note(error instanceof CompletionException wrapped ? wrapped.getCause() : error);
            }));
        }
        if (c.hold) say(Map.of("started", true));
        return count(futures.stream().map(CompletableFuture::join).toList());
    }

    private static Map<String, Integer> count(List<String> found) {
        var counted = new TreeMap<String, Integer>();
        for (var one : found) counted.merge(one, 1, Integer::sum);
        return counted;
    }

    private HttpRequest request(Command c) {
        var body = c.body == null ? BodyPublishers.noBody()
            : c.stream ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(c.body.getBytes()))
            : BodyPublishers.ofString(c.body);
        return HttpRequest.newBuilder(uri(c)).method(c.method, body).header("Content-Type", "application/json").build();
    }

    private URI uri(Command c) {
        return c.path.startsWith("http") ? URI.create(c.path) : tollgate.uri(c.path);
    }

    private String call(Command c) throws Exception {
        try {
            if (!variant.equals("spring")) {
                return String.valueOf(client.send(request(c), HttpResponse.BodyHandlers.ofString()).statusCode());
            }
            var headers = new org.springframework.http.HttpHeaders();
            headers.set("Content-Type", "application/json");
            var entity = new HttpEntity<>(c.body, headers);
            return String.valueOf(spring.exchange(uri(c), HttpMethod.valueOf(c.method), entity, String.class).getStatusCode().value());
        } catch (HttpStatusCodeException status) {
            return String.valueOf(status.getStatusCode().value());
        } catch (ResourceAccessException wrapped) {
            return note(wrapped.getCause());
        } catch (IOException error) {
            return note(error);
        }
    }

    private String note(Throwable error) {
        var text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        if (!(error instanceof TollgateException failed)) return text.toString();
        var noted = new TreeMap<String, Object>(Map.of("text", text.toString(), "status", failed.status));
        if (failed.code != null) noted.put("code", failed.code);
        if (failed.requestId != null) noted.put("request_id", failed.requestId);
        errors.add(noted);
        return failed.kind.name().toLowerCase();
    }
}
