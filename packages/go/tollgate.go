// Package tollgate holds an access token for all goroutines of a program, and renews it in time.
//
// A [Tollgate] makes an [http.RoundTripper] out of another. This file needs the standard library alone and may be copied
// into a program. docs/client.md says what is promised.
package tollgate

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lead, jitter, margin, shortestLife, defaultLife = 60 * time.Second, 30 * time.Second, 2 * time.Second, 2 * time.Second, 300 * time.Second
	refreshLife, longestRetryAfter, fresh           = 24 * time.Hour, 300 * time.Second, 5 * time.Second
	wait, patience, timeout, look                   = 10 * time.Second, 3 * time.Second, 5 * time.Second, time.Second
	longestAnswer                                   = 64 * 1024 // In bytes.
)

// What an [Error] is about, for [errors.Is].
var (
	ErrConfiguration = errors.New("tollgate: it is set up in a way that can't work, or isn't safe")
	ErrOrigin        = errors.New("tollgate: no token is sent there")
	ErrUnavailable   = errors.New("tollgate: there is no token for now")
	ErrRefused       = errors.New("tollgate: the authority refuses this client")
)

// Error says what went wrong, with code, status and request id of the answer, and when it is tried again, where known.
type Error struct {
	Kind            error
	Message         string
	Code, RequestID string
	Status          int
	RetryAfter      time.Duration
}

func (e *Error) Error() string { return e.Kind.Error() + ": " + e.Message }

// Unwrap makes [errors.Is] true for the kind.
func (e *Error) Unwrap() error { return e.Kind }

// Clock tells the time by a clock that nobody sets, and by one that goes on while the machine sleeps.
type Clock interface {
	Now() Moment
	Sleep(time.Duration)
}

// Moment is a reading of both clocks, from beginnings of their own.
type Moment struct{ Monotonic, Wall time.Duration }

func (m Moment) after(d time.Duration) Moment { return Moment{m.Monotonic + d, m.Wall + d} }

// reached is by the clock that is there first.
func (m Moment) reached(at Moment) bool { return m.Monotonic >= at.Monotonic || m.Wall >= at.Wall }

type systemClock struct{ start time.Time }

func (c systemClock) Now() Moment {
	now := time.Now()
	return Moment{now.Sub(c.start), time.Duration(now.UnixNano())}
}
func (systemClock) Sleep(d time.Duration) { time.Sleep(d) }

// Config says who calls what.
type Config struct {
	BaseURL                string // The URL that the API's paths begin below: https, or http on this machine.
	ClientID, ClientSecret string // Values, file:PATH or env:NAME.
	// Credentials reads both from elsewhere, such as Vault, for each login.
	Credentials func(context.Context) (id, secret string, err error)
	Standard    bool   // Speaks RFC 6749 to /oauth2/token, or to TokenURL.
	TokenURL    string // Another token endpoint of RFC 6749.
	Scope       string
	Transport   http.RoundTripper   // Calls the authority; http.DefaultTransport if nil.
	Getenv      func(string) string // os.Getenv if nil.
	Clock       Clock               // For tests.
}

// Environment is the configuration by TOLLGATE_BASE_URL, TOLLGATE_CLIENT_ID and TOLLGATE_CLIENT_SECRET.
func Environment(getenv func(string) string) Config {
	return Config{
		BaseURL: getenv("TOLLGATE_BASE_URL"), ClientID: getenv("TOLLGATE_CLIENT_ID"),
		ClientSecret: getenv("TOLLGATE_CLIENT_SECRET"), Getenv: getenv,
	}
}

type held struct {
	text       string
	came, life time.Duration
	renew, end Moment
	rejected   bool
	accepted   atomic.Bool
}

type flight struct {
	done chan struct{}
	err  *Error
}

type pair struct{ id, secret string }

// Tollgate holds the token of one client. Give all goroutines the same one.
type Tollgate struct {
	config        Config
	tokenURL      string
	origin        string
	client        http.Client
	held          atomic.Pointer[held]
	mutex         sync.Mutex
	flight        *flight
	last          *Error
	down          bool
	downSince     time.Duration
	failures      int
	refusals      int
	freshRefusals int
	begun         time.Duration
	notBefore     time.Duration
	freshPause    time.Duration
	forced        time.Duration
	wanted        time.Duration
	looked        time.Duration
	// Only a flight touches these.
	refresh       string
	refreshEnd    Moment
	refreshFailed bool
	refusedPair   pair
}

// New checks the configuration. It makes no call.
func New(config Config) (*Tollgate, error) {
	config.BaseURL = strings.TrimRight(config.BaseURL, "/")
	origin, err := originOf(config.BaseURL)
	if err != nil {
		return nil, err
	}
	t := &Tollgate{config: config, origin: origin, tokenURL: config.TokenURL}
	if t.tokenURL != "" {
		t.config.Standard = true
	} else if config.Standard {
		t.tokenURL = config.BaseURL + "/oauth2/token"
	} else {
		t.tokenURL = config.BaseURL + "/api/v1/oauth2/token"
	}
	if _, err := originOf(t.tokenURL); err != nil {
		return nil, err
	}
	store := regexp.MustCompile("^(vault|gcp|aws):|^$")
	if config.Credentials == nil && (store.MatchString(config.ClientID) || store.MatchString(config.ClientSecret)) {
		return nil, &Error{Kind: ErrConfiguration, Message: "no client id or secret, or one in a secret store: set Credentials, which reads it"}
	}
	if config.Credentials == nil {
		t.config.Credentials = t.read
	}
	if config.Getenv == nil {
		t.config.Getenv = os.Getenv
	}
	if config.Clock == nil {
		t.config.Clock = systemClock{time.Now()}
	}
	t.client = http.Client{Transport: config.Transport, Timeout: timeout, CheckRedirect: dontFollow}
	return t, nil
}

// Format shows nothing but where it calls.
func (t *Tollgate) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "Tollgate(%s)", t.config.BaseURL)
}

// Client makes a client with the token, which follows no redirects and waits 30 s at most.
func (t *Tollgate) Client() *http.Client {
	return &http.Client{Transport: t.Transport(nil), Timeout: 30 * time.Second, CheckRedirect: dontFollow}
}

// Transport adds the token to what goes through base, which is http.DefaultTransport if nil.
func (t *Tollgate) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{t, base}
}

// Token is a token that can be used now. It waits about 10 s where there is none.
func (t *Tollgate) Token(ctx context.Context) (string, error) {
	token, flight, err := t.use()
	if flight == nil {
		return token, err
	}
	select {
	case <-flight.done:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if flight.err != nil {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		return "", t.failed(flight.err)
	}
	return t.held.Load().text, nil
}

// Renewed is another token than the one that the API refused, or empty if none is to be had within seconds.
func (t *Tollgate) Renewed(ctx context.Context, refused string) string {
	if flight := t.replace(refused); flight != nil {
		late := time.NewTimer(patience + timeout)
		defer late.Stop()
		select {
		case <-flight.done:
		case <-late.C:
		case <-ctx.Done():
		}
	}
	return t.otherThan(refused)
}

type transport struct {
	tollgate *Tollgate
	base     http.RoundTripper
}

// RoundTrip sends the request with a token; after a refusal of the token once more, with another one.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	err := t.tollgate.covers(request)
	var token string
	if err == nil {
		token, err = t.tollgate.Token(request.Context())
	}
	if err != nil {
		if request.Body != nil {
			_ = request.Body.Close()
		}
		return nil, err
	}
	sent := request.Clone(request.Context())
	if sent.Method == http.MethodPost && sent.Header.Get("Idempotency-Key") == "" {
		sent.Header.Set("Idempotency-Key", uuid())
	}
	sent.Header.Set("Authorization", "Bearer "+token)
	answer, err := t.base.RoundTrip(sent)
	whole := sent.Body == nil || sent.Body == http.NoBody || sent.GetBody != nil
	if err != nil || !t.tollgate.mayRepeat(token, sent, answer, whole) {
		return answer, err
	}
	newer := t.tollgate.Renewed(request.Context(), token)
	if newer == "" {
		return answer, nil
	}
	again := sent.Clone(request.Context())
	if sent.GetBody != nil {
		if again.Body, err = sent.GetBody(); err != nil {
			return answer, nil
		}
	}
	_, _ = io.CopyN(io.Discard, answer.Body, longestAnswer) // So that the connection can be used again.
	_ = answer.Body.Close()
	again.Header.Set("Authorization", "Bearer "+newer)
	if answer, err = t.base.RoundTrip(again); err == nil {
		t.tollgate.mayRepeat(newer, again, answer, false)
	}
	return answer, err
}

func (t *Tollgate) covers(request *http.Request) error {
	if request.Response != nil {
		return &Error{Kind: ErrOrigin, Message: "a redirect is not followed with a token"}
	}
	if origin, err := originOf(request.URL.String()); err != nil || origin != t.origin {
		return &Error{Kind: ErrOrigin, Message: "the request is not for the origin of " + t.config.BaseURL}
	}
	return nil
}

// mayRepeat takes notice of what an answer says of the token. Whether to send the request again with another one.
func (t *Tollgate) mayRepeat(token string, sent *http.Request, answer *http.Response, whole bool) bool {
	reason, found := "", false
	if answer.StatusCode == http.StatusUnauthorized {
		reason, found = challenge(strings.Join(answer.Header.Values("WWW-Authenticate"), ", "))
	}
	if found && (reason == "" || reason == "invalid_token") {
		idempotent := slices.Contains([]string{"", "GET", "HEAD", "PUT", "DELETE", "OPTIONS"}, sent.Method)
		// Who names no reason may have done something already.
		if whole && (reason != "" || idempotent || sent.Header.Get("Idempotency-Key") != "") {
			return true
		}
		t.replace(token)
	} else if now := t.held.Load(); answer.StatusCode/100 == 2 && now != nil && now.text == token && !now.accepted.Load() {
		now.accepted.Store(true)
	}
	return false
}

func (t *Tollgate) use() (string, *flight, error) {
	current, now := t.held.Load(), t.config.Clock.Now()
	if current != nil && !now.reached(current.renew) {
		return current.text, nil, nil
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	current, now = t.held.Load(), t.config.Clock.Now()
	if current != nil && !now.reached(current.renew) { // Somebody has renewed it meanwhile.
		return current.text, nil, nil
	}
	usable, limit := current != nil && !now.reached(current.end), now.Monotonic
	if !usable && t.refusals == 0 {
		// Who comes when it has been down for long does not wait in a queue for each call to fail.
		if t.down {
			limit = t.downSince
		}
		limit += wait
	}
	looks := t.refusals > 0 && now.Monotonic >= t.looked+look
	if t.flight == nil && (looks || t.notBefore <= max(now.Monotonic, limit)) {
		t.start(0)
	}
	if usable {
		return current.text, nil, nil
	}
	if t.flight == nil {
		return "", nil, t.failed(t.last)
	}
	t.wanted = max(t.wanted, limit)
	return "", t.flight, nil
}

func (t *Tollgate) failed(last *Error) *Error {
	failed := *last
	failed.RetryAfter = max(t.notBefore-t.config.Clock.Now().Monotonic, 0)
	failed.Message = fmt.Sprintf("%s; the next attempt is in %.0f s", last.Message, failed.RetryAfter.Seconds())
	return &failed
}

func (t *Tollgate) otherThan(refused string) string {
	current := t.held.Load()
	if current == nil || current.text == refused || t.config.Clock.Now().reached(current.end) {
		return ""
	}
	return current.text
}

func (t *Tollgate) replace(refused string) *flight {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	current, now := t.held.Load(), t.config.Clock.Now().Monotonic
	if current == nil || current.text != refused {
		if t.otherThan(refused) != "" {
			return nil
		}
		return t.flight
	}
	if !current.rejected {
		current.rejected = true
		young := fresh
		if !current.accepted.Load() {
			young = max(fresh, t.freshPause)
		}
		t.freshRefusals++
		if now-current.came >= young {
			t.freshRefusals = 0
		} else if current.accepted.Load() { // Another one does help.
			t.freshRefusals = min(t.freshRefusals, 3)
		}
		t.freshPause = between(0.75, doubled(400*time.Millisecond, t.freshRefusals, 30*time.Second))
		t.forced = max(now, t.begun+t.freshPause)
	}
	if at := max(t.forced, t.notBefore); t.flight == nil && at <= now+patience {
		t.start(at)
	}
	return t.flight
}

// start makes a goroutine of its own, so that no caller's end can end it.
func (t *Tollgate) start(at time.Duration) {
	t.flight = &flight{done: make(chan struct{})}
	go t.fly(t.flight, at)
}

func (t *Tollgate) fly(flight *flight, at time.Duration) {
	defer close(flight.done)
	for {
		if pause := max(t.notBefore, at) - t.config.Clock.Now().Monotonic; pause > 0 && t.refusals == 0 {
			t.config.Clock.Sleep(pause)
		}
		began := t.config.Clock.Now()
		err := t.obtain(began)
		t.mutex.Lock()
		if err != nil && err != t.last {
			t.fail(err, began.Monotonic)
		}
		if err == nil || t.notBefore > max(t.wanted, t.config.Clock.Now().Monotonic) {
			flight.err, t.flight, t.wanted = err, nil, 0
			t.mutex.Unlock()
			return
		}
		t.mutex.Unlock()
	}
}

func (t *Tollgate) fail(err *Error, began time.Duration) {
	now, current := t.config.Clock.Now(), t.held.Load()
	t.last, t.failures, t.refusals = err, t.failures+1, t.refusals+1
	pause := doubled(30*time.Second, t.refusals, 300*time.Second)
	if err.Kind != ErrRefused {
		t.refusals, pause = 0, doubled(500*time.Millisecond, t.failures, 10*time.Second)
	}
	pause = between(0.5, pause)
	asked := err.RetryAfter
	if asked > longestRetryAfter { // Who was told the same does not come back at once.
		asked = between(0.8, longestRetryAfter)
	}
	t.notBefore = max(began+pause, now.Monotonic+max(asked, pause/4))
	if !t.down && (current == nil || now.reached(current.end)) {
		t.down, t.downSince = true, now.Monotonic
	}
}

func (t *Tollgate) obtain(began Moment) (failed *Error) {
	defer func() {
		if recover() != nil { // What it says may have a secret in it.
			failed = &Error{Kind: ErrUnavailable, Message: "a panic while a token was obtained"}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 4*timeout)
	defer cancel()
	tried := !t.refreshFailed
	t.refreshFailed = false
	if current := t.held.Load(); t.refresh != "" && tried && !began.after(current.life).reached(t.refreshEnd) {
		client, err := pair{}, (*Error)(nil)
		if t.config.Standard {
			client, err = t.credentials(ctx)
		}
		if err == nil {
			err = t.exchange(ctx, began, client, t.refresh)
		}
		if err == nil || err.Kind != ErrRefused {
			t.refreshFailed = err != nil // Next time the secret has its turn.
			return err
		}
		t.refresh = ""
	}
	t.mutex.Lock()
	t.looked = t.config.Clock.Now().Monotonic
	t.mutex.Unlock()
	used, err := t.credentials(ctx)
	if err != nil {
		return err
	}
	if t.refusals > 0 && used == t.refusedPair && t.looked < t.notBefore {
		return t.last
	}
	refused := t.exchange(ctx, began, used, "")
	if refused == nil || refused.Kind != ErrRefused {
		return refused
	}
	if t.refusedPair, err = t.credentials(ctx); err != nil {
		return err
	}
	if t.refusedPair == used {
		return refused
	}
	return t.exchange(ctx, began, t.refusedPair, "")
}

func (t *Tollgate) credentials(ctx context.Context) (pair, *Error) {
	id, secret, err := t.config.Credentials(ctx)
	if known := (*Error)(nil); errors.As(err, &known) {
		return pair{}, known
	} else if err != nil { // What it says may have a secret in it.
		return pair{}, &Error{Kind: ErrUnavailable, Message: fmt.Sprintf("Credentials failed (%T)", err)}
	}
	return pair{id, secret}, nil
}

// read takes values, or what is in the files or variables that they name.
func (t *Tollgate) read(context.Context) (string, string, error) {
	var values []string
	for _, reference := range []string{t.config.ClientID, t.config.ClientSecret} {
		kind, name, _ := strings.Cut(reference, ":")
		value := reference
		switch kind {
		case "env":
			value = t.config.Getenv(name)
		case "file":
			content, _ := os.ReadFile(name)
			value = strings.TrimRight(string(content), "\r\n")
		}
		if value == "" {
			return "", "", &Error{Kind: ErrUnavailable, Message: "nothing can be read from " + reference}
		}
		values = append(values, value)
	}
	return values[0], values[1], nil
}

type said struct {
	AccessToken  string          `json:"access_token"`
	RefreshToken string          `json:"refresh_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    json.RawMessage `json:"expires_in"`
	Error        json.RawMessage `json:"error"`
	Code         string          `json:"code"`
}

func (t *Tollgate) exchange(ctx context.Context, sent Moment, client pair, refresh string) *Error {
	form, where, kind := map[string]string{"grant_type": "client_credentials"}, t.tokenURL, "application/json"
	if t.config.Scope != "" {
		form["scope"] = t.config.Scope
	}
	if refresh != "" {
		form = map[string]string{"refresh_token": refresh}
	}
	var body []byte
	if t.config.Standard {
		if refresh != "" {
			form["grant_type"] = "refresh_token"
		}
		values := url.Values{}
		for name, value := range form {
			values.Set(name, value)
		}
		body, kind = []byte(values.Encode()), "application/x-www-form-urlencoded"
	} else {
		if refresh != "" {
			where = strings.TrimSuffix(where, "token") + "refresh"
		} else {
			form["client_id"], form["client_secret"] = client.id, client.secret
		}
		body, _ = json.Marshal(form)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(body))
	if err != nil {
		return &Error{Kind: ErrConfiguration, Message: "the token URL is no URL"}
	}
	request.Header.Set("Content-Type", kind)
	request.Header.Set("Accept", "application/json")
	if t.config.Standard {
		request.SetBasicAuth(url.QueryEscape(client.id), url.QueryEscape(client.secret))
	}
	answer, err := t.client.Do(request)
	if err != nil {
		return &Error{Kind: ErrUnavailable, Message: "the authority can't be reached: " + unwrapped(err)}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, longestAnswer))
	if err != nil {
		return &Error{Kind: ErrUnavailable, Message: "the authority broke off its answer"}
	}
	return t.take(sent, answer, text, refresh != "")
}

func (t *Tollgate) take(sent Moment, answer *http.Response, text []byte, refreshing bool) *Error {
	var data said
	var envelope struct {
		Data  said `json:"data"`
		Error said `json:"error"`
	}
	status := answer.StatusCode
	if t.config.Standard {
		_ = json.Unmarshal(text, &data)
		_ = json.Unmarshal(data.Error, &data.Code)
	} else if json.Unmarshal(text, &envelope) == nil {
		data = envelope.Data
		data.Code = envelope.Error.Code
	}
	if status == http.StatusOK {
		return t.keep(sent, data)
	}
	failed := &Error{
		Kind: ErrUnavailable, Code: plain("^[A-Za-z_]{1,40}$", data.Code), Status: status, RetryAfter: retryAfter(answer.Header),
		RequestID: plain("^[A-Za-z0-9._-]{1,128}$", answer.Header.Get("X-Request-Id")),
	}
	failed.Message = strings.TrimSpace(fmt.Sprintf("the authority answered %d %s", status, failed.Code))
	refused := status == 401 || status == 403 || status == 400 && failed.Code != "" || refreshing && status/100 == 4
	if refused && status != 408 && status != 429 {
		failed.Kind = ErrRefused
	}
	return failed
}

func (t *Tollgate) keep(sent Moment, data said) *Error {
	seconds, err := defaultLife.Seconds(), error(nil)
	if data.ExpiresIn != nil {
		seconds, err = strconv.ParseFloat(strings.Trim(string(data.ExpiresIn), `"`), 64)
	}
	bearer := data.TokenType == "" || strings.EqualFold(data.TokenType, "bearer")
	if err != nil || !bearer || plain("^[!-~]+$", data.AccessToken) == "" {
		return &Error{Kind: ErrUnavailable, Message: "the answer of the authority is no token response"}
	}
	life := time.Duration(min(seconds, 1e9) * float64(time.Second))
	now, end := t.config.Clock.Now(), sent.after(life-min(margin, life/10))
	if life < shortestLife || now.reached(end) {
		return &Error{Kind: ErrUnavailable, Message: "the token does not live long enough to be used"}
	}
	early := min(lead, life/2) + between(0, min(jitter, life/20))
	if data.RefreshToken != "" {
		t.refresh, t.refreshEnd = data.RefreshToken, sent.after(refreshLife)
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.held.Store(&held{text: data.AccessToken, came: now.Monotonic, life: life, renew: sent.after(life - early), end: end})
	t.begun, t.notBefore, t.down, t.last, t.failures, t.refusals = sent.Monotonic, 0, false, nil, 0, 0
	return nil
}

// originOf is scheme, host and port of a URL that a secret may be sent to: https, or this machine.
func originOf(text string) (string, error) {
	parsed, err := url.Parse(text)
	ports := map[string]string{"https": "443", "http": "80"}
	if err != nil || ports[parsed.Scheme] == "" || parsed.Hostname() == "" || parsed.User != nil || parsed.Fragment != "" {
		return "", &Error{Kind: ErrConfiguration, Message: "the base URL must be an absolute https URL without user, password and fragment"}
	}
	host, port := strings.ToLower(parsed.Hostname()), parsed.Port()
	if parsed.Scheme == "http" && host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return "", &Error{Kind: ErrConfiguration, Message: "the base URL must begin with https:// unless it is on this machine (localhost)"}
	}
	if port == "" {
		port = ports[parsed.Scheme]
	}
	return parsed.Scheme + "://" + net.JoinHostPort(host, port), nil
}

var challenges = regexp.MustCompile(`([^\s,="]+)(\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,]*))?`)

// challenge is the error that the Bearer challenge names, and whether there is such a challenge (RFC 9110 §11.6.1).
func challenge(line string) (reason string, found bool) {
	scheme := ""
	for _, part := range challenges.FindAllStringSubmatch(line, -1) {
		if part[2] == "" {
			scheme = strings.ToLower(part[1])
			found = found || scheme == "bearer"
		} else if scheme == "bearer" && strings.EqualFold(part[1], "error") && reason != "invalid_token" {
			reason = strings.Trim(part[3], `"`)
		}
	}
	return reason, found
}

func retryAfter(header http.Header) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	// Compared with the answer's own date, so that a clock set wrongly makes no difference.
	at, err := http.ParseTime(text)
	now, wrong := http.ParseTime(header.Get("Date"))
	if err != nil || wrong != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}

// plain is a text if it looks as it should. Nothing else that an authority says gets into an error.
func plain(pattern, text string) string {
	if matched, _ := regexp.MatchString(pattern, text); !matched {
		return ""
	}
	return text
}

// unwrapped is without the URL.
func unwrapped(err error) string {
	if inner := (*url.Error)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	return err.Error()
}

func dontFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func doubled(first time.Duration, count int, longest time.Duration) time.Duration {
	if count == 0 {
		return 0
	}
	return min(first<<min(count-1, 16), longest)
}

// between is by chance, from a part of it to the whole.
func between(part float64, whole time.Duration) time.Duration {
	return time.Duration(float64(whole) * (part + (1-part)*mathrand.Float64()))
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
