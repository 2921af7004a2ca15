package statements

import "strings"

// OperatorName is what Flink's plans call the operator that runs r: StreamJoin, StreamGroupAggregate.
func OperatorName(r Rel) string {
	switch n := r.(type) {
	case *Scan:
		return "StreamTableSourceScan"
	case *Windowing:
		return "StreamWindowTableFunction"
	case *Aggregation:
		if n.Window != nil {
			return "StreamWindowAggregate"
		}
		return "StreamGroupAggregate"
	case *Write:
		return "StreamSink"
	case *Joining:
		switch n.Form {
		case IntervalJoin:
			return "StreamIntervalJoin"
		case WindowJoin:
			return "StreamWindowJoin"
		case TemporalJoin:
			return "StreamTemporalJoin"
		case LookupJoin:
			return "StreamLookupJoin"
		}
		return "StreamJoin"
	case *Combining:
		if n.Op == Union && n.All {
			return "StreamUnion"
		}
		return "Stream" + string(n.Op[:1]) + strings.ToLower(string(n.Op[1:]))
	case *Over:
		return "StreamOverAggregate"
	case *Ranking:
		switch {
		case n.Dedup && n.Window != nil:
			return "StreamWindowDeduplicate"
		case n.Dedup:
			return "StreamDeduplicate"
		case n.Window != nil:
			return "StreamWindowRank"
		}
		return "StreamRank"
	case *Sorting:
		switch {
		case n.Limit < 0:
			return "StreamTemporalSort"
		case len(n.Order) == 0:
			return "StreamLimit"
		}
		return "StreamSortLimit"
	case *Calling:
		return "StreamCorrelate"
	case *Matching:
		return "StreamMatch"
	case *Listing:
		return "StreamValues"
	case *Normalizing:
		return "StreamChangelogNormalize"
	}
	return "StreamCalc" // *Filter, *Projection
}
