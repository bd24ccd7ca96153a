// Package must makes calls in tests that have to succeed one line each. It is for
// tests alone, and refuses to say more of a failure than its error does: what
// only may succeed is checked where it is called.
package must

import (
	"encoding/json"
	"testing"
)

// Do ends the test where err is not nil.
func Do(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Get returns what a call answered that has to succeed: must.Get(os.ReadFile(path))(t).
func Get[T any](got T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		Do(tb, err)
		return got
	}
}

// JSON returns what a text is that has to be JSON. It alone says more than an
// error does, which does not have the text.
func JSON[T any, S string | []byte](tb testing.TB, text S) T {
	tb.Helper()
	var into T
	if err := json.Unmarshal([]byte(text), &into); err != nil {
		tb.Fatalf("%v in %.300s", err, text)
	}
	return into
}

// Err returns the error of a call that has an answer too.
func Err[T any](_ T, err error) error { return err }
