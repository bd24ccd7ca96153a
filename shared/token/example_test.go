package token_test

import (
	"context"
	"fmt"
	"time"

	"oms/shared/token"
)

func ExampleTokens() {
	keys, err := token.ParseKeys("not a key for real use, but long enough", "HS256", false)
	if err != nil {
		fmt.Println(err)
		return
	}
	tokens := token.New(token.Static(keys), time.Hour, nil)
	compact, ttl, err := tokens.Issue(context.Background(), token.Principal{
		AdminID: "65f0c0ffee65f0c0ffee65f0", OrgID: "0123456789abcdef01234567", CredentialVersion: "1",
		Session: "fedcba9876543210fedcba98", AuthTime: time.Now(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	who, err := tokens.Verify(context.Background(), compact)
	fmt.Println(who.OrgID, ttl, err)
	fmt.Println(keys)
	// Output:
	// 0123456789abcdef01234567 1h0m0s <nil>
	// [redacted]
}

func ExampleBearer() {
	compact, err := token.Bearer("bearer abc.def.ghi")
	fmt.Println(compact, err)
	_, err = token.Bearer("Basic dXNlcjpwYXNz")
	fmt.Println(err)
	// Output:
	// abc.def.ghi <nil>
	// invalid_token: the Authorization header must be a bearer token
}
