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
		{"ALTER TABLE", "ALTER TABLE generated SET ('number-of-row' = '1')", Flink2,
			[]string{"28 the connector datagen has no option 'number-of-row' [did you mean 'number-of-rows'?]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, found := ParseOne("", c.sql)
			if p == nil || p.Statement == nil {
				t.Fatal(found)
			}
			cat := Tables{"generated": {Name: "generated", Options: map[string]string{"connector": "datagen"}}}
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
