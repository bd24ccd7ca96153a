package openapitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/message"
	"golang.org/x/text/unicode/norm"
)

// measures are the document's own keywords for the length of a string.
func measures() map[string]func(string) int {
	return map[string]func(string) int{
		"Bytes":      func(s string) int { return len(s) },
		"Characters": func(s string) int { return utf8.RuneCountInString(normalise(s)) },
	}
}

// normalise returns a text as the service shows it: NFC (UAX #15), outer white
// space trimmed, inner runs of it as one space.
func normalise(s string) string { return strings.Join(strings.Fields(norm.NFC.String(s)), " ") }

// newCompiler returns a compiler of JSON Schema 2020-12 that holds formats to
// be rules, not notes, and that knows the document's own keywords.
func newCompiler() (*jsonschema.Compiler, error) {
	own, err := vocabulary()
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.AssertVocabs()
	c.RegisterVocabulary(own)
	c.RegisterFormat(&jsonschema.Format{Name: "idn-email", Validate: checkText(checkEmail)})
	c.RegisterFormat(&jsonschema.Format{Name: "organization-name", Validate: checkText(checkName)})
	return c, nil
}

func checkText(check func(string) error) func(any) error {
	return func(v any) error {
		s, ok := v.(string)
		if !ok {
			return nil // the keyword type has its say
		}
		return check(s)
	}
}

// checkEmail is the contract's rule: trimmed, an address by net/mail (RFC 5322,
// section 3.4) and nothing beside it, with a dotted domain of letters, marks,
// digits and hyphens.
func checkEmail(s string) error {
	s = strings.TrimSpace(s)
	a, err := mail.ParseAddress(s)
	if err != nil {
		return err
	}
	if a.Address != s {
		return errors.New("more than an address")
	}
	if !regexp.MustCompile(`@[\pL\pM\pN-]+(\.[\pL\pM\pN-]+)+$`).MatchString(s) {
		return errors.New("the domain is none, or has no dot")
	}
	return nil
}

// checkName is the contract's rule but for the length.
func checkName(s string) error {
	s = normalise(s)
	if strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}) {
		return errors.New("a control character")
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return errors.New("neither a letter nor a digit")
	}
	return nil
}

// vocabulary returns x-minBytes, x-maxBytes, x-minCharacters and x-maxCharacters.
func vocabulary() (*jsonschema.Vocabulary, error) {
	const url = "urn:oms:vocabulary"
	properties := map[string]any{}
	for unit := range measures() {
		for _, bound := range []string{"x-min", "x-max"} {
			properties[bound+unit] = map[string]any{"type": "integer", "minimum": json.Number("0")}
		}
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(url, map[string]any{"properties": properties}); err != nil {
		return nil, err
	}
	meta, err := c.Compile(url)
	if err != nil {
		return nil, err
	}
	return &jsonschema.Vocabulary{URL: url, Schema: meta, Compile: func(_ *jsonschema.CompilerContext,
		schema map[string]any,
	) (jsonschema.SchemaExt, error) {
		var all lengths
		for unit, measure := range measures() {
			least, hasLeast := number(schema["x-min"+unit])
			most, hasMost := number(schema["x-max"+unit])
			if hasLeast {
				all = append(all, length{keyword: "x-min" + unit, measure: measure, bound: least})
			}
			if hasMost {
				all = append(all, length{keyword: "x-max" + unit, measure: measure, bound: most, most: true})
			}
		}
		if all == nil {
			return nil, nil //nolint:nilnil // the library asks for it: none of these keywords is there
		}
		return all, nil
	}}, nil
}

type lengths []length

type length struct {
	keyword string
	measure func(string) int
	bound   int
	most    bool
}

// Validate holds v against each of the bounds.
func (l lengths) Validate(ctx *jsonschema.ValidatorContext, v any) {
	s, ok := v.(string)
	if !ok {
		return
	}
	for _, b := range l {
		got := b.measure(s)
		if (b.most && got > b.bound) || (!b.most && got < b.bound) {
			ctx.AddError(&wrongLength{keyword: b.keyword, got: got, want: b.bound})
		}
	}
}

type wrongLength struct {
	keyword   string
	got, want int
}

// KeywordPath names the keyword.
func (w *wrongLength) KeywordPath() []string { return []string{w.keyword} }

// LocalizedString says what is wrong, in English alone.
func (w *wrongLength) LocalizedString(*message.Printer) string {
	return fmt.Sprintf("%s: got %d, want %d", w.keyword, w.got, w.want)
}

func number(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return int(i), err == nil
}
