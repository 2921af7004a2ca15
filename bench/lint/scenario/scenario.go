// Package scenario makes large pipelines and large regions: chains of filters and windows over mirrored topics, in shapes that occur. The
// benchmark and the limits' test share it.
package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Script is n statements: for every chain of them a table that is mirrored, one that is filtered from it, a window over that, and their tables.
func Script(n int) string {
	var b strings.Builder
	for i := 0; i < n; i += 5 {
		for _, s := range chain(i / 5)[:min(5, n-i)] {
			b.WriteString(s + ";\n\n")
		}
	}
	return b.String()
}

func chain(i int) []string {
	return []string{
		fmt.Sprintf("-- Orders of shop %[1]d, as its tills write them.\nCREATE TABLE orders_%[1]d (\n  id BIGINT NOT NULL,\n  shop STRING NOT NULL,\n  article STRING,\n  amount DECIMAL(12, 2),\n"+
			"  placed TIMESTAMP_LTZ(3) NOT NULL,\n  WATERMARK FOR placed AS placed - INTERVAL '5' SECOND\n) DISTRIBUTED BY (id) INTO 10 BUCKETS", i),
		fmt.Sprintf("CREATE TABLE big_%[1]d (id BIGINT NOT NULL, shop STRING NOT NULL, amount DECIMAL(12, 2), placed TIMESTAMP_LTZ(3) NOT NULL,\n  WATERMARK FOR placed AS placed - INTERVAL '5' SECOND)", i),
		fmt.Sprintf("INSERT INTO big_%[1]d\nSELECT id, shop, amount, placed FROM orders_%[1]d WHERE amount >= 50 AND article <> 'gift card'", i),
		fmt.Sprintf("CREATE TABLE per_hour_%[1]d (shop STRING NOT NULL, hour_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, total DECIMAL(38, 2))", i),
		fmt.Sprintf("INSERT INTO per_hour_%[1]d\nSELECT shop, window_start, COUNT(*), SUM(amount)\nFROM TABLE(TUMBLE(TABLE big_%[1]d, DESCRIPTOR(placed), INTERVAL '1' HOUR))\nGROUP BY window_start, window_end, shop", i),
	}
}

// Files are the statements as a lint reads them.
func Files(script string) (*plans.Declared, []report.Finding, error) {
	return plans.LoadSQL(func(string) ([]byte, error) { return []byte(script), nil }, "", "bench.sql")
}

const topology = `apiVersion: lifeboat/v1
kind: Topology
name: large
pattern: active-passive
primary: east
regions:
  east: {kafka: {bootstrap: ["east:9092"]}}
  west: {kafka: {bootstrap: ["west:9092"]}}
links:
  - {name: east-west, from: east, to: west, topics: {include: ["orders_.*", "other_.*"]}}
pipelines:
  - {name: shops, statements: ["shops.sql"]}
`

// Declared is the topology with n statements.
func Declared(n int) (d *plans.Declared, err error) {
	dir, err := os.MkdirTemp("", "lifeboat-bench-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, text := range map[string]string{"lifeboat.yaml": topology, "shops.sql": Script(n)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	d, found, err := plans.Load(os.ReadFile, filepath.Join(dir, "lifeboat.yaml"), at)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("the topology has findings: %s", found[0].Message)
	}
	return d, err
}

var at = time.Date(2026, 11, 2, 4, 0, 0, 0, time.UTC)

// Regions are both regions of the topology, each with so many topics and partitions, and the link between them.
func Regions(n, topics, partitions int) (*plans.Declared, *plans.Observed, error) {
	d, err := Declared(n)
	if err != nil {
		return nil, nil, err
	}
	o := &plans.Observed{At: at, Regions: map[string]*plans.RegionState{}, Mirrors: map[string][]plans.MirrorState{}}
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("orders_%d", i)
		if i >= (n+4)/5 {
			names[i] = fmt.Sprintf("other_%d", i)
		}
	}
	for _, region := range []string{"east", "west"} {
		r := &plans.RegionState{Reachable: true, ClusterID: region + "-1", Topics: map[string]*plans.TopicState{}}
		for _, name := range names {
			t := &plans.TopicState{ID: name + "-" + region, Partitions: make([]plans.PartitionState, partitions),
				Configs: map[string]string{"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1", "min.compaction.lag.ms": "0", "max.message.bytes": "1048588"}}
			for p := range t.Partitions {
				t.Partitions[p] = plans.PartitionState{End: 4500, Stable: 4500, Oldest: at.Add(-96 * time.Hour).UnixMilli(), Newest: at.Add(-time.Second).UnixMilli()}
			}
			r.Topics[name] = t
		}
		o.Regions[region] = r
	}
	for _, name := range names {
		m := plans.MirrorState{Topic: name, State: "ACTIVE", SourceID: name + "-east", Source: map[int32]plans.Offset{}, At: at.Add(-time.Second)}
		for p := range partitions {
			m.Source[int32(p)] = 4500
		}
		o.Mirrors["east-west"] = append(o.Mirrors["east-west"], m)
	}
	return d, o, nil
}
