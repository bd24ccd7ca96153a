package organization_test

import (
	"bufio"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/organization"
)

//nolint:gochecknoglobals // a flag
var updateKeys = flag.Bool("update", false, "rewrite testdata/keys.tsv from what keys are now")

// TestParseName_keysArePinned: a new release of the transliteration that
// changes a key would orphan an organization.
func TestParseName_keysArePinned(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "keys.tsv")
	data := must.Get(os.ReadFile(path))(t) //nolint:gosec // G304: a constant path
	var out strings.Builder
	lines := bufio.NewScanner(strings.NewReader(string(data)))
	n := 0
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			out.WriteString(lines.Text() + "\n")
			continue
		}
		typed, want, _ := strings.Cut(lines.Text(), "\t")
		n++
		got, wrong := organization.ParseName(typed)
		if wrong != nil {
			t.Errorf("ParseName(%q) is refused: %+v", typed, *wrong)
			continue
		}
		if got.Key != want && !*updateKeys {
			t.Errorf("the key of %q is %q, want %q", typed, got.Key, want)
		}
		out.WriteString(typed + "\t" + got.Key + "\n")
	}
	if n < 50 {
		t.Errorf("%s pins %d names, want at least 50", path, n)
	}
	if *updateKeys {
		must.Do(t, os.WriteFile(path, []byte(out.String()), 0o600))
	}
}

func TestParseName_showsTheNameAsTyped(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"TestOrg":                "TestOrg",
		"  Test \t\n Org  ":      "Test Org",
		"Zu\u0308rich GmbH":      "Zürich GmbH", // NFC
		"a\u00a0b\u2003c":        "a b c",
		strings.Repeat("é", 100): strings.Repeat("é", 100),
	} {
		got, wrong := organization.ParseName(typed)
		if wrong != nil || got.Shown != want {
			t.Errorf("ParseName(%q) = %q, %v, want %q", typed, got.Shown, wrong, want)
		}
	}
}

func TestParseName_refuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, typed, code string }{
		{"nothing", "", "too_short"},
		{"one character", " a ", "too_short"},
		{"101 characters", strings.Repeat("é", 101), "too_long"},
		{"no letter or digit", "!!!", "invalid"},
		{"emoji alone", "🚀🚀", "invalid"},
		{"a control character", "a\x00b", "invalid"},
		{"a delete character", "ab\u007f", "invalid"},
		{"a bidirectional control", "ab\u202ecd", "invalid"},
		{"bytes that are no text", "ab\xff", "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, wrong := organization.ParseName(c.typed); wrong == nil || wrong.Code != c.code {
				t.Errorf("ParseName(%q) says %+v, want %s", c.typed, wrong, c.code)
			}
		})
	}
}

func TestParseName_longNamesDoNotMeet(t *testing.T) {
	t.Parallel()
	a, _ := organization.ParseName(strings.Repeat("a", 99) + "b")
	b, _ := organization.ParseName(strings.Repeat("a", 99) + "c")
	if a.Key == b.Key || len(a.Key) != organization.MaxKey || !strings.HasPrefix(a.Key, strings.Repeat("a", 43)+"_") {
		t.Errorf("two long names have the keys %q and %q", a.Key, b.Key)
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{
		"TestOrg", "株式会社", "a\u0301bc", "  x  y  ", "\xff", strings.Repeat("ж", 100), "ﬃ①Ⅷ", "İstanbul",
		"\u0915\u094d\u200d\u0937 xn--a",
	} {
		f.Add(s)
	}
	key := regexp.MustCompile(`^[a-z0-9](?:[a-z0-9_]*[a-z0-9])?$`)
	f.Fuzz(func(t *testing.T, typed string) {
		n, wrong := organization.ParseName(typed)
		if wrong != nil {
			if wrong.Code == "" || wrong.Detail == "" {
				t.Errorf("ParseName(%q) refuses without a reason", typed)
			}
			return
		}
		if !key.MatchString(n.Key) || len(n.Key) > organization.MaxKey {
			t.Errorf("the key of %q is %q", typed, n.Key)
		}
		if c := utf8.RuneCountInString(n.Shown); c < organization.MinName || c > organization.MaxName ||
			!norm.NFC.IsNormalString(n.Shown) {
			t.Errorf("ParseName(%q) shows %q", typed, n.Shown)
		}
		if strings.ContainsFunc(n.Shown, unicode.IsControl) {
			t.Errorf("ParseName(%q) lets a control character through", typed)
		}
		if wrong := n.Check(); wrong != nil && (wrong.Code == "" || wrong.Detail == "") {
			t.Errorf("Check of %q refuses without a reason", n.Shown)
		}
		if again, wrong := organization.ParseName(n.Shown); wrong != nil || again != n {
			t.Errorf("ParseName(%q) = %+v, %v the second time, want %+v", n.Shown, again, wrong, n)
		}
		if long, wrong := organization.ParseName(n.Key); wrong == nil && long.Key != n.Key {
			t.Errorf("the key %q has the key %q", n.Key, long.Key)
		}
	})
}

// FuzzParseEmail: an address has one form, which is found again.
func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{
		"Admin@Test.com", "J\u030c@test.com", "\u1fd3.\u0399\u0308\u0301@x.y", "\"a b\"@x.y", "\xff@x.y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		email, wrong := organization.ParseEmail(typed)
		if wrong != nil {
			return
		}
		if again, wrong := organization.ParseEmail(email); again != email || wrong != nil {
			t.Errorf("ParseEmail(%q) = %q, %+v, want %q", email, again, wrong, email)
		}
		_ = organization.CheckEmail(email)
	})
}

func TestParseEmail(t *testing.T) {
	t.Parallel()
	local := strings.Repeat("l", 64)
	longest := local + "@" + strings.Repeat("d", 63) + "." + strings.Repeat("d", 63) + "." + strings.Repeat("d", 58) +
		".io"
	for _, c := range []struct{ name, typed, want, code string }{
		{"as it is", "admin@test.com", "admin@test.com", ""},
		{"trimmed and lower-cased", " Admin@Test.COM\n", "admin@test.com", ""},
		{"composed once more after it is lower-cased", "J\u030c.T\u0308@test.com", "\u01f0.\u1e97@test.com", ""},
		{"plus and dots", "a.b+c@x.y.io", "a.b+c@x.y.io", ""},
		{"254 bytes", longest, longest, ""},
		{"255 bytes", "l" + longest, "", "too_long"},
		{"nothing", "", "", "invalid"},
		{"no at", "admin.test.com", "", "invalid"},
		{"no dot in the domain", "admin@localhost", "", "invalid"},
		{"an empty label", "admin@test..com", "", "invalid"},
		{"a dot at the end", "admin@test.com.", "", "invalid"},
		{"a domain literal", "admin@[127.0.0.1]", "", "invalid"},
		{"a display name", "Admin <admin@test.com>", "", "invalid"},
		{"two addresses", "a@test.com, b@test.com", "", "invalid"},
		{"a comment", "admin@test.com (me)", "", "invalid"},
		{"bytes that are no text", "a\xff@test.com", "", "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, wrong := organization.ParseEmail(c.typed)
			if got != c.want || (wrong == nil) != (c.code == "") || wrong != nil && wrong.Code != c.code {
				t.Errorf("ParseEmail(%q) = %q, %+v, want %q, %q", c.typed, got, wrong, c.want, c.code)
			}
		})
	}
}

// TestCheck_lookalikes: what may be new is in testdata/lookalikes.tsv, and what
// may not; all of it is good for finding what is there already.
func TestCheck_lookalikes(t *testing.T) {
	t.Parallel()
	data := must.Get(os.ReadFile("testdata/lookalikes.tsv"))(t)
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		typed, err := strconv.Unquote(fields[2])
		if err != nil || len(fields) != 4 || fields[1] != "ok" && fields[1] != "refused" {
			t.Fatalf("%q is no line of the table: %v", line, err)
		}
		var wrong, judged *fault.Field
		if fields[0] == "email" {
			var email string
			if email, wrong = organization.ParseEmail(typed); wrong == nil {
				judged = organization.CheckEmail(email)
			}
		} else {
			var name organization.Name
			if name, wrong = organization.ParseName(typed); wrong == nil {
				judged = name.Check()
			}
		}
		if wrong != nil {
			t.Errorf("%s %s (%s): cannot be looked for: %+v", fields[0], fields[2], fields[3], *wrong)
		}
		if (judged != nil) != (fields[1] == "refused") {
			t.Errorf("%s %s (%s): it is %+v, want %s", fields[0], fields[2], fields[3], judged, fields[1])
		}
	}
}
