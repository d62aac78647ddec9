// A resource server in Go: lestrrat-go/jwx and the published keys.
// Arguments: algorithm, JWKS URL, issuer, audience; the token on standard input.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

func verify(token []byte, algorithm, jwksURL, issuer, audience string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	keys, err := jwk.Fetch(ctx, jwksURL)
	if err != nil {
		return "", err
	}
	message, err := jws.Parse(token)
	if err != nil {
		return "", err
	}
	// What the header says must be what is expected; the library takes the algorithm from the key.
	if named, ok := message.Signatures()[0].ProtectedHeaders().Algorithm(); !ok || named.String() != algorithm {
		return "", fmt.Errorf("another algorithm than %s", algorithm)
	}
	verified, err := jwt.Parse(token, jwt.WithKeySet(keys), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithRequiredClaim("sub"), jwt.WithRequiredClaim("exp"))
	if err != nil {
		return "", err
	}
	subject, _ := verified.Subject()
	return subject, nil
}

func main() {
	token, err := io.ReadAll(os.Stdin)
	if err == nil {
		var subject string
		if subject, err = verify(bytes.TrimSpace(token), os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err == nil {
			fmt.Println(subject)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
