package linking

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

func TestSequenceThatGoesOn(t *testing.T) {
	id := identity{ProducerID: 7, Epoch: 2}
	ours := last{found: true, data: true, id: batch.Identity{ProducerID: 7, Epoch: 2, Sequence: 40}}
	type result struct {
		Sequence int32
		Known    bool
	}
	for _, c := range []struct {
		name string
		at   standing
		last last
		want result
	}{
		{"an empty log begins at 0", standing{}, last{}, result{0, true}},
		{"the broker tells", standing{span: span{end: 9}, listed: true, next: 9, tells: true}, ours, result{9, true}},
		{"listed with a newer epoch: somebody has renewed it", standing{span: span{end: 9}, listed: true, newer: true, tells: true}, ours, result{0, false}},
		{"not listed any more, but the log ends with our batch", standing{span: span{end: 9}}, ours, result{40, true}},
		{"not listed, while others are: no state, any number", standing{span: span{end: 9}, tells: true}, last{found: true}, result{0, true}},
		{"nobody is listed and the log ends with a marker", standing{span: span{end: 9}}, last{found: true}, result{0, false}},
		{"the log ends with a batch of an older epoch", standing{span: span{end: 9}}, last{found: true, data: true, id: batch.Identity{ProducerID: 7, Epoch: 1, Sequence: 40}}, result{0, false}},
		{"everything was deleted and nobody is listed", standing{span: span{start: 9, end: 9}}, last{}, result{0, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			seq, known := c.at.sequence(c.last, id)
			if !known {
				seq = 0
			}
			if diff := cmp.Diff(c.want, result{seq, known}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhichEndsAgree(t *testing.T) {
	records := func(of ...uint64) (list []brief) {
		for i, n := range of {
			if n > 0 {
				list = append(list, brief{offset: int64(10 + i), sum: [4]uint64{n}})
			}
		}
		return list
	}
	for _, c := range []struct {
		name           string
		source, mirror []brief
		compacted      bool
		want           int64 // where they differ
	}{
		{"nothing", nil, nil, false, 0},
		{"the same records, the same gaps", records(1, 0, 2), records(1, 0, 2), false, 0},
		{"another record", records(1, 2), records(1, 3), false, 11},
		{"a record where the source has none", records(1), records(1, 2), false, 11},
		{"a record that the source has compacted away", records(0, 2), records(1, 2), true, 0},
		{"a marker where the source has a record", records(1, 2), records(1), false, 11},
		{"a marker where a compacted source has a record", records(1, 2, 3), records(1, 0, 3), true, 11},
		{"a marker in front of the end", records(1, 2, 3), records(1, 0, 3), false, 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, how := (&tail{records: [2][]brief{c.source, c.mirror}}).differs(c.compacted, "east", "west")
			if got != c.want || (how == "") != (c.want == 0) {
				t.Errorf("differ at @%d (%s), want @%d", got, how, c.want)
			}
		})
	}
}

func TestConfigsOfAMirrorAndAfterwards(t *testing.T) {
	source := map[string]string{"cleanup.policy": "compact", "retention.ms": "604800000", "max.message.bytes": "1048588", "message.timestamp.type": "LogAppendTime"}
	overrides := map[string]string{"retention.ms": "1209600000", "compression.type": "zstd"}
	mirror := map[string]string{"cleanup.policy": "delete", "retention.ms": "1209600000", "retention.bytes": "-1", "max.message.bytes": "2097152",
		"compression.type": "producer", "message.timestamp.type": "CreateTime", "message.timestamp.before.max.ms": forever, "message.timestamp.after.max.ms": forever}
	if diff := cmp.Diff(mirror, whileMirrored(source, overrides)); diff != "" {
		t.Errorf("while mirrored (-want +got):\n%s", diff)
	}
	set, unset := afterwards(source, overrides)
	want := map[string]string{"cleanup.policy": "compact", "retention.ms": "1209600000", "max.message.bytes": "1048588", "message.timestamp.type": "LogAppendTime", "compression.type": "zstd"}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"message.timestamp.after.max.ms", "message.timestamp.before.max.ms", "retention.bytes"}, unset); diff != "" {
		t.Errorf("put back to their defaults (-want +got):\n%s", diff)
	}
}

func TestMemoryPassesOverWhatIsNotItsOwn(t *testing.T) {
	m := newMemory()
	for _, r := range [][2]string{
		{linkKey("a", "owner", ""), `{"owner":"first","generation":1,"bulk":true}`},
		{linkKey("a", "owner", ""), `{"owner":"second","generation":2}`},
		{linkKey("b", "owner", ""), `{"owner":"other","generation":9}`},
		{linkKey("a", "topic", "t"), `{"topic":"t","state":"ACTIVE","source":{"0":5}}`},
		{linkKey("a", "later-kind", "x"), `not even JSON`},
		{"no link at all", `x`},
	} {
		if err := m.take("a", []byte(r[0]), []byte(r[1])); err != nil {
			t.Fatalf("%q: %v", r[0], err)
		}
	}
	if diff := cmp.Diff(ownerRecord{Owner: "second", Generation: 2}, m.owners[0]); diff != "" {
		t.Errorf("owner (-want +got):\n%s", diff)
	}
	if m.topics["t"].Source[0] != 5 || len(m.topics) != 1 {
		t.Errorf("topics: %+v", m.topics)
	}
	if err := m.take("a", []byte(linkKey("a", "topic", "t")), []byte("{")); err == nil {
		t.Error("a damaged record is no error")
	}
}
