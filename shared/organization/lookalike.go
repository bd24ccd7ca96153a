package organization

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"oms/shared/fault"
)

// Check returns what keeps a name from being given to an organization, with an
// empty Field, or nil: another could be taken for it. A name that one has
// already is not judged: it stays good for reading, changing and deleting.
//
// Two attacks are refused. A character that nobody sees makes a second "acme"
// of another key. And letters of one script that look like those of another
// make one that reads as "acme": so no word may mix scripts beyond the level
// "Highly Restrictive" of Unicode Technical Standard 39, section 5.2, and no
// name of several scripts, however its words are divided, may read as one in
// Latin letters that has another key. That a name has words of two scripts is not
// an attack in itself; one that is all of one script is taken as it is, whatever
// it may be read as, or many a Russian word would be refused.
func (n Name) Check() *fault.Field {
	switch {
	case hides(n.Shown):
		return &fault.Field{Code: "invalid", Detail: "a name must not contain characters that cannot be seen"}
	case slices.ContainsFunc(strings.FieldsFunc(n.Shown, betweenWords), mixesScripts),
		mixesScripts(n.Shown) && n.readsAsAnother():
		return &fault.Field{
			Code: "invalid", Detail: "a name must not mix letters of scripts that can be taken for one another",
		}
	}
	return nil
}

// readsAsAnother reports whether a name reads as one in Latin letters that has another key.
func (n Name) readsAsAnother() bool {
	latin := latinLookalikes().Replace(n.Shown)
	return !mixesScripts(latin) && deriveKey(latin) != n.Key
}

// CheckEmail is [Name.Check] for an address as [ParseEmail] returns it: its
// local part, and each label of its domain, is a word. Nor is one new at a domain
// that cannot be (RFC 5890, section 2.3): no mail would ever reach it.
func CheckEmail(email string) *fault.Field {
	at := strings.LastIndexByte(email, '@')
	switch parts := append(strings.Split(email[at+1:], "."), email[:at]); {
	case slices.ContainsFunc(parts, hides):
		return &fault.Field{Code: "invalid", Detail: "an email address must not contain characters that cannot be seen"}
	case slices.ContainsFunc(parts, mixesScripts):
		return &fault.Field{
			Code: "invalid", Detail: "an email address must not mix letters of scripts that can be taken for one " +
				"another",
		}
	case slices.ContainsFunc(parts[:len(parts)-1], noLabel):
		return &fault.Field{
			Code: "invalid", Detail: "the domain of an email address has letters, digits, hyphens and dots only",
		}
	}
	return nil
}

// noLabel reports whether a domain has no such label.
func noLabel(s string) bool {
	return strings.HasPrefix(s, "-") || strings.HasSuffix(s, "-") || strings.ContainsFunc(s, func(r rune) bool {
		return betweenWords(r) && r != '-'
	})
}

// The joiners, which show nothing themselves and may change how their neighbours are written.
const (
	zwnj = '\u200c'
	zwj  = '\u200d'
)

// hides reports whether s has a character that shows nothing: a control or
// format character, or one that a font may ignore. Allowed are the two that
// choose between a symbol and an emoji, which are in no key, and joiners where
// they can be seen (Unicode Standard Annex 31, section 2.3, A1, A2 and B): idna
// knows after which letters, and what may follow is checked here.
func hides(s string) bool {
	runes := append([]rune(s), ' ')
	joins := false
	for i, r := range runes {
		switch {
		case r == zwnj && !unicode.IsLetter(runes[i+1]), r == zwj && unicode.IsMark(runes[i+1]):
			return true
		case r == zwnj, r == zwj:
			joins = true
		case r == '\ufe0e', r == '\ufe0f':
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point,
			unicode.Variation_Selector):
			return true
		}
	}
	return joins && slices.ContainsFunc(strings.FieldsFunc(s, betweenWords), func(word string) bool {
		_, err := idna.New(idna.CheckJoiners(true)).ToUnicode(word) // RFC 5892, A.1 and A.2
		return err != nil
	})
}

func betweenWords(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.N) && r != zwnj && r != zwj
}

// mixesScripts reports whether s has letters of scripts that are not written
// together: it is more than one, and not Latin with those of Chinese, Japanese or Korean.
func mixesScripts(s string) bool {
	if !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		return false // most are, and there are 170 scripts to try
	}
	found := map[string]bool{}
	for _, r := range s {
		for script, table := range unicode.Scripts {
			if unicode.Is(table, r) {
				found[script] = true
			}
		}
	}
	delete(found, "Common")
	delete(found, "Inherited")
	within := func(scripts ...string) bool {
		n := 0
		for _, script := range scripts {
			if found[script] {
				n++
			}
		}
		return n == len(found)
	}
	return len(found) > 1 && !within("Latin", "Han", "Hiragana", "Katakana") &&
		!within("Latin", "Han", "Bopomofo") && !within("Latin", "Han", "Hangul")
}

// latinLookalikes replaces letters by the Latin ones that they look like, by
// Unicode's table of confusables (confusables.txt of Unicode Technical Standard
// 39): of Greek, Cyrillic, Armenian, Coptic, Cherokee and Lisu.
func latinLookalikes() *strings.Replacer {
	const (
		letters = "ͺͿΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγινορσυϒϜϱϲϳϹϺᴦι" + "ЅІЈАВЕКМНОРСТУХЬагеорсухѕіјѡѴѵҮүһҽӀӏԁԌԛԜԝꙇ" + "ՍՏՕագզհոռսցքօ" +
			"ⲅⲎⲒⲔⲘⲚⲞⲟⲢⲣⲤⲥⲦⲨⲬⳐ" + "ᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᎽᏀᏂᏃᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏳᏴꭵꮁꮃꮓꮩꮪꮯ" + "ꓐꓑꓒꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ"
		latin = "iJABEZHlKMNOPTYXayivopouYFpcjCMri" + "SlJABEKMHOPCTYXbareopcyxsijwVvYyhelidGqWwi" + "USOwqqhnnugfo" +
			"rHlKMNOoPpCcTYXL" + "DRTiYAJEWMHYGhZbRWSVSLCPKdGBirwzvsc" + "BPdDTGKJCZFMNLSRVHWXYAElOU"
	)
	pairs := make([]string, 0, 2*len(latin))
	i := 0
	for _, letter := range letters {
		pairs = append(pairs, string(letter), latin[i:i+1])
		i++
	}
	return strings.NewReplacer(pairs...)
}
