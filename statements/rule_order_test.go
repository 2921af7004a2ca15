package statements

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

const orderTables = `
CREATE TABLE a (id STRING, k STRING, v BIGINT, m MAP<STRING, BIGINT>, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE b (id STRING, k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE byk (id STRING, k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) DISTRIBUTED BY (k) INTO 6 BUCKETS;
CREATE TABLE single (id STRING, k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) DISTRIBUTED INTO 1 BUCKETS;
CREATE TABLE up (id STRING, k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (id) NOT ENFORCED);
CREATE TABLE rowtimes (id STRING, k STRING, v BIGINT);
CREATE TABLE source_mark (id STRING, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS SOURCE_WATERMARK());
CREATE TABLE placed (id STRING, o BIGINT METADATA FROM 'offset' VIRTUAL, p INT METADATA FROM 'partition' VIRTUAL,
  e INT METADATA FROM 'leader-epoch' VIRTUAL, h MAP<BYTES, BYTES> METADATA FROM 'headers' VIRTUAL, ty STRING METADATA FROM 'timestamp-type' VIRTUAL);
CREATE TABLE appended (id STRING, k STRING) WITH ('kafka.message-timestamp-type' = 'LogAppendTime');
CREATE TABLE s (k STRING, v BIGINT, PRIMARY KEY (k) NOT ENFORCED);
CREATE TABLE st (k STRING, v STRING, PRIMARY KEY (k) NOT ENFORCED);
CREATE TABLE sa (k STRING, v ARRAY<STRING>, PRIMARY KEY (k) NOT ENFORCED);
CREATE TABLE plain (k STRING, v BIGINT);
`

func tumbled(table, column string) string {
	return "FROM TABLE(TUMBLE(TABLE " + table + ", DESCRIPTOR(" + column + "), INTERVAL '1' HOUR)) GROUP BY window_start, window_end"
}

const pattern = "MATCH_RECOGNIZE (PARTITION BY k ORDER BY %s MEASURES LAST(x.v) AS v ONE ROW PER MATCH PATTERN (x y) WITHIN INTERVAL '1' HOUR DEFINE x AS x.v > 1)"

// TestOrderRules: what the rules about order, time and the outside find, and what they must not.
func TestOrderRules(t *testing.T) {
	for _, c := range []struct {
		rule, name, sql string
		facts           func(*Facts)
		want            []string // "line:column severity message", active-passive; nil: nothing is found
		remedy          string   // of the first, where it is special to the statement
	}{
		{rule: "D07", name: "a window on $rowtime", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("rowtimes", "$rowtime"),
			want:   []string{"1:64 medium the TUMBLE window drops the rows of rowtimes that come behind its default watermark"},
			remedy: "ALTER TABLE `rowtimes` MODIFY WATERMARK FOR `$rowtime` AS `$rowtime` - INTERVAL '5' SECOND, or as long as the disorder of the data is"},
		{rule: "D07", name: "the default, declared", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("source_mark", "ts"),
			want: []string{"1:64 medium the TUMBLE window drops the rows of source_mark that come behind its default watermark"}},
		{rule: "D07", name: "a declared delay", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("a", "ts")},
		{rule: "D07", name: "nothing waits", sql: "INSERT INTO s SELECT k, COUNT(*) FROM rowtimes GROUP BY k"},
		{rule: "D07", name: "a projection of $rowtime waits for nothing", sql: "INSERT INTO plain SELECT CAST($rowtime AS STRING), v FROM rowtimes"},
		{rule: "D07", name: "Apache Flink has no default", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("rowtimes", "$rowtime"), facts: func(f *Facts) { f.Dialect = Flink2 }},
		{rule: "D07", name: "one side of an interval join", sql: "INSERT INTO plain SELECT l.k, l.v FROM a l JOIN rowtimes r ON l.id = r.id AND r.$rowtime BETWEEN l.ts AND l.ts + INTERVAL '1' HOUR",
			want: []string{"1:49 medium the interval join drops the rows of rowtimes that come behind its default watermark"}},
		{rule: "D07", name: "a regular join on the way takes the time away", sql: "INSERT INTO s SELECT l.k, l.v FROM a l JOIN rowtimes r ON l.id = r.id"},

		{rule: "D08", name: "a sparse partition", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("a", "ts"),
			facts: func(f *Facts) { f.Topics = map[string]TopicFacts{"a": {Partitions: 6, Sparse: []int32{2, 5}}} },
			want:  []string{"1:64 medium the TUMBLE window goes on without partitions 2, 5 of a, idle by the clock"}},
		{rule: "D08", name: "every partition has rows", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("a", "ts"),
			facts: func(f *Facts) { f.Topics = map[string]TopicFacts{"a": {Partitions: 6}} }},
		{rule: "D08", name: "all partitions are waited for", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("a", "ts"),
			facts: func(f *Facts) {
				f.Topics = map[string]TopicFacts{"a": {Partitions: 6, Sparse: []int32{2}}}
				f.Properties = map[string]string{"sql.tables.scan.idle-timeout": "0"}
			}},
		{rule: "D08", name: "no watermark counts", sql: "INSERT INTO s SELECT k, COUNT(*) FROM a GROUP BY k",
			facts: func(f *Facts) { f.Topics = map[string]TopicFacts{"a": {Partitions: 6, Sparse: []int32{2}}} }},
		{rule: "D08", name: "nothing is known", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("a", "ts")},

		{rule: "D09", name: "a group under a TTL", sql: "INSERT INTO s SELECT k, COUNT(*) FROM a GROUP BY k", facts: ttl("6 h"),
			want: []string{"1:15 high the aggregation forgets rows 6h after they were last processed"}},
		{rule: "D09", name: "DISTINCT under a TTL", sql: "INSERT INTO plain SELECT DISTINCT k, v FROM a", facts: ttl("1 d"),
			want: []string{"1:19 high DISTINCT forgets rows 24h after they were last processed"}},
		{rule: "D09", name: "no TTL", sql: "INSERT INTO s SELECT k, COUNT(*) FROM a GROUP BY k", facts: ttl("0")},
		{rule: "D09", name: "windows do not feel it", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("a", "ts"), facts: ttl("6 h")},
		{rule: "D09", name: "nor do interval joins", sql: "INSERT INTO plain SELECT l.k, l.v FROM a l JOIN b r ON l.id = r.id AND r.ts BETWEEN l.ts AND l.ts + INTERVAL '1' HOUR", facts: ttl("6 h")},
		{rule: "D09", name: "nor what keeps nothing", sql: "INSERT INTO plain SELECT k, v FROM a WHERE v > 1", facts: ttl("6 h")},
		{rule: "D09", name: "a hint", sql: "INSERT INTO s SELECT /*+ STATE_TTL('a' = '2 d') */ k, COUNT(*) FROM a GROUP BY k",
			want: []string{"1:36 high STATE_TTL: `a` forgets rows 48h after they were last processed"}},
		{rule: "D09", name: "an upsert source under a TTL", sql: "INSERT INTO s SELECT id, v FROM up", facts: ttl("6 h"),
			want: []string{"1:33 high the state of the upsert source forgets rows 6h after they were last processed"}},

		{rule: "D10", name: "in a group", sql: "INSERT INTO s SELECT k, FIRST_VALUE(v) FROM a GROUP BY k",
			want: []string{"1:25 high FIRST_VALUE takes the row of the group that arrives first"}},
		{rule: "D10", name: "in a window", sql: "INSERT INTO plain SELECT k, LAST_VALUE(v) " + tumbled("a", "ts") + ", k",
			want: []string{"1:29 high LAST_VALUE takes the row of the group that arrives last"}},
		{rule: "D10", name: "a group in one partition", sql: "INSERT INTO s SELECT k, FIRST_VALUE(v) FROM byk WHERE v > 1 GROUP BY k"},
		{rule: "D10", name: "a group across the partitions", sql: "INSERT INTO s SELECT id, FIRST_VALUE(v) FROM byk GROUP BY id",
			want: []string{"1:26 high FIRST_VALUE takes the row of the group that arrives first"}},
		{rule: "D10", name: "a topic of one partition", sql: "INSERT INTO s SELECT k, FIRST_VALUE(v) FROM single GROUP BY k"},
		{rule: "D10", name: "the same value in every row", sql: "INSERT INTO st SELECT k, FIRST_VALUE(UPPER(k)) FROM a GROUP BY k"},
		{rule: "D10", name: "by an order it is D14's", sql: "INSERT INTO plain SELECT k, FIRST_VALUE(v) OVER (PARTITION BY k ORDER BY ts) FROM a"},

		{rule: "D11", name: "LISTAGG", sql: "INSERT INTO st SELECT k, LISTAGG(DISTINCT id, '|') FROM a GROUP BY k",
			want:   []string{"1:26 high LISTAGG takes the elements in the order in which they arrive"},
			remedy: "write ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(DISTINCT `id`)), '|')"},
		{rule: "D11", name: "ARRAY_AGG with a filter", sql: "INSERT INTO sa SELECT k, ARRAY_AGG(id) FILTER (WHERE v > 1) FROM a GROUP BY k",
			want:   []string{"1:26 high ARRAY_AGG takes the elements in the order in which they arrive"},
			remedy: "write ARRAY_SORT(ARRAY_AGG(`id`) FILTER (WHERE `v` > 1))"},
		{rule: "D11", name: "JSON_ARRAYAGG", sql: "INSERT INTO st SELECT k, JSON_ARRAYAGG(id) FROM a GROUP BY k",
			want:   []string{"1:26 high JSON_ARRAYAGG takes the elements in the order in which they arrive"},
			remedy: "write JSON_STRING(ARRAY_SORT(ARRAY_AGG(`id`) FILTER (WHERE `id` IS NOT NULL)))"},
		{rule: "D11", name: "JSON_OBJECTAGG", sql: "INSERT INTO st SELECT k, JSON_OBJECTAGG(KEY id VALUE v) FROM a GROUP BY k",
			want: []string{"1:26 medium of a key that comes twice JSON_OBJECTAGG takes the value that arrives last"}},
		{rule: "D11", name: "JSON_OBJECTAGG by a primary key", sql: "INSERT INTO st SELECT k, JSON_OBJECTAGG(KEY id VALUE v) FROM up GROUP BY k"},
		{rule: "D11", name: "sorted", sql: "INSERT INTO sa SELECT k, ARRAY_SORT(ARRAY_AGG(id)) FROM a GROUP BY k"},
		{rule: "D11", name: "counted", sql: "INSERT INTO s SELECT k, CARDINALITY(ARRAY_AGG(DISTINCT id)) FROM a GROUP BY k"},
		{rule: "D11", name: "sorted further out", sql: "INSERT INTO sa SELECT k, ARRAY_SORT(l) FROM (SELECT k, ARRAY_AGG(id) AS l FROM a GROUP BY k)"},
		{rule: "D11", name: "not sorted further out", sql: "INSERT INTO sa SELECT k, ARRAY_REVERSE(l) FROM (SELECT k, ARRAY_AGG(id) AS l FROM a GROUP BY k)",
			want: []string{"1:59 high ARRAY_AGG takes the elements in the order in which they arrive"}},
		{rule: "D11", name: "in a condition", sql: "INSERT INTO plain SELECT k, 1 FROM (SELECT k, LISTAGG(id) AS l FROM a GROUP BY k) WHERE l LIKE 'a,%'",
			want: []string{"1:47 high LISTAGG takes the elements in the order in which they arrive"}},
		{rule: "D11", name: "of one partition", sql: "INSERT INTO st SELECT k, LISTAGG(id) FROM byk GROUP BY k"},
		{rule: "D11", name: "in a common table expression that is read twice", sql: "INSERT INTO st WITH l AS (SELECT k, LISTAGG(id) AS ids FROM a GROUP BY k) SELECT k, ids FROM l UNION ALL SELECT k, ids FROM l",
			want: []string{"1:37 high LISTAGG takes the elements in the order in which they arrive"}},

		{rule: "D12", name: "Top-N by a column with ties", sql: "INSERT INTO plain SELECT id, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM a) WHERE rn <= 3",
			want:   []string{"1:67 medium the Top-N orders by `v`, in which rows may be equal"},
			remedy: "break ties by a column that is unique: ORDER BY `v` DESC, <a unique column>"},
		{rule: "D12", name: "with a tie-breaker", sql: "INSERT INTO plain SELECT id, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, id) AS rn FROM a) WHERE rn <= 3"},
		{rule: "D12", name: "the key is known and left out", sql: "INSERT INTO plain SELECT id, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, ts) AS rn FROM up) WHERE rn <= 3",
			want:   []string{"1:67 medium the Top-N orders by `v`, `ts`, in which rows may be equal"},
			remedy: "break ties by a column that is unique: ORDER BY `v` DESC, `ts`, `id`"},
		{rule: "D12", name: "the key is known and there", sql: "INSERT INTO plain SELECT id, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY id) AS rn FROM up) WHERE rn <= 3"},
		{rule: "D12", name: "equal rows are equal in all that is used", sql: "INSERT INTO plain SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM a) WHERE rn <= 3"},
		{rule: "D12", name: "what UNNEST makes of them is equal too", sql: "INSERT INTO plain SELECT k, x FROM (SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM a) WHERE rn <= 3) CROSS JOIN UNNEST(ARRAY[v, v + 1]) AS u (x)"},
		{rule: "D12", name: "UNNEST looks at another column", sql: "INSERT INTO plain SELECT k, x FROM (SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM a) WHERE rn <= 3) CROSS JOIN UNNEST(ARRAY[v, CHAR_LENGTH(id)]) AS u (x)",
			want: []string{"1:80 medium the Top-N orders by `v`, in which rows may be equal"}},
		{rule: "D12", name: "the partition of the topic", sql: "INSERT INTO plain SELECT id, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM byk) WHERE rn <= 3"},
		{rule: "D12", name: "ORDER BY LIMIT", sql: "INSERT INTO plain SELECT id, v FROM a ORDER BY v DESC LIMIT 10",
			want: []string{"1:55 medium ORDER BY … LIMIT orders by `v`, in which rows may be equal"}},
		{rule: "D12", name: "of groups by their key", sql: "INSERT INTO s SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM a GROUP BY k) ORDER BY n DESC, k LIMIT 10"},
		{rule: "D12", name: "of groups by their count alone", sql: "INSERT INTO s SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM a GROUP BY k) ORDER BY n DESC LIMIT 10",
			want: []string{"1:92 medium ORDER BY … LIMIT orders by `n`, in which rows may be equal"}},

		{rule: "D13", name: "keep-last", sql: "INSERT INTO s SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS rn FROM a) WHERE rn = 1",
			want: []string{"1:61 medium of rows with the same `ts` the deduplication keeps the one that arrives last"}},
		{rule: "D13", name: "keep-first", sql: "INSERT INTO s SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS rn FROM a) WHERE rn = 1",
			want: []string{"1:61 medium of rows with the same `ts` the deduplication keeps the one that arrives first"}},
		{rule: "D13", name: "with a tie-breaker", sql: "INSERT INTO s SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC, v) AS rn FROM a) WHERE rn = 1"},
		{rule: "D13", name: "of one partition", sql: "INSERT INTO s SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS rn FROM byk) WHERE rn = 1"},
		{rule: "D13", name: "only the key is used", sql: "INSERT INTO st SELECT k, k FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS rn FROM a) WHERE rn = 1"},

		{rule: "D14", name: "LAG", sql: "INSERT INTO plain SELECT k, LAG(v) OVER (PARTITION BY k ORDER BY ts) FROM a",
			want: []string{"1:29 medium LAG takes rows with the same `ts` in the order in which they arrive"}},
		{rule: "D14", name: "a frame of rows", sql: "INSERT INTO plain SELECT id, SUM(v) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM a",
			want:   []string{"1:30 medium SUM takes rows with the same `ts` in the order in which they arrive"},
			remedy: "write RANGE BETWEEN INTERVAL '…' … PRECEDING AND CURRENT ROW instead of ROWS, or distribute the table by the columns of PARTITION BY"},
		{rule: "D14", name: "a frame of time", sql: "INSERT INTO plain SELECT id, SUM(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) FROM a"},
		{rule: "D14", name: "the last of a frame of time", sql: "INSERT INTO plain SELECT id, LAST_VALUE(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) FROM a",
			want: []string{"1:30 medium LAST_VALUE takes rows with the same `ts` in the order in which they arrive"}},
		{rule: "D14", name: "of one partition", sql: "INSERT INTO plain SELECT k, LAG(v) OVER (PARTITION BY k ORDER BY ts) FROM byk"},

		{rule: "D15", name: "by time alone", sql: "INSERT INTO plain SELECT k, v FROM a " + fmt.Sprintf(pattern, "ts"),
			want: []string{"1:38 medium MATCH_RECOGNIZE takes rows with the same `ts` in the order in which they arrive"}},
		{rule: "D15", name: "with a second column", sql: "INSERT INTO plain SELECT k, v FROM a " + fmt.Sprintf(pattern, "ts, id")},
		{rule: "D15", name: "of one partition", sql: "INSERT INTO plain SELECT k, v FROM byk " + fmt.Sprintf(pattern, "ts")},

		{rule: "D18", name: "an offset", sql: "INSERT INTO plain SELECT id, o FROM placed",
			want: []string{"1:30 high `o` is the offset of a record of placed, which the other region may not have"}},
		{rule: "D18", name: "in a condition", sql: "INSERT INTO plain SELECT id, 1 FROM placed WHERE p = 0",
			want: []string{"1:50 high `p` is the partition of a record of placed, which the other region may not have"}},
		{rule: "D18", name: "not used", sql: "INSERT INTO plain SELECT id, 1 FROM (SELECT * FROM placed)"},
		{rule: "D18", name: "kept by the link", sql: "INSERT INTO plain SELECT id, o FROM placed", facts: offsets(OffsetsSame),
			want:   []string{"1:30 low `o` is the offset of a record of placed, which the link keeps"},
			remedy: "see that every region is mirrored with its offsets, also after a failback"},
		{rule: "D18", name: "not kept by the link", sql: "INSERT INTO plain SELECT id, o FROM placed", facts: offsets(OffsetsTranslated),
			want: []string{"1:30 high `o` is the offset of a record of placed, which the link does not keep"}},
		{rule: "D18", name: "bounds by offset", sql: "INSERT INTO plain SELECT id, 1 FROM placed /*+ OPTIONS('scan.startup.mode' = 'specific-offsets', 'scan.bounded.mode' = 'specific-offsets') */", facts: offsets(OffsetsTranslated),
			want:   []string{"1:56 high placed is begun at offsets (the hint), which the link does not keep", "1:98 high placed is ended at offsets (the hint), which the link does not keep"},
			remedy: "a time, which the link keeps: 'scan.startup.mode' = 'timestamp'"},
		{rule: "D18", name: "bounds by an offset that the link keeps", sql: "INSERT INTO plain SELECT id, 1 FROM placed /*+ OPTIONS('scan.bounded.mode' = 'specific-offsets') */", facts: offsets(OffsetsSame)},
		{rule: "D18", name: "the leader epoch no link keeps", sql: "INSERT INTO plain SELECT id, e FROM placed", facts: offsets(OffsetsSame),
			want: []string{"1:30 high `e` is the leader-epoch of a record of placed, which the other region may not have"}},

		{rule: "D19", name: "declared", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("appended", "$rowtime"),
			want:   []string{"1:64 high the TUMBLE window goes by `$rowtime` of appended, which the broker stamps (LogAppendTime as the table declares)"},
			remedy: "ALTER TABLE `appended` SET ('kafka.message-timestamp-type' = 'CreateTime'), or take a time column of the data"},
		{rule: "D19", name: "seen in a region", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("rowtimes", "$rowtime"),
			facts: func(f *Facts) { f.Topics = map[string]TopicFacts{"rowtimes": {AppendTime: []string{"east"}}} },
			want:  []string{"1:64 high the TUMBLE window goes by `$rowtime` of rowtimes, which the broker stamps (LogAppendTime in east)"}},
		{rule: "D19", name: "a column of the data", sql: "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("a", "ts"),
			facts: func(f *Facts) { f.Topics = map[string]TopicFacts{"a": {AppendTime: []string{"east"}}} }},
		{rule: "D19", name: "no window", sql: "INSERT INTO plain SELECT id, 1 FROM appended"},

		{rule: "D20", name: "a model", sql: "INSERT INTO st SELECT id, p FROM a, LATERAL TABLE(ML_PREDICT('m', k)) AS t(p)",
			want: []string{"1:51 high ML_PREDICT calls a service, whose answer may be another one next time"}},
		{rule: "D20", name: "a table that is not known", sql: "INSERT INTO x SELECT AI_COMPLETE('m', k) FROM nowhere",
			want: []string{"1:22 high AI_COMPLETE calls a service, whose answer may be another one next time"}},
		{rule: "D20", name: "a function that only computes", sql: "INSERT INTO plain SELECT id, CAST(ML_MIN_MAX_SCALER(v, 0, 9) AS BIGINT) FROM a"},
		{rule: "D20", name: "another database", sql: "INSERT INTO plain SELECT id, v FROM pg",
			facts: func(f *Facts) {
				f.Tables.(Tables)["pg"] = &Table{Name: "pg", Columns: []TableColumn{{Name: "id", Type: String()}, {Name: "v", Type: BigInt()}}, Options: map[string]string{"connector": "jdbc"}}
			},
			want: []string{"1:37 high pg is read from outside of Kafka (connector jdbc)"}},

		{rule: "D21", name: "nobody vouches for it", sql: "INSERT INTO st SELECT id, shout(k) FROM a",
			want: []string{"1:27 high SHOUT is a user-defined function that nothing here declares, and of which nothing says that it is deterministic"}},
		{rule: "D21", name: "told once", sql: "INSERT INTO st SELECT id, shout(shout(k)) FROM a",
			want: []string{"1:27 high SHOUT is a user-defined function that nothing here declares, and of which nothing says that it is deterministic"}},
		{rule: "D21", name: "declared", sql: "INSERT INTO st SELECT id, shout(k) FROM a",
			facts: func(f *Facts) { f.Functions = map[string]FunctionFact{"SHOUT": {Deterministic: true}} }},
		{rule: "D21", name: "another version", sql: "INSERT INTO st SELECT id, shout(k) FROM a",
			facts: func(f *Facts) {
				f.Functions = map[string]FunctionFact{"SHOUT": {Deterministic: true, Differs: "east has 1.2, west 1.1"}}
			},
			want: []string{"1:27 high SHOUT is not the same in both regions: east has 1.2, west 1.1"}},
		{rule: "D21", name: "declared, and not vouched for", sql: "INSERT INTO st SELECT id, shout(k) FROM a",
			facts: func(f *Facts) { f.Functions = map[string]FunctionFact{"SHOUT": {}} },
			want:  []string{"1:27 high SHOUT is a user-defined function, of which nothing says that it is deterministic"}},
		{rule: "D21", name: "near a declared one", sql: "INSERT INTO st SELECT id, shuot(k) FROM a",
			facts:  func(f *Facts) { f.Functions = map[string]FunctionFact{"SHOUT": {Deterministic: true}} },
			want:   []string{"1:27 high SHUOT is a user-defined function that nothing here declares, and of which nothing says that it is deterministic"},
			remedy: "did you mean SHOUT? Else " + howToDeclare},
		{rule: "D21", name: "what another dialect calls it", sql: "INSERT INTO st SELECT id, nvl(k, 'x') FROM a",
			want:   []string{"1:27 high NVL is a user-defined function that nothing here declares, and of which nothing says that it is deterministic"},
			remedy: "in Flink SQL it is COALESCE; " + howToDeclare},
		{rule: "D21", name: "another number", sql: "INSERT INTO st SELECT id, sha3(k) FROM a",
			want:   []string{"1:27 high SHA3 is a user-defined function that nothing here declares, and of which nothing says that it is deterministic"},
			remedy: "did you mean SHA1? Else " + howToDeclare},
		{rule: "D21", name: "a function of Flink's misspelt, which is told as a mistake", sql: "INSERT INTO st SELECT id, uper(k) FROM a"},
		{rule: "D21", name: "functions of the dialect", sql: "INSERT INTO st SELECT UPPER(id), COALESCE(REGEXP_REPLACE(k, 'a', 'b'), IF(v > 1, 'x', 'y')) FROM a"},
		{rule: "D21", name: "functions of patterns", sql: "INSERT INTO plain SELECT k, v FROM a " + fmt.Sprintf(pattern, "ts, id")},
		{rule: "D21", name: "a table function", sql: "INSERT INTO st SELECT id, w FROM a, LATERAL TABLE(words(k)) AS t(w)",
			want: []string{"1:51 high WORDS is a user-defined function that nothing here declares, and of which nothing says that it is deterministic"}},

		{rule: "D22", name: "the keys of a map", sql: "INSERT INTO sa SELECT id, MAP_KEYS(m) FROM a",
			want:   []string{"1:27 medium MAP_KEYS gives the entries in the order in which the map holds them"},
			remedy: "write ARRAY_SORT(MAP_KEYS(`m`))"},
		{rule: "D22", name: "sorted", sql: "INSERT INTO sa SELECT id, ARRAY_SORT(MAP_KEYS(m)) FROM a"},
		{rule: "D22", name: "counted", sql: "INSERT INTO plain SELECT id, CARDINALITY(MAP_VALUES(m)) FROM a"},
		{rule: "D22", name: "one of them", sql: "INSERT INTO plain SELECT id, MAP_VALUES(m)[1] FROM a",
			want: []string{"1:30 medium MAP_VALUES gives the entries in the order in which the map holds them"}},
		{rule: "D22", name: "the rows of a map", sql: "INSERT INTO plain SELECT x, y FROM a CROSS JOIN UNNEST(m) AS t(x, y)"},
		{rule: "D22", name: "JSON sorts its keys", sql: "INSERT INTO st SELECT id, JSON_OBJECT(KEY 'b' VALUE v, KEY 'a' VALUE k) FROM a"},
	} {
		t.Run(c.rule+" "+c.name, func(t *testing.T) {
			f := Facts{Pattern: ActivePassive, Tables: tables(t, orderTables)}
			if c.facts != nil {
				c.facts(&f)
			}
			found, judgement := Judge("me", one(t, c.sql), f)
			var got []string
			remedy := ""
			for _, x := range found {
				if x.Rule != c.rule {
					continue
				}
				if got == nil {
					remedy = x.Remedy
				}
				got = append(got, fmt.Sprintf("%d:%d %s %s", x.Place.Line, x.Place.Column, x.Severity, x.Message))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if c.remedy != "" && remedy != c.remedy {
				t.Errorf("the remedy is %q, want %q", remedy, c.remedy)
			}
			if reason := strings.HasPrefix(judgement.Reason, c.rule+":"); reason && c.want == nil {
				t.Errorf("nothing is found, and yet it spoils the verdict: %s", judgement.Reason)
			}
		})
	}
}

func ttl(text string) func(*Facts) {
	return func(f *Facts) { f.Properties = map[string]string{"sql.state-ttl": text} }
}

func offsets(o SameOffsets) func(*Facts) {
	return func(f *Facts) { f.Topics = map[string]TopicFacts{"placed": {Offsets: o}} }
}

// TestDefaultWatermarkOf2025: the adaptive watermark depends on what was read before, so that two regions that run all the time differ more.
func TestDefaultWatermarkOf2025(t *testing.T) {
	f := Facts{Pattern: ActiveActive, Tables: tables(t, orderTables), Dialect: CCloud2025}
	found, _ := Judge("me", one(t, "INSERT INTO plain SELECT 'x', COUNT(*) "+tumbled("rowtimes", "$rowtime")), f)
	for _, x := range found {
		if x.Rule == "D07" {
			if x.Severity != report.High || !strings.HasSuffix(x.Message, "default watermark, which adapts to at most 7 days") {
				t.Errorf("found %s: %s", x.Severity, x.Message)
			}
			return
		}
	}
	t.Errorf("D07 finds nothing: %v", found)
}

// TestVerdictOfTheWholeDialect: how far two regions agree where no rule finds anything, by the operators of the query.
func TestVerdictOfTheWholeDialect(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		want      Verdict
	}{
		{"a projection", "INSERT INTO plain SELECT k, v FROM a", DeterministicMultiset},
		{"a union of two tables", "INSERT INTO plain SELECT k, v FROM a UNION ALL SELECT k, v FROM b", DeterministicMultiset},
		{"an unnested map", "INSERT INTO plain SELECT x, y FROM a CROSS JOIN UNNEST(m) AS t(x, y)", DeterministicMultiset},
		{"into an upsert table", "INSERT INTO s SELECT k, v FROM a", DeterministicFinalState},
		{"a window", "INSERT INTO plain SELECT 'x', COUNT(*) " + tumbled("a", "ts"), DeterministicIfNoLate},
		{"an interval join", "INSERT INTO plain SELECT l.k, r.v FROM a l JOIN b r ON l.id = r.id AND r.ts BETWEEN l.ts AND l.ts + INTERVAL '1' HOUR", DeterministicIfNoLate},
		{"OVER a range", "INSERT INTO plain SELECT id, SUM(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) FROM a", DeterministicIfNoLate},
		{"a statement set is as weak as its weakest", "EXECUTE STATEMENT SET BEGIN INSERT INTO plain SELECT k, v FROM a; INSERT INTO s SELECT k, v FROM a; END", DeterministicFinalState},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := Judge("me", one(t, c.sql), Facts{Tables: tables(t, orderTables), Pattern: ActiveActive})
			if got.Verdict != c.want || got.Reason == "" {
				t.Errorf("the verdict is %s (%s), want %s", got.Verdict, got.Reason, c.want)
			}
		})
	}
}
