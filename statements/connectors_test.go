package statements

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConnectorOptions(t *testing.T) {
	const table = "CREATE TABLE t (id BIGINT, `at` TIMESTAMP(3)) WITH ('connector' = "
	for _, c := range []struct {
		name, sql string
		dialect   Dialect
		want      []string // column, message, remedy
	}{
		{"what there is", table + "'kafka', 'topic' = 'x', 'properties.bootstrap.servers' = 'b', 'format' = 'json', 'json.ignore-parse-errors' = 'true', 'scan.startup.mode' = 'latest-offset')", Flink2, nil},
		{"a misspelt one", table + "'kafka', 'topic' = 'x', 'scan.startup.mdoe' = 'latest-offset')", Flink2,
			[]string{"91 the connector kafka has no option 'scan.startup.mdoe' [did you mean 'scan.startup.mode'?]"}},
		{"of another connector", table + "'print', 'url' = 'x')", Flink2,
			[]string{"76 the connector print has no option 'url' [it has print-identifier, standard-error, sink.parallelism]"}},
		{"a connector without options", table + "'blackhole', 'url' = 'x')", Flink2, []string{"80 the connector blackhole has no option 'url' [leave it out: it has no options]"}},
		{"a key and a value format", table + "'upsert-kafka', 'topic' = 'x', 'key.format' = 'csv', 'key.csv.null-literal' = '', 'value.format' = 'own', 'value.own.x' = 'y')", Flink2, nil},
		{"of a field", table + "'datagen', 'fields.id.min' = '1', 'fields.at.max-past' = '1 h')", Flink2, nil},
		{"misspelt of a field", table + "'datagen', 'fields.id.mni' = '1')", Flink2,
			[]string{"78 the connector datagen has no option 'fields.id.mni' [did you mean 'fields.id.min'?]"}},
		{"a misspelt connector", table + "'kafak')", Flink2, []string{"53 no connector 'kafak' is known [did you mean 'kafka'?]"}},
		{"a connector that anybody may have made", table + "'acme', 'x' = 'y')", Flink2, nil},
		{"sample data", table + "'faker', 'rows-per-second' = '5', 'fields.id.expression' = '#{Number.digits}')", CCloud2026, nil},
		{"sample data, misspelt", table + "'faker', 'rows-per-secnd' = '5')", CCloud2026,
			[]string{"76 the connector faker has no option 'rows-per-secnd' [did you mean 'rows-per-second'?]"}},
		{"an external table", table + "'confluent-jdbc', 'confluent-jdbc.connection' = 'c', 'confluent-jdbc.tablename' = 'x')", CCloud2025,
			[]string{"120 the connector confluent-jdbc has no option 'confluent-jdbc.tablename' [did you mean 'confluent-jdbc.table-name'?]"}},
		{"options that may be there", table + "'mongodb', 'mongodb.embedding_column' = 'c')", CCloud2026, nil},
		{"a hint", "INSERT INTO out_t SELECT id FROM generated /*+ OPTIONS('rows-per-secon' = '1') */", Flink2,
			[]string{"56 the connector datagen has no option 'rows-per-secon' [did you mean 'rows-per-second'?]"}},
		{"a hint for a topic", "INSERT INTO out_t SELECT id FROM topic /*+ OPTIONS('scan.startup.mod' = 'latest-offset') */", CCloud2026,
			[]string{"52 there is no table option 'scan.startup.mod' [did you mean 'scan.startup.mode'?]"}},
		{"its value", "INSERT INTO out_t SELECT id FROM topic /*+ OPTIONS('scan.startup.mode' = 'latst-offset') */", CCloud2026,
			[]string{"52 'scan.startup.mode' can not be 'latst-offset' [did you mean 'latest-offset'?]"}},
		{"ALTER TABLE", "ALTER TABLE generated SET ('number-of-row' = '1')", Flink2,
			[]string{"28 the connector datagen has no option 'number-of-row' [did you mean 'number-of-rows'?]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, found := ParseOne("", c.sql)
			if p == nil || p.Statement == nil {
				t.Fatal(found)
			}
			cat := Tables{"topic": {Name: "topic"}, "generated": {Name: "generated", Options: map[string]string{"connector": "datagen"}}}
			var got []string
			for _, f := range ConnectorOptions(p, cat, c.dialect) {
				got = append(got, fmt.Sprintf("%d %s [%s]", f.Place.Column, f.Message, f.Remedy))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMisset(t *testing.T) {
	for sql, want := range map[string]string{
		"SET 'sql.state-tl' = '1 d'":                   "1:5 there is no property 'sql.state-tl' [did you mean 'sql.state-ttl'?]",
		"SET 'sql.state-ttl' = 'a day'":                "1:23 'sql.state-ttl' can not be 'a day', which is no time [write a number and a unit: '6 h'; '0' keeps state for ever]",
		"SET 'sql.state-ttl' = '1 d'":                  "",
		"SET 'sql.state-ttl' = '0'":                    "",
		"SET 'sql.tables.scan.idle-timeout' = '1 min'": "",
		"SET 'sql.of-next-year' = 'x'":                 "",
		"SET 'table.exec.state.ttl' = 'soon'":          "1:30 'table.exec.state.ttl' can not be 'soon', which is no time [write a number and a unit: '6 h'; '0' keeps state for ever]",
	} {
		p, found := ParseOne("", sql)
		if p == nil {
			t.Fatal(sql, found)
		}
		got := ""
		for _, f := range Misset(p) {
			got += fmt.Sprintf("%d:%d %s [%s]", f.Place.Line, f.Place.Column, f.Message, f.Remedy)
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", sql, got, want)
		}
	}
}
