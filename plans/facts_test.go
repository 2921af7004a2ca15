package plans

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSparsePartitions(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	minutes := func(n int64) int64 { return now - n*60_000 }
	for _, c := range []struct {
		name string
		in   []PartitionState
		want []int32
	}{
		{"all go on", []PartitionState{{End: 9, Newest: now}, {End: 9, Newest: minutes(4)}}, nil},
		{"one has stopped", []PartitionState{{End: 9, Newest: now}, {End: 9, Newest: minutes(6)}}, []int32{1}},
		{"one is empty", []PartitionState{{Newest: -1}, {End: 9, Newest: now}}, []int32{0}},
		{"one is not known", []PartitionState{{End: 9, Newest: -1}, {End: 9, Newest: now}}, nil},
		{"all are empty", []PartitionState{{Newest: -1}, {Newest: -1}}, nil},
		{"the topic as a whole has stopped", []PartitionState{{End: 9, Newest: minutes(600)}, {End: 9, Newest: minutes(601)}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, sparse(c.in)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestPropertiesOfStatements: SET holds for what follows it in its file, over the pipeline's properties.
func TestPropertiesOfStatements(t *testing.T) {
	read := func(string) ([]byte, error) {
		return []byte("CREATE TABLE t (k STRING, v BIGINT);\nCREATE TABLE s (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED);\n" +
			"INSERT INTO s SELECT k, v FROM t;\nSET 'sql.state-ttl' = '1 h';\nINSERT INTO s SELECT k, COUNT(*) FROM t GROUP BY k;\n" +
			"RESET 'sql.state-ttl';\nINSERT INTO s SELECT k, COUNT(*) FROM t GROUP BY k;\n"), nil
	}
	d, found, err := LoadSQL(read, "", "a.sql")
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	var at []int
	for _, f := range StudyOf(d, nil).Findings {
		if f.Rule == "D09" {
			at = append(at, f.Place.Line)
		}
	}
	if diff := cmp.Diff([]int{5}, at); diff != "" {
		t.Errorf("lines of D09: -want +got\n%s", diff)
	}
}
