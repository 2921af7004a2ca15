package linking

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigNotes(t *testing.T) {
	source := map[string]string{"cleanup.policy": "compact", "retention.ms": "1000", "segment.ms": "60000", "min.insync.replicas": "2", "max.message.bytes": "9000000"}
	rec := &topicRecord{Topic: "orders", State: Active, Configs: map[string]string{"cleanup.policy": "compact", "retention.ms": "1000", "segment.ms": "60000", "max.message.bytes": "9000000"}}
	overrides := map[string]string{"retention.ms": "2000"}
	mirror := whileMirrored(rec.Configs, overrides)
	with := func(key, value string) map[string]string {
		m := cloneOrNew(mirror)
		if m[key] = value; value == "" {
			delete(m, key)
		}
		return m
	}
	held := "cleanup.policy held, compression.type held, message.timestamp.after.max.ms held, message.timestamp.before.max.ms held, message.timestamp.type held, retention.bytes held, retention.ms overridden"
	stopped := *rec
	stopped.State = Stopped
	own, _ := afterwards(rec.Configs, overrides)
	for _, c := range []struct {
		name string
		rec  *topicRecord
		dest map[string]string
		want string
	}{
		{"as the link left it", rec, mirror, held + ", min.insync.replicas not copied"},
		{"compaction turned on", rec, with("cleanup.policy", "compact"), strings.Replace(held, "cleanup.policy held", "cleanup.policy drift", 1) + ", min.insync.replicas not copied"},
		{"a copied value removed", rec, with("segment.ms", ""), held + ", segment.ms drift, min.insync.replicas not copied"},
		{"a value that nobody copied", rec, with("segment.bytes", "1"), held + ", segment.bytes drift, min.insync.replicas not copied"},
		{"the cluster's own", rec, with("min.insync.replicas", "2"), held},
		{"promoted", &stopped, own, "retention.ms overridden, min.insync.replicas not copied"},
		{"promoted and changed since", &stopped, map[string]string{"retention.ms": "5"}, "min.insync.replicas not copied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, n := range configNotes(c.rec, overrides, source, c.dest) {
				got = append(got, n.Key+" "+n.State)
			}
			if diff := cmp.Diff(strings.Split(c.want, ", "), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudgeReplication(t *testing.T) {
	for _, c := range []struct {
		name         string
		source, dest replication
		want         string
	}{
		{"the same", replication{3, 2, 3}, replication{3, 2, 3}, ""},
		{"one broker each", replication{1, 1, 1}, replication{1, 1, 1}, ""},
		{"fewer brokers", replication{3, 2, 3}, replication{1, 1, 1}, "replication.factor weaker"},
		{"one of three brokers", replication{3, 2, 3}, replication{1, 1, 3}, "replication.factor weaker"},
		{"one of three brokers, as in the source", replication{1, 1, 3}, replication{1, 1, 3}, "replication.factor weaker"},
		{"a lower default", replication{4, 2, 5}, replication{3, 2, 5}, "replication.factor weaker"},
		{"nobody can write", replication{3, 2, 3}, replication{1, 2, 1}, "min.insync.replicas unwritable, replication.factor weaker"},
		{"no broker may be down", replication{3, 2, 3}, replication{2, 2, 2}, "min.insync.replicas weaker, replication.factor weaker"},
		{"a lower minimum", replication{3, 2, 3}, replication{3, 1, 3}, "min.insync.replicas weaker"},
		{"no source", replication{}, replication{3, 1, 3}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, n := range judgeReplication("orders", c.source, c.dest) {
				got = append(got, n.Key+" "+n.State)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
