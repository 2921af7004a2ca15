package plans

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// PartitionOffsets is how one partition's mirror gets its offsets, and what that takes.
type PartitionOffsets struct {
	Partition int32    `json:"partition"`
	Mode      string   `json:"mode"` // identical | translated
	Reason    string   `json:"reason"`
	By        []string `json:"by,omitempty"` // what stands for offsets without a record: alignment, keyed, bulk, filler, fenced
	Fill      int64    `json:"fill"`         // offsets in front of the source's log start that are filled and hidden
	Gaps      int64    `json:"gaps"`         // offsets to come without a record; -1 where they were not looked for
	Estimated bool     `json:"estimated"`    // from a part of the log
	Seconds   float64  `json:"seconds"`
	Bytes     int64    `json:"bytes"`
	// Empty counts the empty records that readers of uncommitted data see in the place of aborted ones.
	Empty int64 `json:"empty,omitempty"`
	// Tombstones counts those of one key that every reader of the mirror sees until it is promoted and compacted; Fillable how many there would
	// be if the link declared gaps: filler.
	Tombstones int64 `json:"tombstones,omitempty"`
	Fillable   int64 `json:"fillable,omitempty"`
}

// Gaps is what was seen of a log's offsets that a read_committed reader gets no record for.
type Gaps struct {
	Offsets int64 `json:"offsets"`         // without a record, of those looked at
	Aborted int64 `json:"aborted"`         // of them in long runs of aborted records
	Runs    int64 `json:"runs,omitempty"`  // of them in runs that are long for empty transactions, where it was no transaction that left them
	Large   int64 `json:"large,omitempty"` // of these in runs that are long for markers in bulk as well
	Looked  int64 `json:"looked"`          // offsets looked at
	Of      int64 `json:"of"`              // that are to be mirrored
}

// scaled is n of what was looked at, as part of all of it.
func (g *Gaps) scaled(n int64) int64 {
	if g.Looked == 0 || g.Looked >= g.Of {
		return n
	}
	return int64(math.Round(float64(n) * float64(g.Of) / float64(g.Looked)))
}

// What offsets without a record cost, as measured on one broker: a second, and bytes of log each.
const (
	FillRate    = 10e6 // offsets, in zstd batches of 100,000 empty records
	fillBytes   = 0.6
	bulkRate    = 100e3 // markers, of all partitions together
	fencedRate  = 150   // markers of one partition, all partitions at the same time
	keyedRate   = 6e6   // tombstones of one key, in batches of 100,000
	markerBytes = 78
	bulkFewest  = 20 // gaps in sight that bulk markers are used for
)

// WhyTranslated decides, before anything of a partition is mirrored, whether its offsets are to be translated, and gives the reason; "" where they
// are the source's. foreign is where the destination's log ended when the link came, if it held other data; end where it ends now; start
// where the source's begins. Plans and runs decide by it, from the same facts.
func (l *Link) WhyTranslated(foreign, end, start int64) string {
	switch {
	case foreign > 0: // where this is not refused
		return WhyForeignData(foreign)
	case end > 0:
		return ""
	case l.Offsets == OffsetsTranslated:
		return WhyDeclared
	case l.Translates() && l.AlignMax > 0 && start > l.AlignMax:
		return WhyAlignment(start, l.AlignMax)
	}
	return ""
}

// offsets plans how the partitions of a topic get their offsets.
func (c *computation) offsets(t TopicPlan) []PartitionOffsets {
	src := c.from.Topics[t.Name]
	if src == nil {
		return nil
	}
	m, mirrored := c.mirrors[t.Name]
	var list []PartitionOffsets
	for p, from := range src.Partitions {
		o := PartitionOffsets{Partition: int32(p), Mode: OffsetsIdentical, Reason: "nothing stands against it", Gaps: -1}
		end := Offset(0)
		if parts := c.to.Topics[t.Name].partitions(); p < len(parts) {
			end = max(0, parts[p].End)
		}
		stored, translated := m.Translated[int32(p)]
		why := ""
		switch {
		case translated:
			why = "as it was begun: " + stored.Why
		case mirrored && end > 0:
			o.Reason = "as it was begun"
			if c.link.Offsets == OffsetsTranslated {
				o.Reason += "; what is declared now holds for mirrors that are begun"
			}
		case mirrored:
			why = c.link.WhyTranslated(0, 0, int64(from.Start))
		case c.link.Translates():
			why = c.link.WhyTranslated(int64(end), int64(end), int64(from.Start))
		}
		if g := from.Gaps; g != nil {
			o.Gaps, o.Estimated = g.scaled(g.Offsets), g.Looked < g.Of
		}
		if why != "" {
			o.Mode, o.Reason = OffsetsTranslated, why
		} else {
			o.Fill = max(0, int64(from.Start-end))
			c.costs(&o, from.Gaps, src.compacts())
		}
		list = append(list, o)
	}
	return list
}

// otherOffsets reports topics whose mirrors have not the source's offsets: whoever keeps positions of them by himself has to know.
func (c *computation) otherOffsets() {
	for _, t := range c.plan.Topics {
		n := len(c.mirrors[t.Name].Translated)
		if c.plan.Operation == OpLink {
			n = 0
			for _, o := range c.offsets(t) {
				if o.Mode == OffsetsTranslated {
					n++
				}
			}
		}
		if n == 0 {
			continue
		}
		c.find(report.Medium, "link/translated", t.Name, fmt.Sprintf("%s of topic %s in %s: offsets are not those of %s", counted(int64(n), "partition"), t.Name, c.link.To, c.link.From),
			"a position that is kept anywhere but in the link's groups means another record there",
			"have such readers look their positions up by time, or mirror the topic with the source's offsets")
	}
}

// costs climbs the ladder for a partition with the source's offsets.
func (c *computation) costs(o *PartitionOffsets, g *Gaps, compacted bool) {
	add := func(by string, offsets int64, rate, bytes float64) {
		o.By = append(o.By, by)
		o.Seconds += float64(offsets) / rate
		o.Bytes += int64(float64(offsets) * bytes)
	}
	if o.Fill > 0 {
		add("alignment", o.Fill, FillRate, fillBytes)
	}
	if g == nil || o.Gaps <= 0 {
		return
	}
	markers, aborted := o.Gaps, g.scaled(g.Aborted)
	keyed := g.scaled(g.Runs)
	if c.bulk() {
		keyed = g.scaled(g.Large)
	}
	switch {
	case !compacted || keyed == 0:
	case c.link.Gaps == GapsFiller:
		add("keyed", keyed, keyedRate, fillBytes)
		o.Tombstones, markers = keyed, markers-keyed
	default:
		o.Fillable = keyed
	}
	switch {
	case c.bulk() && markers >= bulkFewest:
		add("bulk", markers, bulkRate, markerBytes)
		return
	case c.link.Gaps != "markers" && aborted > 0:
		add("filler", aborted, FillRate, fillBytes)
		o.Empty, markers = aborted, markers-aborted
	}
	if markers > 0 {
		add("fenced", markers, fencedRate, markerBytes)
	}
}

// compacts says whether a topic's records are removed by key.
func (t *TopicState) compacts() bool {
	return slices.Contains(strings.Split(t.Configs["cleanup.policy"], ","), "compact")
}

// bulk says whether markers may be written in bulk: the policy allows it, and the principal's rights as far as they are known.
func (c *computation) bulk() bool { return c.link.Gaps != "fenced" && c.to.Markers != MarkersDenied }

// offsetsText sums a topic's partitions up in words.
func (c *computation) offsetsText(list []PartitionOffsets) string {
	var parts []string
	byReason := map[string][]string{}
	var order []string
	for _, o := range list {
		if o.Mode == OffsetsTranslated {
			if byReason[o.Reason] == nil {
				order = append(order, o.Reason)
			}
			byReason[o.Reason] = append(byReason[o.Reason], fmt.Sprint(o.Partition))
		}
	}
	for _, reason := range order {
		which := "all partitions translated"
		if n := len(byReason[reason]); n < len(list) || len(order) > 1 {
			which = "partition " + listed(byReason[reason]) + " translated"
			if n > 1 {
				which = "partitions " + listed(byReason[reason]) + " translated"
			}
		}
		parts = append(parts, fmt.Sprintf("%s (%s): readers see its records in their order at other offsets, none of those without a record, and a map of them takes a few bytes for each of their gaps", which, reason))
	}
	if text := c.fillText(list); text != "" {
		parts = append(parts, text)
	}
	if text := c.gapsText(list); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func (c *computation) fillText(list []PartitionOffsets) string {
	var filler int64
	for _, o := range list {
		filler += o.Fill
	}
	if filler == 0 {
		return ""
	}
	text := fmt.Sprintf("its log starts later than 0, so %s are filled and hidden first", counted(filler, "offset"))
	if took := float64(filler) / FillRate; took >= 1 {
		text += fmt.Sprintf(" (about %s and %s)", seconds(took), size(float64(filler)*fillBytes))
	}
	return text
}

// gapsText tells of offsets without a record of partitions with the source's offsets.
func (c *computation) gapsText(list []PartitionOffsets) string {
	var gaps, empty, bytes, tombstones, fillable int64
	var took, fenced float64
	var by []string
	estimated := false
	for _, o := range list {
		if o.Mode != OffsetsIdentical || o.Gaps <= 0 {
			continue
		}
		gaps, empty, tombstones, fillable = gaps+o.Gaps, empty+o.Empty, tombstones+o.Tombstones, fillable+o.Fillable
		estimated = estimated || o.Estimated
		fill := float64(o.Fill)
		bytes += o.Bytes - int64(fill*fillBytes)
		if own := o.Seconds - fill/FillRate; slices.Contains(o.By, "fenced") {
			fenced = max(fenced, own) // of all partitions at the same time
		} else {
			took += own
		}
		for _, b := range o.By {
			if b != "alignment" && !slices.Contains(by, b) {
				by = append(by, b)
			}
		}
	}
	if gaps == 0 {
		return ""
	}
	how := map[string]string{"keyed": "tombstones of one key", "bulk": "markers in bulk", "filler": "empty records of aborted transactions", "fenced": "a fenced marker each"}
	var words []string
	for _, b := range by {
		words = append(words, how[b])
	}
	amount := counted(gaps, "offset")
	if estimated {
		amount = "about " + amount + ", estimated from a part of the log,"
	}
	text := fmt.Sprintf("%s have no record and become %s (%s and %s)", amount, listed(words), seconds(took+fenced), size(float64(bytes)))
	if empty > 0 {
		text += fmt.Sprintf(", of which readers of uncommitted data see %s where the source has aborted ones", counted(empty, "empty record"))
	}
	if tombstones > 0 {
		text += fmt.Sprintf("; every reader of the mirror sees %s until it is promoted and compacted", counted(tombstones, "tombstone"))
	}
	if fillable > 0 {
		text += fmt.Sprintf("; with gaps: filler %s of them would be tombstones of one key (%s and %s), which every reader of the mirror sees until it is promoted and compacted",
			thousands(fillable), seconds(float64(fillable)/keyedRate), size(float64(fillable)*fillBytes))
	}
	if slices.Contains(by, "bulk") && c.to.Markers == "" {
		text += "; whether the link may write markers in bulk is not known: without that right it takes longer"
	}
	return text
}
