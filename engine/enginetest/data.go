package enginetest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

// row is one record's value, by field.
type row map[string]any

// schema is a registered schema that the suite can write and read with.
type schema struct {
	id   int
	kind sr.SchemaType
	avro *avro.Schema
}

// latest is the newest schema of a subject.
func (s *suite) latest(t *testing.T, subject string) *schema {
	t.Helper()
	got, err := s.registry.SchemaByVersion(t.Context(), subject, -1)
	if err != nil {
		t.Fatal(err)
	}
	return s.parse(t, got.ID, got.Schema)
}

// register registers an Avro schema.
func (s *suite) register(t *testing.T, subject, text string) *schema {
	t.Helper()
	got, err := s.registry.CreateSchema(t.Context(), subject, sr.Schema{Schema: text})
	if err != nil {
		t.Fatal(err)
	}
	return s.parse(t, got.ID, got.Schema)
}

func (s *suite) parse(t *testing.T, id int, text sr.Schema) *schema {
	t.Helper()
	if have, ok := s.schemas[id]; ok {
		return have
	}
	out := &schema{id: id, kind: text.Type}
	if text.Type == sr.TypeAvro {
		var err error
		if out.avro, err = avro.Parse(text.Schema); err != nil {
			t.Fatal(err)
		}
	}
	s.schemas[id] = out
	return out
}

// encode writes a row as the registries' clients do: a zero byte, the schema's id, the data.
func (sc *schema) encode(t *testing.T, r row) []byte {
	t.Helper()
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(sc.id))
	if sc.kind == sr.TypeJSON {
		body, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return append(head, body...)
	}
	out, err := sc.avro.AppendEncode(head, map[string]any(r))
	if err != nil {
		t.Fatalf("encoding %v: %v", r, err)
	}
	return out
}

func (s *suite) decode(t *testing.T, data []byte) row {
	t.Helper()
	if len(data) < 5 || data[0] != 0 {
		t.Fatalf("%x has no schema id", data)
	}
	id := int(binary.BigEndian.Uint32(data[1:5]))
	sc, ok := s.schemas[id]
	if !ok {
		got, err := s.registry.SchemaByID(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		sc = s.parse(t, id, got)
	}
	out := row{}
	var err error
	if sc.kind == sr.TypeJSON {
		err = json.Unmarshal(data[5:], &out)
	} else {
		plain := map[string]any(out)
		_, err = sc.avro.Decode(data[5:], &plain)
		out = plain
	}
	if err != nil {
		t.Fatalf("decoding %x: %v", data, err)
	}
	return out
}

// record makes a record of a topic's newest value schema. at is its timestamp, epoch milliseconds.
func (s *suite) record(t *testing.T, topic string, partition int32, at int64, r row) *kgo.Record {
	t.Helper()
	return &kgo.Record{
		Topic: topic, Partition: partition, Timestamp: time.UnixMilli(at), Value: s.latestOnce(t, topic+"-value").encode(t, r),
	}
}

// latestOnce asks the registry once for a subject.
func (s *suite) latestOnce(t *testing.T, subject string) *schema {
	t.Helper()
	if s.bySubject == nil {
		s.bySubject = map[string]*schema{}
	}
	if _, ok := s.bySubject[subject]; !ok {
		s.bySubject[subject] = s.latest(t, subject)
	}
	return s.bySubject[subject]
}

func (s *suite) produce(t *testing.T, records ...*kgo.Record) {
	t.Helper()
	if err := s.client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// committed reads all committed records of a topic, up to its last stable offsets.
func (s *suite) committed(ctx context.Context, topic string) ([]*kgo.Record, error) {
	starts, err := s.admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	ends, err2 := s.admin.ListCommittedOffsets(ctx, topic)
	if err2 == nil {
		err2 = ends.Error()
	}
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	from := map[string]map[int32]kgo.Offset{topic: {}}
	left := map[int32]int64{}
	for p, end := range ends[topic] {
		if start := starts[topic][p]; start.Offset < end.Offset {
			from[topic][p] = kgo.NewOffset().At(start.Offset)
			left[p] = end.Offset
		}
	}
	if len(left) == 0 {
		return nil, nil
	}
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, s.Kafka...), kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.FetchMaxWait(50*time.Millisecond))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var out []*kgo.Record
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
			if end, ok := left[r.Partition]; ok && r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		})
	}
	return out, nil
}

// text writes a record's value, and its key where it has one, in one form for comparing: fields sorted by name.
func (s *suite) text(t *testing.T, r *kgo.Record) string {
	t.Helper()
	fields := row{}
	for _, part := range [][]byte{r.Key, r.Value} {
		if part != nil {
			for k, v := range s.decode(t, part) {
				fields[k] = v
			}
		}
	}
	var b strings.Builder
	for i, k := range sortedKeys(fields) {
		if i > 0 {
			b.WriteByte(' ')
		}
		v := fields[k]
		if at, ok := v.(time.Time); ok {
			v = at.UnixMilli()
		}
		fmt.Fprintf(&b, "%s=%v", k, v)
	}
	return b.String()
}

func sortedKeys(r row) []string {
	keys := make([]string, 0, len(r))
	for k := range r {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// texts are all committed rows of a topic, sorted.
func (s *suite) texts(t *testing.T, topic string) []string {
	t.Helper()
	records, err := s.committed(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, 0, len(records))
	for _, r := range records {
		out = append(out, s.text(t, r))
	}
	slices.Sort(out)
	return out
}

// expect waits until the topic holds as many rows as wanted and compares them; then nothing may be doubled or too much.
func (s *suite) expect(t *testing.T, topic string, want []string) {
	t.Helper()
	slices.Sort(want)
	s.eventually(t, func(ctx context.Context) error {
		records, err := s.committed(ctx, topic)
		if err == nil && len(records) < len(want) {
			err = fmt.Errorf("topic %q has %d committed rows, want %d", topic, len(records), len(want))
		}
		return err
	})
	if diff := cmp.Diff(want, s.texts(t, topic)); diff != "" {
		t.Errorf("topic %q: %s", topic, diff)
	}
}
