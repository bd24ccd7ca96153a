package password_test

import (
	"fmt"

	"oms/shared/password"
)

func ExampleHasher_Verify() {
	peppers, err := password.ParsePeppers("not a pepper for real use, but long enough", false)
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

func ExamplePolicy() {
	p := password.Policy{MinLength: 15, Blocklist: true}
	for _, plain := range []string{"secret123", "1qaz2wsx3edc4rfv", "Acme-Inc-2026!!", "a horse of Acme Inc"} {
		code, detail := p.Check(plain, "Acme, Inc.", "admin@acme.example")
		fmt.Println(code, detail)
	}
	// Output:
	// too_short a password has at least 15 bytes
	// too_common this is one of the commonest passwords, which are tried first
	// too_obvious a password must be more than the organization's name or the admin's email address
}
