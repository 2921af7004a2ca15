package dr

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// How far clocks may be apart. A lease is refused early by comparing clocks (its holder counts as alive for LeaseTTL, 10 s), lags and RPO are told in
// seconds of two clocks, a statement's start by time and the history that it needs are counted from records that producers have stamped, and markers carry
// the brokers' time. A second spoils none of these; half a minute is more than a lease lasts, and more than most RPOs.
const (
	clocksWarn = time.Second
	clocksFail = 30 * time.Second
)

// checkClocks compares this machine's clock with those of both regions, as far as they tell the time without being written to: the controller of a KRaft
// cluster by DescribeQuorum (KIP-836), whose answer has the leader's own time, registry and engine by the Date of an HTTP answer, which counts whole
// seconds. In the destination the link's records stand in transactions whose markers carry the broker's time: that compares the link's machine.
func checkClocks(ctx context.Context, c *checkup) []report.Check {
	var out []report.Check
	for _, name := range []string{c.decl.From, c.decl.To} {
		r := c.world.Regions[name]
		if r == nil {
			continue
		}
		var clocks []clockSeen
		add := func(what string, apart time.Duration, err error) {
			if err == nil {
				clocks = append(clocks, clockSeen{what, apart})
			}
		}
		apart, err := c.quorumClock(ctx, r)
		add("its brokers", apart, err)
		decl := c.world.Declared.Topology.Regions[name]
		if decl.Registry != nil && r.RegistryTransport != nil {
			apart, err = c.httpClock(ctx, r.RegistryTransport, decl.Registry.URL)
			add("its registry", apart, err)
		}
		if decl.Engine != nil {
			apart, err = c.httpClock(ctx, http.DefaultTransport, decl.Engine.URL)
			add("its engine", apart, err)
		}
		if name == c.decl.To {
			apart, err = markerClock(ctx, r, linking.LinksTopic(name))
			add("its brokers, against the machine of the link", apart, err)
		}
		out = append(out, clocksLine(name, clocks))
	}
	return out
}

// clockSeen is how far a clock is in front of the one that it is compared with.
type clockSeen struct {
	of    string
	apart time.Duration
}

func clocksLine(region string, clocks []clockSeen) report.Check {
	line := report.Check{Name: "clocks of " + region + " and of this machine agree", Outcome: report.Passed}
	if len(clocks) == 0 {
		line.Outcome, line.Detail = report.Skipped, "nothing there tells its time"
		return line
	}
	var worst time.Duration
	var words []string
	for _, s := range clocks {
		worst = max(worst, s.apart.Abs())
		words = append(words, s.of+" "+apartText(s.apart))
	}
	line.Detail = strings.Join(words, ", ")
	switch {
	case worst > clocksFail:
		line.Outcome = report.Failed
	case worst > clocksWarn:
		line.Outcome = report.Warned
	default:
		return line
	}
	line.Why = "leases, lags in seconds, starts by time and the history that statements need are judged by these clocks"
	line.Remedy = "have them set by NTP: chronyc tracking shows how far one is off"
	return line
}

func apartText(d time.Duration) string {
	switch r := d.Round(10 * time.Millisecond); {
	case r > 0:
		return r.String() + " ahead"
	case r < 0:
		return (-r).String() + " behind"
	}
	return "the same"
}

// between is how far a clock that showed theirs at some moment between two of ours is in front, as little as that allows.
func between(theirs, before, after time.Time) time.Duration {
	switch {
	case theirs.Before(before):
		return theirs.Sub(before)
	case theirs.After(after):
		return theirs.Sub(after)
	}
	return 0
}

// quorumClock asks the leader of the metadata quorum for its time.
func (c *checkup) quorumClock(ctx context.Context, r *linking.Region) (time.Duration, error) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	part := kmsg.NewDescribeQuorumRequestTopicPartition()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic, topic.Partitions = "__cluster_metadata", append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	before := c.world.now()
	resp, err := req.RequestWith(ctx, r.Client)
	after := c.world.now()
	if err != nil {
		return 0, err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			for _, voter := range p.CurrentVoters {
				if voter.ReplicaID == p.LeaderID && voter.LastCaughtUpTimestamp > 0 {
					return between(time.UnixMilli(voter.LastCaughtUpTimestamp), before.Truncate(time.Millisecond), after), nil
				}
			}
		}
	}
	return 0, fmt.Errorf("%s: the quorum's leader does not tell its time", r.Name)
}

// httpClock reads the Date of an answer, whatever the answer is.
func (c *checkup) httpClock(ctx context.Context, transport http.RoundTripper, url string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	before := c.world.now()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	after := c.world.now()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection is used again
	resp.Body.Close()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, err
	}
	return between(date, before.Add(-time.Second), after), nil // it was up to a second later
}

// markersRead is how many of a topic's newest offsets are looked at for pairs of a record and its marker.
const markersRead = 12

// markerClock compares the times of a topic's newest records, which their writer has stamped, with those of the markers that end their transactions,
// which a broker has: the pair that is closest, because a marker comes a little later.
func markerClock(ctx context.Context, r *linking.Region, topic string) (time.Duration, error) {
	ends, err := fetch.Offsets(ctx, r.Admin.ListCommittedOffsets, topic)
	if err != nil {
		return 0, err
	}
	end, ok := ends.Lookup(topic, 0)
	if !ok || end.Err != nil || end.Offset == 0 {
		return 0, fmt.Errorf("%s: topic %q holds nothing", r.Name, topic)
	}
	closest := time.Duration(math.MaxInt64)
	var last *kgo.Record
	err = readMarkers(ctx, r, topic, span{max(0, end.Offset-markersRead), end.Offset}, func(rec *kgo.Record) {
		if rec.Attrs.IsControl() && last != nil {
			if apart := rec.Timestamp.Sub(last.Timestamp); apart < closest {
				closest = apart
			}
		}
		last = rec
		if rec.Attrs.IsControl() {
			last = nil
		}
	})
	if err == nil && closest == math.MaxInt64 {
		err = fmt.Errorf("%s: topic %q: no transaction among its newest records", r.Name, topic)
	}
	return closest, err
}

// readMarkers calls fn for every record and every marker of partition 0.
func readMarkers(ctx context.Context, r *linking.Region, topic string, s span, fn func(*kgo.Record)) error {
	cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(s.start)}}), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(200*time.Millisecond))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for next := s.start; next < s.end; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			next = rec.Offset + 1
			if rec.Offset < s.end {
				fn(rec)
			}
		})
	}
	return nil
}
