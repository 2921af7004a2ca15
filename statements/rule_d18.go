package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d18 = Rule{
	ID:           "D18",
	Title:        "where a record stands, in the result",
	Why:          "the same record has another offset, partition or leader epoch in the other region, unless the link keeps them",
	Remedy:       "leave the column out, or carry the origin's offset in a header",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD18,
	Page:   `The metadata columns offset, partition, leader-epoch, topic, headers and timestamp-type are of the log that is read. A link that keeps offsets gives all of them but the leader epoch the same values; then the finding is low, and the result the same. A replicator that produces records again keeps none. Where offsets are translated, so are those that a query begins or ends at: scan.startup.mode and scan.bounded.mode = specific-offsets.`,
	Wrong: `CREATE TABLE orders (id STRING, at_offset BIGINT METADATA FROM 'offset' VIRTUAL);
CREATE TABLE traced (id STRING, at_offset BIGINT);
INSERT INTO traced SELECT id, at_offset FROM orders;`,
	Right: `CREATE TABLE orders (id STRING, at_offset BIGINT METADATA FROM 'offset' VIRTUAL);
CREATE TABLE traced (id STRING, ts TIMESTAMP_LTZ(3));
INSERT INTO traced SELECT id, $rowtime FROM orders;`,
}

// placeOfRecord are the metadata that tell where a record stands, or came to stand.
var placeOfRecord = wordSet(`headers leader-epoch offset partition timestamp-type topic`)

func checkD18(in *judged) []hit {
	var out []hit
	in.used(func(r Rel, need map[int]bool) {
		sc, ok := r.(*Scan)
		if !ok {
			return
		}
		topic := in.facts.Topics[sc.Table.Name]
		for i, c := range sc.Table.Row() {
			if !need[i] || c.Kind != Metadata || !placeOfRecord[c.MetadataKey] {
				continue
			}
			h := hit{at: in.columnAt(c.Name, sc.Pos), message: fmt.Sprintf("%s is the %s of a record of %s", quoteName(clip(c.Name)), c.MetadataKey, sc.Table.Name)}
			switch {
			case c.MetadataKey == "leader-epoch" || topic.Offsets == OffsetsNotKnown:
				h.message += ", which the other region may not have"
			case topic.Offsets == OffsetsTranslated:
				h.message += ", which the link does not keep"
			case c.MetadataKey == "timestamp-type" && len(topic.AppendTime) > 0:
				h.message += ", which a mirrored record has not from its source"
			default:
				h.message += ", which the link keeps"
				h.passive, h.active, h.leaves = report.Low, report.Low, DeterministicChangelog
				h.remedy = "see that every region is mirrored with its offsets, also after a failback"
			}
			out = append(out, h)
		}
	})
	return append(out, in.boundsByOffset()...)
}

// boundsByOffset are the places where a query is told by offset where to begin or to end in a topic whose offsets the link does not keep: they name
// other records in the other region.
func (in *judged) boundsByOffset() []hit {
	var out []hit
	for _, edge := range []struct{ option, does string }{{"scan.startup", "begun"}, {"scan.bounded", "ended"}} {
		for _, o := range in.scanOptions("sql.tables."+edge.option+".mode", edge.option+".mode") {
			if o.value == "specific-offsets" && in.facts.Topics[o.table].Offsets == OffsetsTranslated {
				out = append(out, hit{at: o.Pos, message: fmt.Sprintf("%s is %s at offsets (%s), which the link does not keep", o.table, edge.does, o.from),
					remedy: fmt.Sprintf("a time, which the link keeps: '%s.mode' = 'timestamp'", edge.option)})
			}
		}
	}
	return out
}

// columnAt is the first place where the statement names a column, or another place where it names it nowhere.
func (in *judged) columnAt(name string, otherwise Pos) Pos {
	found := Pos{}
	inspect(in.stmt, func(n Node) {
		if c, ok := n.(*ColumnName); ok && c.Last() == name && (found.Line == 0 || c.Pos.compare(found) < 0) {
			found = c.Pos
		}
	})
	if found.Line == 0 {
		return otherwise
	}
	return found
}
