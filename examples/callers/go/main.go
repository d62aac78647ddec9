// Asks Cambio whether a token is good for this service: grpc-go, the code in gen/ is generated from the contract.
// The token comes on standard input, the rest from the environment; the exit status says what to do. See ../README.md.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	cambiov1 "example.com/validate/gen/cambio/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func validate(target, id, secret, token string) (*cambiov1.ValidateCrossClientResponse, error) {
	transport := credentials.NewTLS(nil)
	if strings.HasPrefix(target, "http://") {
		transport = insecure.NewCredentials()
	}
	address := target[strings.Index(target, "://")+len("://"):]
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	// Id and secret are form-encoded before they are joined (RFC 6749 section 2.3.1).
	proof := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Basic "+proof)
	request := &cambiov1.ValidateCrossClientRequest{Token: &cambiov1.Token{Value: token}}
	return cambiov1.NewTokenExchangeServiceClient(connection).ValidateCrossClient(ctx, request)
}

func main() {
	token, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	answer, err := validate(os.Getenv("CAMBIO_URL"), os.Getenv("CAMBIO_CLIENT_ID"), os.Getenv("CAMBIO_CLIENT_SECRET"), strings.TrimSpace(string(token)))
	if err == nil {
		fmt.Println("subject", answer.Claims.Subject)
		fmt.Println("expires", answer.Claims.ExpiresAt.AsTime().Format(time.RFC3339))
		return
	}
	os.Exit(explain(status.Convert(err)))
}

// Says why, and answers the exit status for it. A failure without a detail did not come from Cambio: nothing was decided.
func explain(failure *status.Status) int {
	for _, one := range failure.Details() {
		detail, ok := one.(*cambiov1.ErrorDetail)
		switch {
		case !ok:
			continue
		case detail.Reason == cambiov1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED:
			fmt.Println("expired", detail.ExpiredAt.AsTime().Format(time.RFC3339))
			return 10
		case !undecided(failure.Code()):
			fmt.Println("refused", strings.TrimPrefix(detail.Reason.String(), "ERROR_REASON_"))
			return 11
		}
	}
	fmt.Println("unavailable", failure.Code())
	return 12
}

func undecided(code codes.Code) bool {
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Internal:
		return true
	}
	return false
}
