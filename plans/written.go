package plans

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Where both regions are written, a statement reads what was written in each of them, by one text for both: `${east:orders}` is topic orders of
// east, by the name that it has where the statement runs: orders in east, east.orders in west if that is what the link calls its mirror.

// written finds ${REGION:TOPIC} in SQL.
var written = regexp.MustCompile(`\$\{([A-Za-z0-9][A-Za-z0-9_-]*):([^}\s]+)\}`)

// In is the declaration with the statements as they run in a region. What no link brings there stands as it is, and Load reports it.
func (d *Declared) In(region string) *Declared {
	next := *d
	next.Statements = slices.Clone(d.Statements)
	changed := false
	for i, s := range next.Statements {
		sql := d.sqlIn(region, s.SQL)
		if sql == s.SQL {
			continue
		}
		if !changed {
			changed, next.parsed = true, map[string]*statements.Parsed{}
			maps.Copy(next.parsed, d.parsed)
		}
		next.Statements[i].SQL = sql
		if script, _ := statements.ParseAt(s.File, s.Line, sql); len(script.Statements) == 1 {
			next.parsed[s.Name] = script.Statements[0]
		}
	}
	if !changed {
		return d
	}
	return &next
}

func (d *Declared) sqlIn(region, sql string) string {
	return written.ReplaceAllStringFunc(sql, func(whole string) string {
		m := written.FindStringSubmatch(whole)
		if name, ok := d.Topology.called(region, m[1], m[2]); ok {
			return name
		}
		return whole
	})
}

// called is the name that a topic written in one region has in another.
func (t *Topology) called(in, from, topic string) (string, bool) {
	if in == from {
		return topic, true
	}
	for _, l := range t.Links {
		if l.From == from && l.To == in && l.Selects(topic) {
			return l.Names().Mirror(topic)
		}
	}
	return "", false
}

// Origin is where the records of a topic that a region has were written, as far as links tell by its name: of a topic with a prefix, and of one
// that such a link takes, the region and the name there; of any other no region and the name that it has.
func (t *Topology) Origin(in, topic string) (region, name string) {
	for _, l := range t.Links {
		if l.Prefix == "" {
			continue
		}
		if source, ok := l.Names().Source(topic); ok && l.To == in && strings.HasPrefix(topic, l.Prefix) && l.Selects(source) {
			return l.From, source
		}
		if l.From == in && l.Selects(topic) {
			return in, topic
		}
	}
	return "", topic
}

// somewhere is the declaration in one of the regions, for what is asked of the text alone: it means the same in each.
func (d *Declared) somewhere() *Declared {
	if len(d.Topology.Links) == 0 {
		return d
	}
	return d.In(d.Topology.Links[0].To)
}

// unwritten reports what ${REGION:TOPIC} names and a region that runs statements does not get.
func (d *Declared) unwritten() (found []report.Finding) {
	regions := slices.Sorted(maps.Keys(d.Topology.Regions))
	for _, s := range d.Statements {
		told := map[string]bool{}
		for _, at := range written.FindAllStringSubmatchIndex(s.SQL, -1) {
			whole, from, topic := s.SQL[at[0]:at[1]], s.SQL[at[2]:at[3]], s.SQL[at[4]:at[5]]
			if told[whole] {
				continue
			}
			told[whole] = true
			f := report.Finding{Severity: report.Block, Subject: s.Name, Place: report.Place{File: s.File, Line: s.Line + strings.Count(s.SQL[:at[0]], "\n"),
				Column: at[0] - strings.LastIndex(s.SQL[:at[0]], "\n")}}
			if !slices.Contains(regions, from) {
				f.Rule, f.Message, f.Remedy = "topology/unknown-region", fmt.Sprintf("%s: there is no region %q", whole, from), suggest(from, regions)
				found = append(found, f)
				continue
			}
			for _, in := range regions {
				if _, ok := d.Topology.called(in, from, topic); !ok && d.Topology.Regions[in].Engine != nil {
					f.Rule, f.Message = "topology/not-mirrored", fmt.Sprintf("%s: no link brings topic %s of %s to %s, where the statement runs too", whole, topic, from, in)
					f.Remedy = fmt.Sprintf("add it to the topics of a link from %s to %s", from, in)
					found = append(found, f)
				}
			}
		}
	}
	return found
}

// OtherWay is, of a link between two regions that both write topics of their own, the link that brings those of the other region; nil where this is
// no such link: the topology is active-active, and either link puts a prefix in front of names.
func (t *Topology) OtherWay(l *Link) *Link {
	if t.Pattern != ActiveActive || l.Prefix == "" {
		return nil
	}
	i := slices.IndexFunc(t.Links, func(o *Link) bool { return o.From == l.To && o.To == l.From && o.Prefix != "" })
	if i < 0 {
		return nil
	}
	return t.Links[i]
}

// MultiWriter says whether both regions of some links write topics of their own.
func (t *Topology) MultiWriter() bool {
	return slices.ContainsFunc(t.Links, func(l *Link) bool { return t.OtherWay(l) != nil })
}
