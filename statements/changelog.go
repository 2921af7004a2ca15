package statements

import (
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// ChangelogMode is what the records of a table's topic mean.
type ChangelogMode string

// The changelog modes of the dialect.
const (
	Append  ChangelogMode = "append"  // every record is an insert
	Upsert  ChangelogMode = "upsert"  // the last record of a key counts, a null value deletes it
	Retract ChangelogMode = "retract" // the header op says insert, update before, update after or delete
)

// Connector is what a table reads and writes: the dialect's own connector to topics, "confluent", where the table names none.
func (t *Table) Connector() string { return t.Option("connector", ownConnector) }

const ownConnector = "confluent"

// Topic reports whether the table is a topic.
func (t *Table) Topic() bool {
	switch t.Connector() {
	case ownConnector, "kafka", "upsert-kafka":
		return true
	}
	return false
}

// Mode is the changelog mode of what is written to the table. Of a topic it is also that of what is read, see Source. It is what the option
// changelog.mode says, else what the connector does: Flink's kafka appends, unless its format is one of change records; upsert-kafka and what is no topic
// take updates by the primary key. The dialect's own tables are upsert with a primary key and append without one.
func (t *Table) Mode() ChangelogMode {
	if m := t.Option("changelog.mode", ""); m != "" {
		return ChangelogMode(m)
	}
	switch t.Connector() {
	case "upsert-kafka":
		return Upsert
	case "print", "blackhole":
		return Retract
	case "kafka":
		if changeRecords(t.Option("value.format", t.Option("format", ""))) {
			return Retract
		}
		return Append
	}
	if len(t.PrimaryKey) > 0 {
		return Upsert
	}
	return Append
}

// Source is the changelog mode of what is read from the table: what is no topic gives its rows once.
func (t *Table) Source() ChangelogMode {
	if t.Topic() {
		return t.Mode()
	}
	if strings.HasSuffix(t.Connector(), "-cdc") {
		return Retract
	}
	return Append
}

// changeRecords reports whether the records of a format say what they change.
func changeRecords(format string) bool {
	for _, f := range []string{"debezium-", "canal-", "maxwell-", "ogg-"} {
		if strings.HasPrefix(format, f) {
			return true
		}
	}
	return false
}

// RuleChangelog is the rule under which is reported that Flink does not plan a query: an operator or a sink takes inserts, and gets more.
const RuleChangelog = "sql/changelog"

const whyUnplannable = "the engine refuses the statement when it is started, on the day when it is needed"

// Unplannable says which operators and sinks of a statement do not take the changes that they get.
func Unplannable(p *Parsed, cat Catalog) []report.Finding {
	writes, _ := relateStatement(p.Statement, Opened(cat))
	var found []report.Finding
	for _, w := range writes {
		if n := unsortable(w); n != nil {
			f := p.src.finding(RuleChangelog, n.Pos, "ORDER BY sorts a stream by its time alone", "put a time attribute first, ascending: ORDER BY $rowtime, …; add LIMIT for the first rows by another column; or leave ORDER BY out")
			f.Why = whyUnplannable
			found = append(found, f)
		}
		s := SinkOf(w)
		if s.Refused == "" {
			continue
		}
		remedy := "read what only inserts, or write to a table and read that as append"
		if s.RefusedAt == w.Pos {
			remedy = "declare a PRIMARY KEY, so that the table is upsert, or 'changelog.mode' = 'retract'"
		}
		f := p.src.finding(RuleChangelog, s.RefusedAt, s.Refused, remedy)
		f.Why = whyUnplannable
		found = append(found, f)
	}
	return found
}

// unsortable is the ORDER BY of what is written, where Flink would have to wait for the last row to find the first: "Sort on a non-time-attribute
// field is not supported." nil where it goes by time, or only the first rows are kept. What a query returns may be bounded, so that it is let pass.
func unsortable(w *Write) *Sorting {
	in := w.In
	for p, ok := in.(*Projection); ok; p, ok = in.(*Projection) { // which takes the columns off that only the order needed
		in = p.In
	}
	n, ok := in.(*Sorting)
	if !ok || n.Limit >= 0 || w.Table.Name == resultTable || timeOrder(n.In, n.Order) {
		return nil
	}
	if ref, ok := n.Order[0].Value.(*ColumnRef); ok && !known(n.In.Columns()[ref.Index].Type) {
		return nil
	}
	return n
}
