package statements

// ChangelogMode is what the records of a table's topic mean.
type ChangelogMode string

// The changelog modes of the dialect.
const (
	Append  ChangelogMode = "append"  // every record is an insert
	Upsert  ChangelogMode = "upsert"  // the last record of a key counts, a null value deletes it
	Retract ChangelogMode = "retract" // the header op says insert, update before, update after or delete
)

// Mode is the table's changelog mode: as its option changelog.mode says, else upsert with a primary key and append
// without one. A compacted topic without a declaration is read as upsert.
func (t *Table) Mode() ChangelogMode {
	if m := t.Option("changelog.mode", ""); m != "" {
		return ChangelogMode(m)
	}
	if len(t.PrimaryKey) > 0 {
		return Upsert
	}
	return Append
}
