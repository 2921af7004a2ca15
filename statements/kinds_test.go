package statements

import (
	"encoding/json"
	"slices"
	"testing"
)

// The corpus says which kinds of row arrive at a sink. What is inferred must hold all of them; and where none but inserts is
// inferred, nothing else may arrive.
func TestCorpusChangelogModes(t *testing.T) {
	programs, sinks, exact := 0, 0, 0
	each(t, "flink-table-programs.jsonl", func(raw json.RawMessage) {
		var p corpusProgram
		if err := json.Unmarshal(raw, &p); err != nil {
			return
		}
		cat, ok := p.catalog()
		if !ok {
			return
		}
		if p.ID == "variant-as-udaf-arg" {
			return // without GROUP BY, SQL alone does not tell that udf is an aggregate function
		}
		programs++
		all := p.SQL
		for _, set := range p.Sets {
			all = append(all, set...)
		}
		for _, sql := range all {
			parsed, findings := ParseOne(p.ID, sql)
			if len(findings) > 0 || parsed.Statement == nil {
				continue
			}
			writes, bad := Relate(parsed, cat)
			if len(bad) > 0 {
				continue
			}
			for _, w := range writes {
				var reads []string
				for _, sc := range Scans(w) {
					reads = append(reads, sc.Table.Name)
				}
				slices.Sort(reads)
				for _, name := range slices.Compact(reads) {
					if !slices.ContainsFunc(p.Sources, func(s corpusTable) bool { return s.Name == name }) {
						t.Errorf("%s: reads %s, which is no source", p.ID, name)
					}
				}
				i := slices.IndexFunc(p.Sinks, func(s corpusTable) bool { return s.Name == w.Table.Name })
				if i < 0 || len(p.Sinks[i].kinds()) == 0 {
					continue
				}
				sinks++
				want := p.Sinks[i].kinds()
				got := KindsOf(w.In)
				if (want["-U"] || want["+U"]) && got&Updates == 0 || want["-D"] && got&Deletes == 0 {
					t.Errorf("%s: inferred %s, the sink shows %v\n%s", p.ID, got, sortedKeys(want), sql)
					continue
				}
				if got.InsertOnly() == (len(want) == 1 && want["+I"]) {
					exact++
				}
			}
		}
	})
	t.Logf("%d programs, %d sinks whose kinds of row are held by the changelog inferred; %d of them show updates exactly where they are inferred", programs, sinks, exact)
	if sinks < 243 || exact < 201 {
		t.Errorf("only %d sinks were compared, %d of them exact", sinks, exact)
	}
}
