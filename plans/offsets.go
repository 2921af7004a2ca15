package plans

import "fmt"

// How a link's mirrors get their offsets: links[].offsets.
const (
	OffsetsIdentical  = "identical"  // the default: the source's, or the mirror is refused
	OffsetsTranslated = "translated" // the destination's own, with a map
	OffsetsAuto       = "auto"       // the source's where they are free and can be reached, else the destination's own
)

// Translates says whether the link may give mirrors other offsets than the source's.
func (l *Link) Translates() bool { return l.Offsets == OffsetsTranslated || l.Offsets == OffsetsAuto }

// WhyDeclared is the reason of a translated partition where the topology asks for it.
const WhyDeclared = "the link declares offsets: translated"

// WhyForeignData is that of a partition in which somebody else's records have offsets that the source's would need.
func WhyForeignData(end int64) string {
	return fmt.Sprintf("the partition held other data when the link came, up to @%d", end)
}

// WhyAlignment is that of a partition whose source's log begins further on than may be filled.
func WhyAlignment(missing, bound int64) string {
	return fmt.Sprintf("the source's log begins %s further on, and links: alignMax allows %d to be filled", counted(missing, "offset"), bound)
}
