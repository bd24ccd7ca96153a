package secret_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
	"oms/shared/secret"
)

const (
	strongA = "abcdefghijklmnopqrstuvwxyz012345" // 32 bytes
	strongB = "ABCDEFGHIJKLMNOPQRSTUVWXYZ543210"
)

func TestParseRing(t *testing.T) {
	t.Parallel()
	idA, idB := secret.DerivedID([]byte(strongA), "x"), secret.DerivedID([]byte(strongB), "x")
	tests := []struct {
		name, text string
		active     string
		keys       map[string]string
	}{
		{"raw", strongA, idA, map[string]string{idA: strongA}},
		{"raw with a line end", strongA + "\r\n", idA, map[string]string{idA: strongA}},
		{
			"inner white space is kept", "a a" + strongA, secret.DerivedID([]byte("a a"+strongA), "x"),
			map[string]string{secret.DerivedID([]byte("a a"+strongA), "x"): "a a" + strongA},
		},
		{
			"named", `{"active":"k2","keys":{"k1":"` + strongA + `","k2":"` + strongB + `"}}`, "k2",
			map[string]string{"k1": strongA, "k2": strongB, idA: strongA, idB: strongB},
		},
		{
			"named, the other way round", ` {"keys":{"k.1-_":"` + strongA + `"},"active":"k.1-_"} `, "k.1-_",
			map[string]string{"k.1-_": strongA, idA: strongA},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := must.Get(secret.ParseRing(tt.text, "x", false))(t)
			keys := make(map[string]string)
			for id, key := range got.Keys {
				keys[id] = string(key)
			}
			if diff := cmp.Diff(tt.keys, keys); got.Active != tt.active || diff != "" {
				t.Errorf("ParseRing: active %q, want %q (-want +got):\n%s", got.Active, tt.active, diff)
			}
		})
	}
}

func TestParseRing_refuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		weak       bool
		isWeak     bool
	}{
		{"nothing", "", true, false},
		{"white space", " \n", true, false},
		{"31 bytes", strongA[1:], false, true},
		{"one repeated character", strings.Repeat("k", 64), false, true},
		{"31 bytes, over and over", strings.Repeat(strongA[1:], 3), false, true},
		{"31 bytes, over and over, cut", strings.Repeat(strongA[1:], 3)[:70], false, true},
		{"the original's example", "change_this_to_secure_random_string_in_production", false, true},
		{"the original's example in capitals", "CHANGE_THIS_TO_SECURE_RANDOM_STRING", false, true},
		{"a weak named key", `{"active":"k1","keys":{"k1":"short"}}`, false, true},
		{"a weak key that is not active", `{"active":"k1","keys":{"k1":"` + strongA + `","k2":"short"}}`, false, true},
		{"an empty key", `{"active":"k1","keys":{"k1":""}}`, true, false},
		{"no JSON", `{` + strongA, false, false},
		{"an active key that is not there", `{"active":"k2","keys":{"k1":"` + strongA + `"}}`, false, false},
		{"no active key", `{"keys":{"k1":"` + strongA + `"}}`, false, false},
		{"no keys", `{"active":"k1"}`, false, false},
		{"empty keys", `{"active":"k1","keys":{}}`, false, false},
		{"keys that are a list", `{"active":"k1","keys":["` + strongA + `"]}`, false, false},
		{"a key that is a number", `{"active":"k1","keys":{"k1":1}}`, true, false},
		{"an unknown field", `{"active":"k1","keys":{"k1":"` + strongA + `"},"note":"x"}`, false, false},
		{
			"a key that is there twice", `{"active":"k1","keys":{"k1":"` + strongA + `","k1":"` + strongB + `"}}`,
			false, false,
		},
		{"keys that are there twice", `{"active":"k1","keys":{"k1":"` + strongA + `"},"keys":{}}`, false, false},
		{"trailing data", `{"active":"k1","keys":{"k1":"` + strongA + `"}} x`, false, false},
		{"no end", `{"active":"k1","keys":{"k1":"` + strongA + `"}`, false, false},
		{"an id with a space", `{"active":"k 1","keys":{"k 1":"` + strongA + `"}}`, false, false},
		{"an empty id", `{"active":"","keys":{"":"` + strongA + `"}}`, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := secret.ParseRing(tt.text, "x", tt.weak)
			if err == nil {
				t.Fatal("ParseRing took it")
			}
			if errors.Is(err, secret.ErrWeak) != tt.isWeak {
				t.Errorf("ParseRing = %v, ErrWeak: want %t", err, tt.isWeak)
			}
			for _, part := range []string{strongA[1:], strongB, "short", "change_this_to_secure_random_s"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error shows the secret: %v", err)
				}
			}
		})
	}
	for text, weak := range map[string]bool{
		"short": true, strings.Repeat("k", 64): true,
		strings.Repeat(strongA, 2): false, strongA + strongA[:31]: false, // 32 bytes count
	} {
		if _, err := secret.ParseRing(text, "x", weak); err != nil {
			t.Errorf("ParseRing(%q, weak: %t) = %v", text, weak, err)
		}
	}
}

func TestDerivedID(t *testing.T) {
	t.Parallel()
	// Pinned: it is stored beside hashes and sent in tokens.
	// printf 'oms key id: token' | openssl dgst -sha256 -hmac aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
	if got, want := secret.DerivedID([]byte(strings.Repeat("a", 32)), "token"), "55ecea14"; got != want {
		t.Errorf("DerivedID = %q, want %q", got, want)
	}
	if secret.DerivedID([]byte(strongA), "token") == secret.DerivedID([]byte(strongA), "password pepper") {
		t.Error("one key has one id in two uses")
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	text := secret.Text("hunter2hunter2")
	values := map[string]any{
		"text":           text,
		"pointer":        &text,
		"list":           []secret.Text{text},
		"struct":         struct{ URI secret.Text }{text},
		"ring":           secret.Ring{Active: "k", Keys: map[string][]byte{"k": []byte(text)}},
		"struct of ring": struct{ R secret.Ring }{secret.Ring{Active: "k", Keys: map[string][]byte{"k": []byte(text)}}},
	}
	for name, v := range values {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", slog.Any("value", v))
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", slog.Any("value", v))
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatalf("%s: marshalling: %v", name, err)
		}
		for _, part := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), "104 117 110", "[104", "aHVudGVy"} {
			if strings.Contains(out.String(), part) {
				t.Errorf("%s: %q is in\n%s", name, part, out.String())
			}
		}
	}
	if text.Reveal() != "hunter2hunter2" || text.IsZero() || !secret.Text("").IsZero() {
		t.Error("Reveal or IsZero is wrong")
	}
	if got := text.String() + (secret.Ring{}).String(); got != secret.Redacted+secret.Redacted {
		t.Errorf("String = %q", got)
	}
}

func FuzzParseRing(f *testing.F) {
	f.Add(`{"active":"k2","keys":{"k1":"` + strongA + `","k2":"` + strongB + `"}}`)
	f.Add(strongA)
	f.Add(strings.Repeat("k", 64))
	f.Add(`{"active":"k","keys":{"k":"\ud800aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := secret.ParseRing(text, "x", false)
		if err != nil {
			return
		}
		if len(r.Keys[r.Active]) == 0 {
			t.Error("the active key is missing")
		}
		composed, err := r.Compose()
		if err != nil {
			if utf8.ValidString(text) {
				t.Errorf("Compose = %v", err)
			}
			return
		}
		if again, err := secret.ParseRing(composed.Reveal(), "x", false); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("the composed ring reads differently (%v)", err)
		}
		for id, key := range r.Keys {
			if len(key) < secret.MinLength || len(strings.Trim(string(key), string(key[:1]))) == 0 {
				t.Errorf("key %s is %q", id, key)
			}
		}
	})
}

func TestMAC(t *testing.T) {
	t.Parallel()
	// printf '7:purpose3:a:b0:' | openssl dgst -sha256 -hmac key
	const want = "c9ca5035a513493db50c22d586c2ea2aa172866f7bc0afd0625c31892f3d7917"
	if got := hex.EncodeToString(secret.MAC([]byte("key"), "purpose", "a:b", "")); got != want {
		t.Errorf("MAC = %s, want %s: what is kept is not found again", got, want)
	}
}
