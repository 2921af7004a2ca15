package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPatternsAreSplitBetweenThem(t *testing.T) {
	for text, want := range map[string][]string{
		"orders":          {"orders"},
		"orders,payments": {"orders", "payments"},
		"orders, ref-.*":  {"orders", "ref-.*"},
		"t-[0-9]{1,3},u":  {"t-[0-9]{1,3}", "u"},
		"(a{2,}|b,c),d":   {"(a{2,}|b,c)", "d"},
		"[,({]x,y":        {"[,({]x", "y"},
		`a\{,b`:           {`a\{`, "b"},
		`a\,b`:            {`a\,b`},
		"orders,":         {"orders", ""}, // an empty one is refused where it is checked
		"t{1,":            {"t{1,"},       // and so is what is no pattern
	} {
		if diff := cmp.Diff(want, commas(text)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
