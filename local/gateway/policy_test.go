package gateway_test

import (
	"testing"

	"oms/local/gateway"
)

func TestWildcard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, value string
		want           bool
	}{
		{"*", "", true},
		{"*", "a/b", true},
		{"a", "a", true},
		{"a", "ab", false},
		{"", "a", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"arn:*/GET/pets/*", "arn:x/$default/GET/pets/1", true},
		{"arn:*/GET/pets/*", "arn:x/$default/POST/pets/1", false},
		{"*a*b", "xaxxab", true},
		{"*a*b", "xaxxa", false},
		{"a**", "a", true},
		{"a*?", "a", false},
	}
	for _, tt := range tests {
		if got := gateway.Wildcard(tt.pattern, tt.value); got != tt.want {
			t.Errorf("wildcard(%q, %q) = %t", tt.pattern, tt.value, got)
		}
	}
}
