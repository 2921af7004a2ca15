package dr_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// answers are what check says under an id, as "outcome name: detail".
func answers(t *testing.T, w *dr.World, id string) []string {
	t.Helper()
	rep, err := dr.Check(t.Context(), w, "")
	must(t, err)
	var list []string
	for _, c := range rep.Checks {
		if c.ID == id {
			list = append(list, fmt.Sprintf("%s %s: %s", c.Outcome, c.Name, c.Detail))
		}
	}
	return list
}

func wantAnswer(t *testing.T, list []string, parts ...string) {
	t.Helper()
	if !slices.ContainsFunc(list, func(text string) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(text, p) })
	}) {
		t.Errorf("no answer holds all of %q:\n%s", parts, strings.Join(list, "\n"))
	}
}

// Where a group would go on is told before the failover: how far from the log's end, and what is held back because it has not arrived.
func TestCheckTellsWhereGroupsGoOn(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 100)
	p.mirror()
	w := p.open()
	defer w.Close()
	wantAnswer(t, answers(t, w, "group-positions"), "passed positions of groups are in west", "the farthest from its log's end: "+p.group)

	// The mirror is paused, the group reads on, and the link copies its positions as far as that goes.
	decl, err := w.Link("")
	must(t, err)
	l, err := w.OpenLink(decl)
	must(t, err)
	_, _, err = l.Pause(t.Context(), "test", nil)
	must(t, err)
	cl := each.Client(t, env.East)
	p.produce(cl, 50)
	adm := kadm.NewClient(cl)
	ends, err := adm.ListEndOffsets(t.Context(), p.orders)
	must(t, err)
	must(t, adm.CommitAllOffsets(t.Context(), p.group, ends.Offsets()))
	p.mirror()
	wantAnswer(t, answers(t, w, "group-positions"), "warned group "+p.group+" goes on in west where it is: held back, because what it has read has not arrived: "+p.orders+"-0 by ")
	_, _, err = l.Resume(t.Context(), "test", nil)
	must(t, err)
	p.mirror()
	wantAnswer(t, answers(t, w, "group-positions"), "passed positions of groups", "3 of 3 positions as in east", "0 offsets")
}

// An open transaction in the destination holds back what goes on there.
func TestCheckNamesOpenTransactionsInTheDestination(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 20)
	p.mirror()
	w := p.open()
	defer w.Close()
	wantAnswer(t, answers(t, w, "transactions"), "passed no transaction holds readers in west back: none is open")
	out := "big_" + p.orders
	each.Topic(t, env.West, out, 1)
	cl := each.Client(t, env.West, kgo.TransactionalID(each.Name(t, "txn")))
	must(t, cl.BeginTransaction())
	must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: out, Value: []byte("x")}).FirstErr())
	wantAnswer(t, answers(t, w, "transactions"), "no transaction holds readers in west back", "open: producer", out+"-0 since @0")
	o := p.options()
	o.Now = func() time.Time { return time.Now().Add(time.Hour) }
	later, err := dr.Open(t.Context(), p.declared, o)
	must(t, err)
	defer later.Close()
	wantAnswer(t, answers(t, later, "transactions"), "failed no transaction holds readers in west back", "hanging: producer")
}

// What a run will have to do is tried before there is one: with the rights of a link alone it could not keep its journal.
func TestCheckTriesWhatARunNeeds(t *testing.T) {
	user := testenv.User{Name: "lifeboat", Password: "lifeboat"}
	admin := testenv.User{Name: "admin", Password: "admin", Super: true}
	env := each.Embedded(t, each.With(testenv.Options{Users: []testenv.User{admin, user}}))
	p := newPipeline(t, env, 20, admin)
	p.mirror()
	w := p.open()
	defer w.Close()
	wantAnswer(t, answers(t, w, "rights"), "passed a run has the rights that it needs in west")

	p.declare("    fence: {by: acl, principals: [\"User:app\"]}\n", user)
	for _, r := range env.Regions() {
		adm := kadm.NewClient(each.Client(t, r))
		_, err := adm.CreateACLs(t.Context(), kadm.NewACLs().Allow("User:lifeboat").AllowHosts().Topics(p.orders, "big_", "sums_").ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpAll))
		must(t, err)
		_, err = adm.CreateACLs(t.Context(), kadm.NewACLs().Allow("User:lifeboat").AllowHosts().Topics("_lifeboat."+r.Name+".links").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpAll))
		must(t, err)
		_, err = adm.CreateACLs(t.Context(), kadm.NewACLs().Allow("User:lifeboat").AllowHosts().Groups("*").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpAll))
		must(t, err)
		_, err = adm.CreateACLs(t.Context(), kadm.NewACLs().Allow("User:lifeboat").AllowHosts().Clusters().Operations(kadm.OpDescribe))
		must(t, err)
	}
	limited := p.open()
	defer limited.Close()
	got := answers(t, limited, "rights")
	wantAnswer(t, got, "failed a run has the rights that it needs in west: missing: ", "topic _lifeboat.west.runs", "topic _lifeboat.west.canary (the canary)", "lifeboat.west.runs (the lease of runs)")
	wantAnswer(t, got, "failed the fence on east can be raised: missing: ALTER on the cluster")

	// Who may see a transactional id may not write under it yet.
	adm := kadm.NewClient(each.Client(t, env.West))
	may := func(op kadm.ACLOperation, names ...string) {
		t.Helper()
		of := kadm.NewACLs().Allow("User:lifeboat").AllowHosts().ResourcePatternType(kadm.ACLPatternPrefixed).Operations(op)
		if len(names) > 0 {
			of = of.Topics(names...)
		} else {
			of = of.TransactionalIDs("lifeboat.")
		}
		_, err := adm.CreateACLs(t.Context(), of)
		must(t, err)
	}
	may(kadm.OpAll, "_lifeboat.")
	may(kadm.OpDescribe)
	wantAnswer(t, answers(t, limited, "rights"), "failed a run has the rights that it needs in west: missing: ", "lifeboat.west.runs (the lease of runs)", "lifeboat.west.canary (the canary)")
	may(kadm.OpWrite)
	wantAnswer(t, answers(t, limited, "rights"), "passed a run has the rights that it needs in west")
}

// A fence by ACL on brokers that check none keeps nobody out.
func TestCheckAsksForAnAuthorizer(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 20)
	p.mirror()
	p.declare("    fence: {by: acl, principals: [\"User:app\"]}\n")
	w := p.open()
	defer w.Close()
	wantAnswer(t, answers(t, w, "rights"), "passed the fence on east can be raised")
	env.East.Fake.ControlKey(int16(kmsg.DescribeACLs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.DescribeACLsResponse)
		resp.ErrorCode = kerr.SecurityDisabled.Code
		env.East.Fake.KeepControl()
		return resp, nil, true
	})
	wantAnswer(t, answers(t, w, "rights"), "failed the fence on east can be raised: its brokers have no authorizer")
}

// A region that does not tell all that it holds keeps nobody waiting, and nothing is claimed of it.
func TestCheckGivesUpLookingAtARegion(t *testing.T) {
	p := newPipeline(t, each.Embedded(t, each.Private()), 20)
	p.mirror()
	w := p.with(func(o *dr.Options) { o.Timeout = 100 * time.Millisecond })
	held := make(chan struct{})
	defer close(held)
	p.env.East.Fake.ControlKey(int16(kmsg.ListGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
		p.env.East.Fake.KeepControl()
		p.env.East.Fake.SleepControl(func() { <-held })
		return nil, nil, false
	})
	wantAnswer(t, answers(t, w, "region-reachable"), "failed east answers: it had not told all that it holds after 600ms")
}

// A share group has no positions that a link could copy. One that the link selects was told in the log alone, and by check as if it waited for the link.
func TestShareGroupsAreNamed(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 20)
	p.mirror()
	share := p.group + "-share"
	links := p.declared.Topology.Links
	links[0].Groups.Include = append(links[0].Groups.Include, share)
	member := each.Client(t, env.East, kgo.ShareGroup(share), kgo.ConsumeTopics(p.orders))
	for joined, admin := false, kadm.NewClient(each.Client(t, env.East)); !joined; {
		polled, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		member.PollFetches(polled)
		cancel()
		groups, err := admin.ListGroups(t.Context())
		must(t, err)
		_, joined = groups[share]
	}
	w := p.open()
	defer w.Close()
	rep, err := dr.Check(t.Context(), w, "")
	must(t, err)
	if !slices.ContainsFunc(rep.Findings, func(f report.Finding) bool { return f.Rule == "link/share-group" && f.Subject == share }) {
		t.Errorf("check does not name the share group %s: %+v", share, rep.Findings)
	}
	for _, c := range rep.Checks {
		if strings.Contains(c.Name, share) {
			t.Errorf("check says of the share group: %+v", c)
		}
	}
}
