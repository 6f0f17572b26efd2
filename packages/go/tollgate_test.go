package tollgate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// testClock stands still unless it is told otherwise, or somebody sleeps.
type testClock struct {
	mutex sync.Mutex
	now   Moment
	slept time.Duration
}

func (c *testClock) Now() Moment {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *testClock) Sleep(d time.Duration) {
	c.advance(d, d)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.slept += d
}

func (c *testClock) advance(monotonic, wall time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = Moment{c.now.Monotonic + monotonic, c.now.Wall + wall}
}

func (c *testClock) sleptSeconds() float64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.slept.Seconds()
}

type command struct {
	Op, Method, Path, Body, Face string
	N                            int
	Stream, Hold, Callback       bool
	Monotonic, Wall              float64
	Environment                  map[string]string
}

type answer map[string]any

var kinds = map[error]string{ErrConfiguration: "configuration", ErrOrigin: "origin", ErrUnavailable: "unavailable", ErrRefused: "refused"}

type driver struct {
	kit    *Tollgate
	client *http.Client
	clock  *testClock
	mutex  sync.Mutex
	errors []answer
}

func (d *driver) play(c command) answer {
	switch c.Op {
	case "new":
		d.clock = &testClock{now: Moment{1000 * time.Second, 1.8e9 * time.Second}}
		config := Environment(func(name string) string { return c.Environment[name] })
		config.Standard, config.Clock = c.Face == "standard", d.clock
		if c.Callback {
			id, secret := config.ClientID, config.ClientSecret
			config.Credentials = func(context.Context) (string, string, error) { return content(id), content(secret), nil }
		}
		kit, err := New(config)
		if err != nil {
			return answer{"error": kinds[errors.Unwrap(err)], "text": err.Error()}
		}
		d.kit, d.client = kit, kit.Client()
	case "call":
		before := d.clock.sleptSeconds()
		found := d.together(c, func() string { return d.call(c) })
		errors := d.errors
		d.errors = nil
		return answer{"outcomes": found, "slept": d.clock.sleptSeconds() - before, "errors": errors[:min(len(errors), 1)]}
	case "cost":
		token, _ := d.kit.Token(context.Background())
		url := d.kit.config.BaseURL + c.Path
		bare, _ := http.NewRequest("GET", url, nil)
		bare.Header.Set("Authorization", "Bearer "+token)
		with, _ := http.NewRequest("GET", url, nil)
		plain := &http.Client{Timeout: 30 * time.Second, CheckRedirect: dontFollow}
		return answer{"bare": spent(c.N, plain, bare), "kit": spent(c.N, d.client, with)}
	case "storm":
		token, _ := d.kit.Token(context.Background())
		return answer{"outcomes": d.together(c, func() string {
			if d.kit.Renewed(context.Background(), token) == "" {
				return "none"
			}
			return "renewed"
		})}
	case "advance":
		d.clock.advance(time.Duration(c.Monotonic*1e9), time.Duration(c.Wall*1e9))
	case "settle":
		d.kit.mutex.Lock()
		flight := d.kit.flight
		d.kit.mutex.Unlock()
		if flight != nil {
			<-flight.done
		}
	case "show":
		kit := d.kit
		return answer{"shown": fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v", kit, kit, kit, kit, kit, d.client, d.client.Transport, d.client.Transport)}
	}
	return answer{}
}

// spent is the processor time of one call, in microseconds.
func spent(n int, client *http.Client, request *http.Request) float64 {
	var before, after syscall.Rusage
	for i := range n + 1 {
		if i == 1 {
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
		}
		response, err := client.Do(request)
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	nanos := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	return float64(nanos) / float64(n) / 1000
}

func content(file string) string {
	text, _ := os.ReadFile(strings.TrimPrefix(file, "file:"))
	return strings.TrimSpace(string(text))
}

func (d *driver) together(c command, call func() string) map[string]int {
	var all sync.WaitGroup
	found := make(chan string, c.N)
	for range c.N {
		all.Add(1)
		go func() { defer all.Done(); found <- call() }()
	}
	if c.Hold {
		say(answer{"started": true})
	}
	all.Wait()
	close(found)
	outcomes := map[string]int{}
	for outcome := range found {
		outcomes[outcome]++
	}
	return outcomes
}

func (d *driver) call(c command) string {
	var body io.Reader
	if c.Stream {
		body = io.MultiReader(strings.NewReader(c.Body))
	} else if c.Body != "" {
		body = strings.NewReader(c.Body)
	}
	if !strings.HasPrefix(c.Path, "http") {
		c.Path = d.kit.config.BaseURL + c.Path
	}
	request, err := http.NewRequest(c.Method, c.Path, body)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := d.client.Do(request)
	if failed := (*Error)(nil); errors.As(err, &failed) {
		d.mutex.Lock()
		defer d.mutex.Unlock()
		text := fmt.Sprintf("%v %+v %#v %#v", err, err, err, failed)
		d.errors = append(d.errors, answer{"code": failed.Code, "status": failed.Status, "request_id": failed.RequestID, "text": text})
		return kinds[failed.Kind]
	} else if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return fmt.Sprint(response.StatusCode)
}

func say(a answer) {
	text, _ := json.Marshal(a)
	fmt.Println(string(text))
}

// TestDriver plays the scenarios of packages/scenarios. One JSON object a line, on both sides.
func TestDriver(t *testing.T) {
	if os.Getenv("TOLLGATE_SCENARIOS") == "" {
		t.Skip("packages/test plays the scenarios")
	}
	d := &driver{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20) // A line may have a long body.
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		say(d.play(c))
	}
	os.Exit(0) // Without go test's own last lines.
}

func TestAWaiterThatGivesUpLeavesTheRenewalToTheOthers(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	kit, err := New(Config{BaseURL: "https://a.example", ClientID: "i", ClientSecret: "s", Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		close(asked)
		<-release
		body := io.NopCloser(strings.NewReader(`{"data":{"access_token":"t","expires_in":900}}`))
		return &http.Response{StatusCode: 200, Body: body, Header: http.Header{}}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan error)
	go func() { _, err := kit.Token(ctx); gone <- err }()
	<-asked
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(release)
	if token, err := kit.Token(context.Background()); token != "t" || err != nil {
		t.Fatal(token, err)
	}
}

// A clock that says when it has been looked at.
type watchedClock struct {
	testClock
	looked chan struct{}
}

func (c *watchedClock) Now() Moment {
	defer func() {
		select {
		case c.looked <- struct{}{}:
		default:
		}
	}()
	return c.testClock.Now()
}

func TestACallerThatComesTooLateToRenewTakesTheTokenThatCame(t *testing.T) {
	clock := &watchedClock{testClock{now: Moment{time.Hour, time.Hour}}, make(chan struct{}, 1)}
	kit, err := New(Config{BaseURL: "https://a.example", ClientID: "i", ClientSecret: "s", Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	kit.held.Store(&held{text: "old"}) // It is over.
	kit.mutex.Lock()
	token := make(chan string)
	go func() { text, _ := kit.Token(context.Background()); token <- text }()
	<-clock.looked // It has seen that the old one is over, and waits for the lock or is about to.
	later := Moment{2 * time.Hour, 2 * time.Hour}
	kit.held.Store(&held{text: "new", renew: later, end: later})
	kit.mutex.Unlock()
	if text := <-token; text != "new" {
		t.Fatal(text)
	}
	kit.mutex.Lock()
	defer kit.mutex.Unlock()
	if kit.flight != nil {
		t.Fatal("it renews what is new")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func BenchmarkOverheadOfACall(b *testing.B) {
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		body := io.NopCloser(strings.NewReader(`{"data":{"access_token":"t","expires_in":900}}`))
		return &http.Response{StatusCode: 200, Body: body, Header: http.Header{}, Request: r}, nil
	})
	kit, _ := New(Config{BaseURL: "https://a.example", ClientID: "i", ClientSecret: "s", Transport: base})
	with := kit.Transport(base)
	request, _ := http.NewRequest("GET", "https://a.example/x", nil)
	for range b.N {
		answer, err := with.RoundTrip(request)
		if err != nil || answer.StatusCode != 200 {
			b.Fatal(err)
		}
	}
}
