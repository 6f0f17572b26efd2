// Creates a payment request and lists the latest, with java.net.http.
import io.github.tollgateauth.client.Tollgate;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

class First {
    static final String PAYMENT = """
        {
          "amount": 1250, "currency": "EUR", "locale": "en-GB",
          "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
          "billing_address": {
            "address_line1": "12 St James Square", "city": "London",
            "postal_code": "SW1Y 4JH", "country": "GB"
          }
        }""";

    public static void main(String[] arguments) throws Exception {
        Tollgate tollgate = Tollgate.fromEnvironment(); // one for the process
        HttpClient api = tollgate.wrap(HttpClient.newHttpClient());

        var create = HttpRequest.newBuilder(tollgate.uri("/api/v1/payment-requests:redirect"))
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", "order-1002") // stored with the order
            .POST(BodyPublishers.ofString(PAYMENT));
        show(api, create.build());
        show(api, HttpRequest.newBuilder(tollgate.uri("/api/v1/payment-requests?limit=1")).build());
    }

    static void show(HttpClient api, HttpRequest request) throws Exception {
        var answer = api.send(request, BodyHandlers.ofString());
        if (answer.statusCode() >= 400) throw new IOException(answer.statusCode() + " " + answer.body());
        System.out.println(answer.body());
    }
}
