// An API in Go, whose tokens a library verifies by the keys that the issuer publishes.
//
//	verifiers LIBRARY ISSUER AUDIENCE        says "serves ADDRESS"; GET answers 200 with the scope, or 401
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

type claims struct {
	Scope string `json:"scope"`
	jwt.RegisteredClaims
}

type verify func(ctx context.Context, token string) (claims, error)

// By go-oidc, which finds the algorithms and the keys by itself.
func byOIDC(ctx context.Context, issuer, audience string) (verify, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	verifier := provider.VerifierContext(ctx, &oidc.Config{ClientID: audience})
	return func(ctx context.Context, token string) (claims, error) {
		var found claims
		verified, err := verifier.Verify(ctx, token)
		if err != nil {
			return found, err
		}
		return found, verified.Claims(&found)
	}, nil
}

// By golang-jwt, with the keys that keyfunc keeps.
func byJWT(ctx context.Context, issuer, audience string) (verify, error) {
	keys, err := keyfunc.NewDefaultCtx(ctx, []string{issuer + "/oauth2/jwks"})
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	return func(_ context.Context, token string) (claims, error) {
		var found claims
		_, err := parser.ParseWithClaims(token, &found, keys.Keyfunc)
		return found, err
	}, nil
}

func main() {
	library, issuer, audience := os.Args[1], os.Args[2], os.Args[3]
	verify, err := map[string]func(context.Context, string, string) (verify, error){
		"go-oidc":    byOIDC,
		"golang-jwt": byJWT,
	}[library](context.Background(), issuer, audience)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("serves", listener.Addr())
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		found, err := verify(r.Context(), token)
		if err != nil {
			log.Print(err)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, found.Scope)
	})))
}
