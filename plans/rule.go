package plans

import (
	"regexp"
	"sync"
)

// Match reports whether name is selected: one pattern of Include matches all of it and none of Exclude does. A rule without
// Include selects nothing. Load refuses patterns that do not compile; a rule built by hand that holds one selects nothing,
// because a selection that is too small is seen, and one that is too large is mirrored.
func (r Rule) Match(name string) bool {
	selected := false
	for _, p := range r.Include {
		re := anchored(p)
		if re == nil {
			return false
		}
		selected = selected || re.MatchString(name)
	}
	if !selected {
		return false
	}
	for _, p := range r.Exclude {
		if re := anchored(p); re == nil || re.MatchString(name) {
			return false
		}
	}
	return true
}

// patterns caches compiled patterns by their text: a rule is asked about every topic, group and subject of a region.
var patterns sync.Map // string → *regexp.Regexp, nil where it does not compile

func anchored(pattern string) *regexp.Regexp {
	if re, ok := patterns.Load(pattern); ok {
		return re.(*regexp.Regexp)
	}
	var re *regexp.Regexp
	// Compiled on its own first: wrapped, "a)|(b" would become something else than what was written.
	if _, err := regexp.Compile(pattern); err == nil {
		re = regexp.MustCompile(`\A(?:` + pattern + `)\z`)
	}
	patterns.Store(pattern, re)
	return re
}
