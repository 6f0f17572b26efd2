// Creates a payment request and lists the latest, with net/http.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	tollgate "github.com/tollgate-auth/client-go"
)

const payment = `{
	"amount": 1250, "currency": "EUR", "locale": "en-GB",
	"customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
	"billing_address": {
		"address_line1": "12 St James Square", "city": "London",
		"postal_code": "SW1Y 4JH", "country": "GB"
	}
}`

func main() {
	kit, err := tollgate.New(tollgate.Environment(os.Getenv)) // one for the process
	if err != nil {
		log.Fatal(err)
	}
	url := os.Getenv("TOLLGATE_BASE_URL") + "/api/v1/payment-requests"

	create, err := http.NewRequest("POST", url+":redirect", strings.NewReader(payment))
	if err != nil {
		log.Fatal(err)
	}
	create.Header.Set("Content-Type", "application/json")
	create.Header.Set("Idempotency-Key", "order-1001") // stored with the order
	show(kit.Client().Do(create))
	show(kit.Client().Get(url + "?limit=1"))
}

func show(answer *http.Response, err error) {
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 400 {
		log.Fatal(answer.Status, " ", string(body), err)
	}
	fmt.Println(string(body))
}
