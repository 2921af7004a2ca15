package plans

import (
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// Output is a topic that statements write, with all of them.
type Output struct {
	Topic      string
	Statements []string
}

// Outputs are the topics that the declared statements write, in the order in which the statements stand.
func (d *Declared) Outputs() (all []Output) {
	for _, s := range d.Statements {
		if writes := d.Writes(s.Name); d.Inserts(s.Name) && len(writes) == 1 {
			all = addOutput(all, writes[0], s.Name)
		}
	}
	return all
}

// Output is the one of a topic; not ok where no declared statement writes it.
func (d *Declared) Output(topic string) (o Output, ok bool) {
	all := d.Outputs()
	i := slices.IndexFunc(all, func(o Output) bool { return o.Topic == topic })
	if i < 0 {
		return Output{Topic: topic}, false
	}
	return all[i], true
}

// outputsOf are the topics that the plan's statements write.
func outputsOf(list []StatementPlan) (all []Output) {
	for _, s := range list {
		if s.Kind == kindInsert && len(s.Writes) == 1 {
			all = addOutput(all, s.Writes[0], s.Name)
		}
	}
	return all
}

func addOutput(all []Output, topic, statement string) []Output {
	if i := slices.IndexFunc(all, func(o Output) bool { return o.Topic == topic }); i >= 0 {
		all[i].Statements = append(all[i].Statements, statement)
		return all
	}
	return append(all, Output{topic, []string{statement}})
}

// OutputWindow is the column of an output that says of which window a row is.
type OutputWindow struct {
	Table  *statements.Table
	Column int           // index in Table.Row()
	End    bool          // it is where the window ends, else where it begins
	Size   time.Duration // 0 = not known, with End
}

// Window tells the windows of an output, where each statement that writes it puts one of their bounds into the same column. The table has to be
// declared.
func (d *Declared) Window(o Output) (w OutputWindow, ok bool) {
	d = d.somewhere()
	a := analyze(d, nil)
	table, ok := a.tables.Table(o.Topic)
	if !ok {
		return w, false
	}
	for i, name := range o.Statements {
		if a.parsed[name] == nil {
			return w, false
		}
		insert, is := a.parsed[name].Statement.(*statements.Insert)
		if !is {
			return w, false
		}
		own, ok := boundOf(insert, table)
		if !ok {
			return w, false
		}
		for _, h := range statements.HorizonOf(insert, a.catalog(), d.stateTTL(a)(name)) {
			for _, window := range h.Windows() {
				own.Size = max(own.Size, window.Size)
			}
		}
		if i > 0 && w != own || !own.End && own.Size == 0 {
			return w, false
		}
		w = own
	}
	return w, len(o.Statements) > 0
}

// boundOf finds window_end, or window_start, among what an INSERT selects, and the column that it becomes.
func boundOf(insert *statements.Insert, table *statements.Table) (w OutputWindow, ok bool) {
	if insert.Query == nil {
		return w, false
	}
	query, is := insert.Query.Body.(*statements.Select)
	if !is {
		return w, false
	}
	var targets []int
	row := table.Row()
	for i, c := range row {
		if len(insert.Columns) == 0 && c.Persisted() && c.Kind != statements.System {
			targets = append(targets, i)
		}
	}
	for _, c := range insert.Columns {
		_, i, there := table.Column(c.Name)
		if !there {
			return w, false
		}
		targets = append(targets, i)
	}
	for i, item := range query.Items {
		if _, all := item.Expr.(*statements.Star); all || i >= len(targets) {
			return w, false
		}
		column, is := item.Expr.(*statements.ColumnName)
		if !is || !row[targets[i]].Type.IsTimestamp() {
			continue
		}
		switch column.Last() {
		case statements.WindowEnd.String():
			return OutputWindow{Table: table, Column: targets[i], End: true}, true
		case statements.WindowStart.String():
			w, ok = OutputWindow{Table: table, Column: targets[i]}, true
		}
	}
	return w, ok
}
