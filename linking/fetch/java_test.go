package fetch_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

var update = flag.Bool("update", false, "write the batches that the Java producer makes to batch/testdata")

// TestJavaBatches: Kafka's own producer frames and compresses in its own way. What it wrote is kept for linking/batch, which needs no
// Java then.
func TestJavaBatches(t *testing.T) {
	env := each.Kafka(t)
	for _, codec := range []batch.Codec{batch.None, batch.Gzip, batch.Snappy, batch.LZ4, batch.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			topic := each.Name(t, "t")
			each.Topic(t, env.East, topic, 1)
			var lines strings.Builder
			want := []string{}
			for i := range 300 {
				fmt.Fprintf(&lines, "h:x\tk\t%d\n", i)
				want = append(want, fmt.Sprint("0 ", i))
			}
			cmd, err := testenv.JavaCommand(t.Context(), 64, "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", env.East.Bootstrap[0], "--topic", topic,
				"--compression-codec", codec.String(), "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true")
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdin = strings.NewReader(lines.String())
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("ConsoleProducer: %v: %s", err, out)
			}
			f := start(t, each.Client(t, env.East), fetch.Options{})
			f.Add(topic, 0, 0)
			var got []string
			var raw []byte
			for len(got) < 300 {
				chunks, err := f.Poll(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range chunks {
					if c.Err != nil {
						t.Fatal(c.Err)
					}
					raw = append(raw, c.Records...)
					c.Release()
				}
				got = got[:0]
				for rest := raw; len(rest) > 0; {
					var b batch.Batch
					if b, rest, err = batch.Next(rest); err != nil {
						t.Fatal(err)
					}
					if err := batch.Verify(b); err != nil {
						t.Fatal(err)
					}
					if err := batch.CheckRecords(b); err != nil {
						t.Fatal(err)
					}
					if b.Codec() != codec {
						t.Errorf("codec %s", b.Codec())
					}
					err := batch.Records(b, func(r *batch.Record) error {
						got = append(got, fmt.Sprint(r.Headers.N-1, " ", string(r.Value)))
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if *update {
				first, _, err := batch.Next(raw)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join("..", "batch", "testdata", "java-"+codec.String()+".batch"), first, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
