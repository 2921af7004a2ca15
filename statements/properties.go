package statements

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// properties are those of Confluent Cloud's statements. Reference: the dialect's SET page.
var properties = strings.Fields(`
sql.current-catalog sql.current-database sql.dry-run sql.inline-result sql.local-time-zone sql.snapshot.mode sql.state-ttl sql.tables.initial-offset-from
sql.tables.scan.startup.mode sql.tables.scan.startup.timestamp-millis sql.tables.scan.bounded.mode sql.tables.scan.bounded.timestamp-millis
sql.tables.scan.idle-timeout sql.tables.scan.watermark-alignment.max-allowed-drift sql.tables.scan.source-operator-parallelism
client.statement-name client.service-account client.output-format client.results-timeout`)

// Misset says what is wrong with the property that a SET gives: a name that is nearly one of Confluent Cloud's, and a time to live that is none. Either is
// taken without a word by who only stores properties, and then nothing of it holds.
func Misset(p *Parsed) []report.Finding {
	n, ok := p.Statement.(*Set)
	if !ok || n.Key == nil || n.Value == nil {
		return nil
	}
	tell := func(at Pos, message, remedy string) []report.Finding {
		f := p.src.finding(RuleOption, at, message, remedy)
		f.Severity = report.High
		f.Why = "the statements behind it run as if it were not set, or are refused on the day when they are needed"
		return []report.Finding{f}
	}
	key := n.Key.Value
	if near := nearest(key, properties); near != "" && !slices.Contains(properties, key) {
		return tell(n.Key.Pos, "there is no property "+quoteString(clip(key)), "did you mean "+quoteString(near)+"?")
	}
	if key == "sql.state-ttl" || key == "table.exec.state.ttl" {
		if _, ok := ParseTTL(n.Value.Value); !ok {
			return tell(n.Value.Pos, fmt.Sprintf("%s can not be %s, which is no time", quoteString(key), quoteString(clip(n.Value.Value))), "write a number and a unit: '6 h'; '0' keeps state for ever")
		}
	}
	return nil
}
