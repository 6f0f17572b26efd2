import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;

/** Does what kept.py does, with java.net.http. */
public class Kept {
    static final int CALLERS = 5;

    record Request(String status, HttpRequest made, int length) {}

    static Request read(String url, String line) {
        String[] fields = line.split(" ");
        String body = fields[3].startsWith("@") ? fields[3].substring(1) : "x".repeat(Integer.parseInt(fields[3]));
        var made = HttpRequest.newBuilder(URI.create(url + fields[2]));
        made.method(fields[1], body.isEmpty()
                ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        for (int n = 4; n < fields.length; n++) {
            String[] header = fields[n].replace('+', ' ').split("=", 2);
            made.header(header[0], header[1]);
        }
        return new Request(fields[0], made.build(), body.length());
    }

    public static void main(String[] args) throws Exception {
        List<Request> requests = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(args[1]))) {
            requests.add(read(args[0], line));
        }
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        Map<String, Integer> lost = new ConcurrentSkipListMap<>();
        List<Thread> callers = new ArrayList<>();
        for (int caller = 0; caller < CALLERS; caller++) {
            int first = caller;
            callers.add(new Thread(() -> {
                for (int n = 0; n < Integer.parseInt(args[2]) / CALLERS; n++) {
                    Request one = requests.get((first + n) % requests.size());
                    String seen;
                    try {
                        seen = String.valueOf(client.send(one.made, BodyHandlers.ofByteArray()).statusCode());
                    } catch (IOException | InterruptedException error) {
                        seen = error.toString();
                    }
                    if (!seen.equals(one.status)) {
                        var what = one.made.method() + " " + one.made.uri().getPath() + " " + one.length;
                        lost.merge(what + ": " + seen + ", not " + one.status, 1, Integer::sum);
                    }
                }
            }));
        }
        for (Thread caller : callers) {
            caller.start();
        }
        for (Thread caller : callers) {
            caller.join();
        }
        lost.forEach((what, times) -> System.out.println(times + " " + what));
    }
}
