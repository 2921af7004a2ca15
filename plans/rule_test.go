package plans

import "testing"

func TestRuleMatch(t *testing.T) {
	for _, tc := range []struct {
		name string
		rule Rule
		in   string
		want bool
	}{
		{"a name", Rule{Include: []string{"flights"}}, "flights", true},
		{"a pattern is anchored at its end", Rule{Include: []string{"flights"}}, "flights-raw", false},
		{"a pattern is anchored at its start", Rule{Include: []string{"flights"}}, "old-flights", false},
		{"each branch of an alternation is anchored", Rule{Include: []string{"a|b"}}, "ab", false},
		{"a line break is not an end", Rule{Include: []string{"a"}}, "a\n", false},
		{"one of several", Rule{Include: []string{"x", "ref-.*"}}, "ref-airlines", true},
		{"excluded", Rule{Include: []string{".*"}, Exclude: []string{".*-tmp"}}, "x-tmp", false},
		{"exclusion is anchored as well", Rule{Include: []string{".*"}, Exclude: []string{"tmp"}}, "tmp-x", true},
		{"nothing included", Rule{}, "flights", false},
		{"flags hold", Rule{Include: []string{"(?i)FLIGHTS"}}, "flights", true},
		{"a bad include selects nothing", Rule{Include: []string{".*", "("}}, "flights", false},
		{"a bad exclude selects nothing", Rule{Include: []string{".*"}, Exclude: []string{"("}}, "flights", false},
		{"parentheses cannot escape the anchors", Rule{Include: []string{"a)|(b"}}, "b", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.rule.Match(tc.in); got != tc.want {
				t.Errorf("%+v matches %q: %t, want %t", tc.rule, tc.in, got, tc.want)
			}
		})
	}
}
