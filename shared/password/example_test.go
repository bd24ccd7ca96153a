package password_test

import (
	"fmt"
	"strings"

	"oms/shared/password"
)

func ExampleHasher_Verify() {
	peppers, err := password.ParsePeppers(strings.Repeat("not a pepper for real use ", 2), false)
	if err != nil {
		fmt.Println(err)
		return
	}
	h, err := password.New(peppers, password.MinCost) // 12 outside tests
	if err != nil {
		fmt.Println(err)
		return
	}
	stored, err := h.Hash("correct horse battery staple")
	if err != nil {
		fmt.Println(err)
		return
	}
	verdict, err := h.Verify("correct horse battery staple", stored)
	fmt.Println(verdict.OK, verdict.Upgrade, err)
	fmt.Println(stored)
	// Output:
	// true false <nil>
	// [redacted]
}

func ExampleCheck() {
	code, detail := password.Check("1234567")
	fmt.Println(code + ": " + detail)
	// Output: too_short: a password has at least 8 bytes
}
