package statements

import (
	"slices"
	"strings"
)

// refusedStatements are statements and clauses of DDL. Confluent Cloud's lists are its pages "Flink SQL and Table API comparison" and "ALTER TABLE".
var refusedStatements = []refusal{
	{
		what: "DELETE and UPDATE", in: ccloud, why: "rows of a topic are not changed in place", remedy: "write INSERT INTO a table with a primary key: the last row of a key counts, and a retraction deletes it",
		find: verbatim("DELETE FROM", "UPDATE"),
	},
	{what: "TRUNCATE TABLE", in: ccloud, why: "a topic is not emptied by a statement", remedy: "create a new table, or delete records by Kafka's own tools", find: verbatim("TRUNCATE TABLE")},
	{what: "ANALYZE TABLE", in: ccloud, why: "streams have no statistics", remedy: "leave it out", find: verbatim("ANALYZE TABLE")},
	{what: "CALL", in: ccloud, why: "it has no procedures", remedy: "leave it out", find: verbatim("CALL")},
	{what: "modules", in: ccloud, why: "the functions are those of the service", remedy: "leave it out", find: verbatim("LOAD MODULE", "UNLOAD MODULE", "USE MODULES")},
	{
		what: "JARs", in: ccloud, why: "code comes from an artifact that was uploaded to the environment", remedy: "write CREATE FUNCTION … USING JAR 'confluent-artifact://cfa-…'",
		find: verbatim("ADD JAR", "REMOVE JAR"),
	},
	{what: "ALTER FUNCTION", in: ccloud, why: "a function stays what it was created as", remedy: "write DROP FUNCTION and CREATE FUNCTION", find: verbatim("ALTER FUNCTION")},
	{
		what: "compiled plans and jobs", in: ccloud, why: "statements are the unit of work, and users take no savepoints of them", remedy: "submit the statement itself; stop it by its name",
		find: verbatim("COMPILE PLAN", "EXECUTE PLAN", "STOP JOB"),
	},
	{
		what: "catalogs and databases", in: ccloud, why: "catalogs are environments and databases are clusters: they are made outside of SQL", remedy: "leave it out",
		find: verbatim("CREATE CATALOG", "ALTER CATALOG", "DROP CATALOG", "CREATE DATABASE", "ALTER DATABASE", "DROP DATABASE"),
	},
	{
		what: "agents and tools", in: not2026, why: "they came to Confluent Cloud in 2026", remedy: "leave it out",
		find: verbatim("CREATE AGENT", "ALTER AGENT", "DROP AGENT", "CREATE TOOL", "ALTER TOOL", "DROP TOOL"),
	},
	{
		what: "temporary objects", in: ccloud, why: "whatever is created is there for all statements", remedy: "leave TEMPORARY out",
		find: func(n Node) (Pos, string) {
			is := false
			switch s := n.(type) {
			case *CreateTable:
				is = s.Temporary
			case *CreateView:
				is = s.Temporary
			case *CreateModel:
				is = s.Temporary
			case *CreateFunction:
				is = s.Temporary != ""
			case *Alter:
				is = s.Temporary != ""
			case *Drop:
				is = s.Temporary != ""
			}
			if is {
				return n.At(), "TEMPORARY"
			}
			return Pos{}, ""
		},
	},
	{
		what: "INSERT OVERWRITE", in: ccloud, why: "a topic is only ever appended to", remedy: "write INSERT INTO",
		find: on(func(n *Insert) (Pos, string) {
			if n.Overwrite {
				return n.Pos, "INSERT OVERWRITE"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "PARTITION in INSERT INTO", in: ccloud, why: "its tables have buckets, and no partitions that a statement could name", remedy: "give the column its value in the query",
		find: on(func(n *Insert) (Pos, string) {
			if len(n.Partition) > 0 {
				return n.Partition[0].Column.Pos, "PARTITION in INSERT INTO"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "ON CONFLICT", in: before2026, why: "it came with Flink 2.3", remedy: "leave it out",
		find: on(func(n *Insert) (Pos, string) {
			if n.OnConflict != "" {
				return n.Pos, "ON CONFLICT"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "ALTER TABLE RENAME", in: ccloud, why: "a table has the name of its topic, and a column that of its field in the schema",
		remedy: "create a new table and copy the rows; rename a column in the Schema Registry",
		find: on(func(n *Alter) (Pos, string) {
			if r, ok := n.Action.(*Rename); ok {
				return r.Pos, "RENAME in ALTER " + n.What
			}
			return Pos{}, ""
		}),
	},
	{
		what: "ALTER TABLE ADD of a physical column", in: ccloud, why: "physical columns change through the Schema Registry",
		remedy: "register a new version of the value's schema; ADD is for metadata and computed columns",
		find: on(func(n *AddElements) (Pos, string) {
			for _, c := range n.Columns {
				if c.Kind == Physical {
					return c.Pos, "a physical column in ADD"
				}
			}
			return Pos{}, ""
		}),
	},
	{
		what: "ALTER TABLE DROP of a column", in: ccloud, why: "physical columns change through the Schema Registry",
		remedy: "register a new version of the value's schema; DROP is for WATERMARK and PRIMARY KEY",
		find: on(func(n *DropElements) (Pos, string) {
			if n.What == "COLUMN" {
				return n.Pos, "a column in DROP"
			}
			return Pos{}, ""
		}),
	},
	{
		what: "a distribution in ALTER TABLE", in: ccloud, why: "a topic's records stay in the partitions that they are in",
		remedy: "create a new table with the other distribution and copy the rows",
		find: func(n Node) (Pos, string) {
			switch a := n.(type) {
			case *AddElements:
				if a.Distribution != nil {
					return a.Pos, "a distribution in ADD"
				}
			case *ModifyElements:
				if a.Distribution != nil {
					return a.Pos, "a distribution in MODIFY"
				}
			case *DropElements:
				if a.What == "DISTRIBUTION" {
					return a.Pos, "DROP DISTRIBUTION"
				}
			}
			return Pos{}, ""
		},
	},
	{
		what: "materialized tables", in: before2026, why: "they came in June 2026", remedy: "write CREATE TABLE … AS SELECT, or CREATE TABLE and INSERT INTO",
		find: func(n Node) (Pos, string) {
			switch s := n.(type) {
			case *CreateMaterialized:
				return s.Pos, "a materialized table"
			case *Alter:
				if s.What == "MATERIALIZED TABLE" {
					return s.Pos, "a materialized table"
				}
			case *Drop:
				if s.What == "MATERIALIZED TABLE" {
					return s.Pos, "a materialized table"
				}
			}
			return Pos{}, ""
		},
	},
	{
		what: "a function from anywhere but an artifact", in: ccloud, why: "code comes from an artifact that was uploaded to the environment",
		remedy: "upload it (confluent flink artifact create) and write USING JAR 'confluent-artifact://cfa-…'",
		find: on(func(n *CreateFunction) (Pos, string) {
			for _, r := range n.Resources {
				if !strings.HasPrefix(strings.ToLower(r.URI), artifactScheme) {
					return r.Pos, "a function from " + quoteString(clip(r.URI))
				}
			}
			return Pos{}, ""
		}),
	},
	{
		what: "a function from an artifact", in: flink, why: "only Confluent Cloud knows artifacts", remedy: "name the JAR by an address that the cluster can read",
		find: on(func(n *CreateFunction) (Pos, string) {
			for _, r := range n.Resources {
				if strings.HasPrefix(strings.ToLower(r.URI), artifactScheme) {
					return r.Pos, "a function from " + quoteString(clip(r.URI))
				}
			}
			return Pos{}, ""
		}),
	},
	{
		what: "SHOW of modules, JARs, procedures and partitions", in: ccloud, why: "it has none", remedy: "leave it out",
		find: on(func(n *Show) (Pos, string) {
			switch n.What {
			case "JARS", "MODULES", "FULL MODULES", "PROCEDURES", "PARTITIONS":
				return n.Pos, "SHOW " + n.What
			}
			return Pos{}, ""
		}),
	},
}

const artifactScheme = "confluent-artifact://"

// verbatim makes a find for statements that begin so.
func verbatim(verbs ...string) func(Node) (Pos, string) {
	return on(func(n *Verbatim) (Pos, string) {
		if slices.Contains(verbs, n.Verb) {
			return n.Pos, n.Verb
		}
		return Pos{}, ""
	})
}
