package plans

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func snapshotText(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	if err := NewSnapshot(declared(t), observed()).Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSnapshotGivesTheSamePlan(t *testing.T) {
	s, err := ReadSnapshot(strings.NewReader(snapshotText(t)))
	if err != nil {
		t.Fatal(err)
	}
	d := declared(t)
	live, err := Compute(OpFailover, Options{}, d, observed())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := Compute(OpFailover, Options{}, d, s.Observed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(live, kept); diff != "" {
		t.Errorf("the plan from the snapshot differs (-live +kept):\n%s", diff)
	}
}

func TestSnapshotIsRefused(t *testing.T) {
	good := snapshotText(t)
	for name, tc := range map[string]struct{ text, want string }{
		"empty":             {"", "empty or cut short"},
		"cut short":         {good[:len(good)/2], "empty or cut short"},
		"no JSON":           {"apiVersion: lifeboat/v1", "not a catalog snapshot"},
		"a plan":            {`{"kind":"Plan"}`, `its kind is "Plan"`},
		"another version":   {strings.Replace(good, "lifeboat/v1", "lifeboat/v2", 1), `its apiVersion is "lifeboat/v2"`},
		"changed by hand":   {strings.Replace(good, `"retention.ms":"604800000"`, `"retention.ms":"-1"`, 1), "it was changed since it was written"},
		"a topic of null":   {`{"apiVersion":"lifeboat/v1","kind":"CatalogSnapshot","observed":{"regions":{"east":{"topics":{"t":null}}}}}`, `nothing of topic "t" in east`},
		"a region of null":  {`{"apiVersion":"lifeboat/v1","kind":"CatalogSnapshot","observed":{"regions":{"east":null}}}`, `nothing of region "east"`},
		"an id is missing":  {`{"apiVersion":"lifeboat/v1","kind":"CatalogSnapshot","observed":{"regions":{"east":{"subjects":{"s":{"versions":[1]}}}}}}`, `subject "s" in east`},
		"nothing was seen":  {`{"apiVersion":"lifeboat/v1","kind":"CatalogSnapshot"}`, "not CatalogSnapshot"},
		"a number for text": {`{"kind":1}`, "not a catalog snapshot"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadSnapshot(strings.NewReader(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestSnapshotOfOtherRegions(t *testing.T) {
	s := NewSnapshot(declared(t), observed())
	if why := s.Foreign(declared(t)); len(why) > 0 {
		t.Errorf("of its own topology it says %q", why)
	}
	for name, tc := range map[string]struct {
		change func(*Declared)
		want   string
	}{
		"another topology": {func(d *Declared) { d.Topology.Name = "other" }, "of topology nycflights, not other"},
		"another broker":   {func(d *Declared) { d.Topology.Regions["east"].Kafka.Bootstrap = []string{"new:9092"} }, "east was at"},
		"another registry": {func(d *Declared) { d.Topology.Regions["west"].Registry = &Registry{URL: "https://new"} }, "the registry of west was at"},
		"another region":   {func(d *Declared) { d.Topology.Regions["north"] = &Region{} }, "it holds no region north"},
	} {
		t.Run(name, func(t *testing.T) {
			d := declared(t)
			tc.change(d)
			why := s.Foreign(d)
			if len(why) != 1 || !strings.Contains(why[0], tc.want) {
				t.Errorf("got %q, want one reason with %q", why, tc.want)
			}
		})
	}
}

// FuzzReadSnapshot: what was read can be planned with, whatever it holds. The digest is made to fit, or nothing would come past it.
func FuzzReadSnapshot(f *testing.F) {
	seed, err := json.Marshal(observed())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"regions":{"east":{"reachable":true,"topics":{"flights":{"partitions":[{}]}}},"west":{"reachable":true,"topics":{"flights":{}}}},"mirrors":{"east-west":[{"topic":"flights"}]}}`))
	f.Add([]byte(`{"regions":{"east":null}}`))
	d := declared(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		o := new(Observed)
		if json.Unmarshal(text, o) != nil {
			return
		}
		var b bytes.Buffer
		if err := NewSnapshot(d, o).Write(&b); err != nil {
			return // a year that JSON has not
		}
		s, err := ReadSnapshot(&b)
		if err != nil {
			return
		}
		_, _ = Compute(OpFailover, Options{}, d, s.Observed) // an error is an answer, a panic is not
		StudyOf(d, nil).Unbacked("east", s.Observed.Regions["east"])
	})
}
