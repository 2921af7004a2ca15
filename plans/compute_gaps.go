package plans

import (
	"fmt"
	"slices"
	"strings"
)

// What offsets without a record cost in a mirror, as measured on one broker: offsets a second, and bytes of log an offset.
const (
	bulkRate    = 100e3 // WriteTxnMarkers, ten thousand a request
	fencedRate  = 150   // empty transactions, for all partitions together
	markerBytes = 78
	keyedRate   = 6e6 // batches of tombstones of one key
)

// compacts says whether a topic's records are removed by key.
func (t *TopicState) compacts() bool {
	return t != nil && slices.Contains(strings.Split(t.Configs["cleanup.policy"], ","), "compact")
}

// holes tells how a topic that is still to be mirrored gets the offsets that compaction has taken the records of, what that may cost at most,
// and what readers see. How many they are, only reading the log tells.
func (c *computation) holes(topic string) string {
	src := c.from.Topics[topic]
	if !src.compacts() || c.to.Topics[topic] != nil {
		return ""
	}
	var most int64
	for _, p := range src.Partitions {
		most += max(0, int64(p.Stable-p.Start)-1) // a log that was compacted keeps its newest record
	}
	if most < shortHoles {
		return ""
	}
	cost := func(rate, bytes float64) string {
		return fmt.Sprintf("%s and %s", seconds(float64(most)/rate), size(float64(most)*bytes))
	}
	text := fmt.Sprintf("it is compacted, and up to %s of it have no record: ", counted(most, "offset"))
	switch c.link.Gaps {
	case GapsFiller:
		return text + fmt.Sprintf("long runs of them become tombstones of the key lifeboat.filler (at most %s), which every reader of the mirror sees until it is promoted and compacted, "+
			"short ones become markers, which nobody sees", cost(keyedRate, fillBytes))
	case "fenced":
		text += fmt.Sprintf("they become markers, which no reader sees, by empty transactions (at most %s)", cost(fencedRate, markerBytes))
	default:
		text += fmt.Sprintf("they become markers, which no reader sees (at most %s, or %s without ALTER on the cluster of %s)", cost(bulkRate, markerBytes),
			seconds(float64(most)/fencedRate), c.link.To)
	}
	if most >= slowHoles {
		text += fmt.Sprintf("; gaps: filler takes at most %s, and readers of the mirror see tombstones until it is promoted and compacted", cost(keyedRate, fillBytes))
	}
	return text
}

const (
	shortHoles = 500       // offsets that are marked in no time worth telling of
	slowHoles  = 1_000_000 // from which on a plan tells of filler: ten seconds of markers in bulk
)
