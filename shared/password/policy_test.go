package password_test

import (
	"strings"
	"testing"

	"oms/shared/password"
)

func TestPolicy_Check(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, plain, want string }{
		{"eight bytes", "12345678", ""},
		{"seven bytes", "1234567", "too_short"},
		{"bytes are counted, not characters", "пароль", ""},
		{"four characters of two bytes", "ññññ", ""},
		{"1,024 bytes", strings.Repeat("x", 1024), ""},
		{"1,025 bytes", strings.Repeat("x", 1025), "too_long"},
		{"spaces only", "        ", ""},
		{"NUL and controls", "\x00\x01\x02\x03\x04\x05\x06\x07", ""},
		{"not UTF-8", "1234567\x80", "invalid"},
		{"half a surrogate pair", "12345678\xed\xa0\x80", "invalid"},
		{"empty", "", "too_short"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, detail := password.Policy{}.Check(tt.plain)
			if code != tt.want || (detail == "") != (code == "") {
				t.Errorf("Check(%d bytes) = %q, %q; want %q", len(tt.plain), code, detail, tt.want)
			}
		})
	}
}

func TestPolicy_Check_blocklist(t *testing.T) {
	t.Parallel()
	words := []string{"Zürich Acme & Co", "zurich_acme_co", "joe.admin@mail.example.com"}
	tests := []struct {
		plain, want string
		least       int
	}{
		{"PassWord", "too_common", 8},
		{"1qaz2wsx", "too_common", 8},
		{"12345678\n1qaz2wsx", "", 8},
		{"password", "too_short", 15},
		{"1qaz2wsx3edc4rfv", "too_common", 15},
		{"QwertyuiopAsdfghjkl", "too_common", 15},
		{"secret1234secret", "", 15},
		{"Zürich Acme & Co", "too_obvious", 8},
		{"ZU\u0308RICH-ACME-2026", "too_obvious", 8}, // decomposed
		{"acmeacmeacmeacme", "too_obvious", 15},
		{"!!!acme1!!!", "too_obvious", 8},
		{"zurichacme1", "too_obvious", 8},
		{"joe.admin@mail.example.com", "too_obvious", 15},
		{"Joe-Admin-2026-", "too_obvious", 15},
		{"mail.example.com", "too_obvious", 15},
		{"Acme-2026-!!!!!", "too_obvious", 15},
		{"acme12345678", "", 8}, // eight digits
		{"acme horses", "", 8},
		{"a horse of Acme", "", 15},
		{"cocococo-co-co", "", 8}, // a part of two letters is no word
		{"0123456789012987", "", 15},
		{"correct horse battery staple", "", 15},
	}
	for _, tt := range tests {
		p := password.Policy{MinLength: tt.least, Blocklist: true}
		if code, detail := p.Check(tt.plain, words...); code != tt.want || (detail == "") != (code == "") {
			t.Errorf("Check(%q) of %+v = %q, %q; want %q", tt.plain, p, code, detail, tt.want)
		}
		p.Blocklist = false
		if code, _ := p.Check(tt.plain, words...); code != "" && code != "too_short" {
			t.Errorf("Check(%q) of %+v = %q, want no blocklist", tt.plain, p, code)
		}
	}
}
