package statements

import "strings"

// Catalog knows tables. An engine has one of a region's tables; a lint of files has one of the tables they declare.
type Catalog interface {
	// Table returns the table of this unqualified name. In this dialect it is the topic's name.
	Table(name string) (*Table, bool)
}

// Tables is a Catalog from a map.
type Tables map[string]*Table

// Table implements Catalog.
func (ts Tables) Table(name string) (*Table, bool) {
	t, ok := ts[name]
	return t, ok
}

// Table is a table as a catalog has it: declared by CREATE TABLE or inferred from a topic and its schemas.
type Table struct {
	Name         string
	Columns      []TableColumn // as declared, without $rowtime
	Watermark    *Watermark    // nil: the dialect's default, SOURCE_WATERMARK() on $rowtime
	PrimaryKey   []string
	Distribution []string // the columns that choose a record's partition
	Buckets      int      // 0: the default
	Options      map[string]string
	Comment      string
	Inferred     bool    // not declared, but read from a topic and its schemas
	Open         bool    // nothing declares it: see Opened
	Dialect      Dialect // whose defaults hold for what is not declared
}

// TableColumn is one column of a table.
type TableColumn struct {
	Name        string
	Kind        ColumnKind
	Type        Type
	MetadataKey string // the metadata's key where Kind is Metadata
	Virtual     bool   // Metadata that is read, never written
	Expr        Expr   // as written, where Kind is Computed
	Value       Scalar // resolved over the table's row, where Kind is Computed
	Comment     string
}

// Persisted reports whether an INSERT gives the column a value.
func (c TableColumn) Persisted() bool {
	return c.Kind == Physical || c.Kind == Metadata && !c.Virtual
}

// Watermark is a table's declared watermark.
type Watermark struct {
	Column string
	Expr   Expr   // as written
	Value  Scalar // resolved over the table's row
}

// RowtimeColumn is the system column that every table has: the record's timestamp, TIMESTAMP_LTZ(3) NOT NULL. It is
// hidden from SELECT *, and is the time attribute where a table declares no watermark.
const RowtimeColumn = "$rowtime"

// Row is the row that reading t gives: its columns as declared, then $rowtime. The index of a ColumnRef over a Scan
// counts in it.
func (t *Table) Row() []TableColumn {
	row := make([]TableColumn, 0, len(t.Columns)+1)
	return append(append(row, t.Columns...), TableColumn{
		Name: RowtimeColumn, Kind: System, Type: TimestampLTZ(3).NotNull(), MetadataKey: "timestamp", Virtual: true,
	})
}

// EventTime is the index in Row of the column that the watermark follows, -1 where that is none of them by itself. stamped says that it is the
// timestamp of the records.
func (t *Table) EventTime() (at int, stamped bool) {
	name := RowtimeColumn
	if t.Watermark != nil {
		name = t.Watermark.Column
	}
	c, at, _ := t.Column(name)
	return at, c.MetadataKey == "timestamp"
}

// Column returns the column of this name and its index in Row.
func (t *Table) Column(name string) (TableColumn, int, bool) {
	for i, c := range t.Row() {
		if c.Name == name {
			return c, i, true
		}
	}
	return TableColumn{}, -1, false
}

// TimeColumn is the name of the table's time attribute.
func (t *Table) TimeColumn() string {
	if t.Watermark != nil {
		return t.Watermark.Column
	}
	return RowtimeColumn
}

// WritesTimestamp reports whether an INSERT into t sets the record's timestamp: it has a metadata column for it that is
// not virtual. Without one the producer's clock stamps the record.
func (t *Table) WritesTimestamp() bool {
	for _, c := range t.Columns {
		if c.Kind == Metadata && c.MetadataKey == "timestamp" && !c.Virtual {
			return true
		}
	}
	return false
}

// Option returns the value of a table option in lower case, or the default.
func (t *Table) Option(key, def string) string {
	if v, ok := t.Options[key]; ok {
		return strings.ToLower(strings.TrimSpace(v))
	}
	return def
}
