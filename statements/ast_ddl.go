package statements

// TableElements is what stands in the parentheses of CREATE TABLE and of ALTER TABLE ADD and MODIFY.
type TableElements struct {
	Columns    []*ColumnDef
	Watermark  *WatermarkDef
	PrimaryKey *PrimaryKeyDef
}

// LikeClause is LIKE table [(INCLUDING|EXCLUDING|OVERWRITING what, …)] of CREATE TABLE.
type LikeClause struct {
	Pos
	Table   Name
	Options []LikeOption
}

// LikeOption is one option of LIKE.
type LikeOption struct {
	Merge string // INCLUDING, EXCLUDING or OVERWRITING
	What  string // ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS or WATERMARKS
}

// CreateView is CREATE VIEW name [(columns)] [COMMENT '…'] AS query.
type CreateView struct {
	Pos
	Temporary   bool
	IfNotExists bool
	Name        Name
	Columns     []Ident // nil: the query's
	Comment     *Text
	Query       *Query
}

// CreateFunction is CREATE FUNCTION name AS 'class' [LANGUAGE l] [USING JAR '…', …] [USING CONNECTIONS (…)].
type CreateFunction struct {
	Pos
	Temporary   string // "", TEMPORARY or TEMPORARY SYSTEM
	IfNotExists bool
	Name        Name
	Class       Text
	Language    string // JAVA, PYTHON, SCALA or SQL; "" where it is not written
	Resources   []Resource
	Connections []Name
	Options     []Option
}

// Resource is what a function comes from: JAR 'confluent-artifact://…'.
type Resource struct {
	Pos
	Kind string // JAR, FILE or ARTIFACT
	URI  string
}

// CreateModel is CREATE MODEL name [INPUT (…)] [OUTPUT (…)] [COMMENT '…'] WITH (…).
type CreateModel struct {
	Pos
	Temporary     bool
	IfNotExists   bool
	Name          Name
	Input, Output []*ColumnDef
	Comment       *Text
	Options       []Option
}

// CreateConnection is CREATE CONNECTION name WITH (…).
type CreateConnection struct {
	Pos
	IfNotExists bool
	Name        Name
	Comment     *Text
	Options     []Option
}

// CreateMaterialized is CREATE [OR ALTER] MATERIALIZED TABLE … AS query.
type CreateMaterialized struct {
	Pos
	OrAlter      bool
	IfNotExists  bool
	Name         Name
	Elements     TableElements
	Comment      *Text
	Distribution *Distribution
	Options      []Option
	StartMode    string    // RESUME_OR_FROM_BEGINNING, FROM_NOW, …; "" where it is not written
	StartArg     *Interval // in parentheses behind it
	Freshness    *Interval
	RefreshMode  string // CONTINUOUS, FULL or ""
	Query        *Query
}

// Alter is ALTER TABLE, VIEW, MODEL, CONNECTION or MATERIALIZED TABLE name action.
type Alter struct {
	Pos
	What      string // TABLE, VIEW, MODEL, CONNECTION, MATERIALIZED TABLE, FUNCTION
	Temporary string // "", TEMPORARY or TEMPORARY SYSTEM
	IfExists  bool
	Name      Name
	Action    AlterAction
}

// AlterAction is what ALTER does: *AddElements, *ModifyElements, *DropElements, *SetOptions, *ResetOptions, *Rename, *AsQuery or *Lifecycle.
type AlterAction interface {
	Node
	alterAction()
}

// AddElements is ADD element or ADD (elements).
type AddElements struct {
	Pos
	TableElements
	Distribution *Distribution
}

// ModifyElements is MODIFY element or MODIFY (elements).
type ModifyElements struct {
	Pos
	TableElements
	Distribution *Distribution
}

// DropElements is DROP column, DROP (columns), DROP WATERMARK, DROP PRIMARY KEY, DROP CONSTRAINT name or DROP DISTRIBUTION.
type DropElements struct {
	Pos
	What    string  // COLUMN, WATERMARK, PRIMARY KEY, CONSTRAINT, DISTRIBUTION
	Columns []Ident // of COLUMN; the name of CONSTRAINT
}

// SetOptions is SET ('k' = 'v', …).
type SetOptions struct {
	Pos
	Options []Option
}

// ResetOptions is RESET ('k', …).
type ResetOptions struct {
	Pos
	Keys []Text
}

// Rename is RENAME TO name, or RENAME column TO name.
type Rename struct {
	Pos
	Column *Ident // nil: the object itself
	To     Name
}

// AsQuery is AS query of ALTER VIEW and ALTER MATERIALIZED TABLE.
type AsQuery struct {
	Pos
	Query *Query
}

// Lifecycle is SUSPEND, RESUME or REFRESH of a materialized table.
type Lifecycle struct {
	Pos
	Verb    string
	Options []Option
}

// Drop is DROP TABLE, VIEW, FUNCTION, MODEL, CONNECTION or MATERIALIZED TABLE [IF EXISTS] name.
type Drop struct {
	Pos
	What      string
	Temporary string // "", TEMPORARY or TEMPORARY SYSTEM
	IfExists  bool
	Name      Name
}

// StatementSet is EXECUTE STATEMENT SET BEGIN insert; … END, or the same without EXECUTE.
type StatementSet struct {
	Pos
	Execute bool
	Inserts []*Insert
}

// Set is SET 'key' = 'value'. Without Key it lists what is set.
type Set struct {
	Pos
	Key, Value *Text
}

// Reset is RESET ['key'].
type Reset struct {
	Pos
	Key *Text
}

// Use is USE [CATALOG] name.
type Use struct {
	Pos
	Catalog bool
	Name    Name
}

// Show is SHOW …: what is listed, of what, and a pattern.
type Show struct {
	Pos
	What  string // in upper case: TABLES, CREATE TABLE, COLUMNS, …
	Name  *Name  // of SHOW CREATE and the like, and behind FROM or IN
	From  bool   // the name stands behind FROM
	Not   bool
	Like  *Text
	ILike bool
}

// Describe is DESCRIBE [EXTENDED] [FUNCTION|MODEL|…] name.
type Describe struct {
	Pos
	What     string // "" for a table
	Extended bool
	Name     Name
}

// Explain is EXPLAIN [details] statement.
type Explain struct {
	Pos
	Details   []string // ESTIMATED_COST, CHANGELOG_MODE, …
	PlanFor   bool     // PLAN FOR is written
	Statement Statement
}

// Verbatim is a statement of administration that is kept as it is written, since it says nothing of how rows are computed: DELETE FROM, UPDATE,
// TRUNCATE TABLE, ANALYZE TABLE, CALL, modules, JARs, compiled plans, jobs, catalogs and databases, agents and tools.
type Verbatim struct {
	Pos
	Verb string // its first words in upper case: DELETE FROM, CREATE CATALOG
	Text string
}

// QueryStatement is a query without INSERT INTO: a SELECT whose rows the statements API hands out.
type QueryStatement struct {
	Pos
	Query *Query
}

// Kinds in the words of the statements API (traits.sql_kind).
func (*CreateView) Kind() string         { return "CREATE_VIEW" }
func (*CreateFunction) Kind() string     { return "CREATE_FUNCTION" }
func (*CreateModel) Kind() string        { return "CREATE_MODEL" }
func (*CreateConnection) Kind() string   { return "CREATE_CONNECTION" }
func (*CreateMaterialized) Kind() string { return "CREATE_MATERIALIZED_TABLE" }
func (n *Alter) Kind() string            { return "ALTER_" + underscored(n.What) }
func (n *Drop) Kind() string             { return "DROP_" + underscored(n.What) }
func (*StatementSet) Kind() string       { return "STATEMENT_SET" }
func (*Set) Kind() string                { return "SET" }
func (*Reset) Kind() string              { return "RESET" }
func (*Use) Kind() string                { return "USE" }
func (*Show) Kind() string               { return "SHOW" }
func (*Describe) Kind() string           { return "DESCRIBE" }
func (*Explain) Kind() string            { return "EXPLAIN" }
func (n *Verbatim) Kind() string         { return underscored(n.Verb) }
func (*QueryStatement) Kind() string     { return "SELECT" }

func (*AddElements) alterAction()    {}
func (*ModifyElements) alterAction() {}
func (*DropElements) alterAction()   {}
func (*SetOptions) alterAction()     {}
func (*ResetOptions) alterAction()   {}
func (*Rename) alterAction()         {}
func (*AsQuery) alterAction()        {}
func (*Lifecycle) alterAction()      {}
