package statements

// Script is the content of one SQL file.
type Script struct {
	File       string
	Statements []*Parsed // in file order
}

// Parsed is one statement of a script: its text as written, and what it says.
type Parsed struct {
	Pos                 // of its first token
	Text      string    // as written, from the first token to the last, without the semicolon
	Statement Statement // nil where the statement was refused; a finding of Parse says why
	Waivers   []*Waiver // of comments in it or before it
	src       *source
	views     []string // that Expand put in, by name
}

// Node is a part of the syntax tree. SQL prints it in one canonical form that parses back to an equal tree.
type Node interface {
	At() Pos
	SQL() string
	write(*printer)
}

// Statement is a parsed statement: *CreateTable, *Insert, or one of those in ast_ddl.go.
type Statement interface {
	Node
	// Kind is the statement's kind in the words of the statements API (traits.sql_kind): CREATE_TABLE, INSERT_INTO.
	Kind() string
}

// Ident is a name as written, without backticks.
type Ident struct {
	Pos
	Name string
}

// Name is a possibly qualified name: table, database.table, catalog.database.table.
type Name struct {
	Pos
	Parts []Ident
}

// Last is the unqualified name. In this dialect it is the table's topic.
func (n Name) Last() string {
	if len(n.Parts) == 0 {
		return ""
	}
	return n.Parts[len(n.Parts)-1].Name
}

// Option is one 'key' = 'value' of a WITH clause or an OPTIONS hint.
type Option struct {
	Pos
	Key, Value string
}

// Hint is one hint of a /*+ … */ comment: OPTIONS('k' = 'v'), STATE_TTL('t' = '1 d').
type Hint struct {
	Pos
	Name    string   // in upper case
	Options []Option // where it has pairs
	Args    []string // where it has plain arguments
}

// CreateTable is CREATE TABLE, with LIKE and AS query where they stand.
type CreateTable struct {
	Pos
	Temporary    bool
	IfNotExists  bool
	Name         Name
	Columns      []*ColumnDef
	Watermark    *WatermarkDef // nil: the dialect's default on $rowtime
	PrimaryKey   *PrimaryKeyDef
	Comment      *Text
	Distribution *Distribution
	Options      []Option
	Like         *LikeClause
	Query        *Query // AS query: the table is created and filled
}

// Kind is CREATE_TABLE, or CREATE_TABLE_AS.
func (n *CreateTable) Kind() string {
	if n.Query != nil {
		return "CREATE_TABLE_AS"
	}
	return "CREATE_TABLE"
}

// Text is a string in a clause, with its place.
type Text struct {
	Pos
	Value string
}

// TypeName is a data type as written. A type is nullable unless NOT NULL follows it.
type TypeName struct {
	Pos
	Type Type
}

// ColumnKind tells the four kinds of column apart.
type ColumnKind uint8

const (
	Physical ColumnKind = iota // in the record's key or value
	Metadata                   // from or to the record's metadata
	Computed                   // an expression over the other columns
	System                     // $rowtime: the record's timestamp, hidden from SELECT *
)

func (k ColumnKind) String() string {
	return [...]string{"physical", "metadata", "computed", "system"}[k]
}

// ColumnDef is one column of CREATE TABLE.
type ColumnDef struct {
	Pos
	Kind        ColumnKind
	Name        Ident
	Type        *TypeName // nil where Kind is Computed, and where CREATE TABLE … AS only names the column
	MetadataKey *Text     // METADATA FROM 'key'; nil where the column's own name is the key
	Virtual     bool      // METADATA VIRTUAL: read, never written
	Expr        Expr      // where Kind is Computed
	PrimaryKey  bool      // PRIMARY KEY NOT ENFORCED stands with the column
	Comment     *Text
}

// WatermarkDef is WATERMARK FOR column AS expression.
type WatermarkDef struct {
	Pos
	Column Name // more than one part names a field of a ROW
	Expr   Expr
}

// PrimaryKeyDef is [CONSTRAINT name] PRIMARY KEY (columns) NOT ENFORCED, or the same written with a column.
type PrimaryKeyDef struct {
	Pos
	Constraint *Ident
	Columns    []Ident
	Inline     bool
}

// Distribution is DISTRIBUTED [BY [HASH] (columns)] [INTO n BUCKETS], or PARTITIONED BY (columns), its old spelling.
type Distribution struct {
	Pos
	Partitioned bool // PARTITIONED BY is written
	Hash        bool // HASH is written
	Columns     []Ident
	Buckets     int // 0 where INTO is absent
}

// Insert is INSERT INTO table [PARTITION (…)] [(columns)] query.
type Insert struct {
	Pos
	Overwrite  bool
	Table      Name
	Partition  []Assignment
	Hints      []Hint
	Columns    []Ident // nil: all persisted columns in the table's order
	Query      *Query
	OnConflict string // DEDUPLICATE, NOTHING or ERROR of ON CONFLICT DO; "" where it is not written
}

// Assignment is column = value of PARTITION.
type Assignment struct {
	Column Ident
	Value  Expr // nil: dynamic
}

// Kind is INSERT_INTO.
func (*Insert) Kind() string { return "INSERT_INTO" }
