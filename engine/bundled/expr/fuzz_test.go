package expr

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLike compares LIKE with a regular expression made of the pattern.
func FuzzLike(f *testing.F) {
	for _, s := range [][2]string{{"abc", "%b_"}, {"", "%"}, {"aab", "%ab"}, {"é", "_"}, {"aaaaaaaaab", "%a%a%a_b%c"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, like string) {
		if !utf8.ValidString(text) || !utf8.ValidString(like) {
			t.Skip()
		}
		var re strings.Builder
		re.WriteString(`(?s)\A`)
		for _, r := range like {
			switch r {
			case '%':
				re.WriteString(".*")
			case '_':
				re.WriteString(".")
			default:
				re.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		re.WriteString(`\z`)
		p, err := parsePattern([]byte(like), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.match([]byte(text)), regexp.MustCompile(re.String()).MatchString(text); got != want {
			t.Fatalf("%q LIKE %q is %v, want %v", text, like, got, want)
		}
	})
}

// FuzzTimePattern checks that what a pattern writes it reads back, where it tells the whole of a time.
func FuzzTimePattern(f *testing.F) {
	f.Add("yyyy-MM-dd HH:mm:ss.SSS", int64(19_000), int64(86_399_999))
	f.Add("dd. MMM yyyy 'at' h:mm:ss.SSS a", int64(0), int64(0))
	f.Add("yyyyMMddHHmmssSSS", int64(-1), int64(43_200_000))
	f.Fuzz(func(t *testing.T, text string, days, milli int64) {
		p, err := parseTimePattern(text)
		if err != nil || len(p) > 100 {
			t.Skip()
		}
		c := clock{days: floorMod(days, 1_000_000), milli: floorMod(milli, millisPerDay)}
		written := p.append(nil, c)
		has := map[byte]int{}
		for i, field := range p {
			if field.letter == 0 && strings.ContainsAny(field.text, "0123456789") || i > 0 && field.letter != 0 && p[i-1].letter != 0 && field.width < 2 {
				t.Skip() // a digit more makes it another number
			}
			has[field.letter] = max(has[field.letter], field.width)
		}
		whole := has['y'] == 4 && has['M'] > 0 && has['d'] > 0 && has['H'] > 0 && has['m'] > 0 && has['s'] > 0 && has['S'] == 3 && has['u']+has['D']+has['a']+has['h'] == 0 && c.days < 2_900_000
		back, ok := p.parse(written)
		seen := map[byte]bool{}
		for _, field := range p {
			if field.letter != 0 && seen[field.letter] {
				whole = false // twice: the last one counts, which may say less
			}
			seen[field.letter] = true
		}
		if whole && ok && back != c {
			t.Fatalf("%q writes %v as %q and reads %v", text, c, written, back)
		}
	})
}

// FuzzReadTimestamp checks that no text makes the readers fail, and that what they take they write in the same way.
func FuzzReadTimestamp(f *testing.F) {
	for _, s := range []string{"2024-02-29 23:59:59.999999999", "1-1-1", "2024-1-1T1:2:3", "12:34", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ms, nanos, ok := readTimestamp([]byte(text))
		if !ok {
			return
		}
		written := appendTimestamp(nil, ms, nanos, 9)
		if ms2, nanos2, ok := readTimestamp(written); !ok || ms2 != ms || nanos2 != nanos {
			t.Fatalf("%q is %d ms %d ns, written as %q, which is %d ms %d ns (%v)", text, ms, nanos, written, ms2, nanos2, ok)
		}
	})
}
