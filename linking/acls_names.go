package linking

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// mirrored is a source's entry by the names that topics have in the destination: what it is about there are the mirrors of what it is about in
// the source, and nothing else. Where the link's names can not say that, why tells.
func (v *accessView) mirrored(a ACL) (mirror ACL, why string) {
	if a.Resource != kmsg.ACLResourceTypeTopic || !v.link.Renames() {
		return a, ""
	}
	names := v.link.Names()
	everything := a.Pattern == kmsg.ACLResourcePatternTypeLiteral && a.Name == "*"
	switch {
	case everything && names.Strip == "": // of the source's topics, not of those that the destination has besides
		a.Name, a.Pattern = names.Prefix, kmsg.ACLResourcePatternTypePrefixed
		return a, ""
	case everything, a.Pattern == kmsg.ACLResourcePatternTypePrefixed && strings.HasPrefix(names.Strip, a.Name):
		return a, "mirrors in " + v.link.To + " have no prefix that would tell them from its other topics: it would be about all of these"
	case a.Pattern == kmsg.ACLResourcePatternTypePrefixed:
	case !v.link.Selects(a.Name):
		return a, "the link does not mirror the topic, and one of that name in " + v.link.To + " would be another"
	}
	mirror = a
	var ok bool
	if mirror.Name, ok = names.Mirror(a.Name); !ok {
		return a, "the link mirrors no topics that begin so, and those in " + v.link.To + " would be others"
	}
	return mirror, ""
}
