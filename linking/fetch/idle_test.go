package fetch

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// BenchmarkIdlePoll is what a poll costs of partitions that have nothing to tell: the bytes of the request and of its answer, and what is
// allocated to build the one and to take the other, with a session and without.
func BenchmarkIdlePoll(b *testing.B) {
	for _, n := range []int32{1_000, 10_000} {
		for _, session := range []bool{false, true} {
			b.Run(fmt.Sprintf("partitions=%d/session=%t", n, session), func(b *testing.B) { idlePoll(b, n, session) })
		}
	}
}

func idlePoll(b *testing.B, n int32, session bool) {
	cl, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1")) // nobody is asked
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	f := New(cl, Options{Session: session})
	for p := range n {
		f.Add(fmt.Sprint("topic-", p/10), p%10, 7)
	}
	for _, p := range f.parts {
		copy(p.id[:], p.topic)
		p.leader, p.epoch = 1, 3
	}
	r := f.newBrokers()[0]
	var req, resp int
	poll := func(answered bool) {
		a := f.request(r)
		a.req.SetVersion(16)
		answer := kmsg.NewPtrFetchResponse()
		answer.SetVersion(16)
		answer.SessionID = 1
		if answered { // a broker tells of every partition that it was named without a session, or the first time
			for _, t := range a.req.Topics {
				rt := kmsg.NewFetchResponseTopic()
				rt.TopicID = t.TopicID
				for _, p := range t.Partitions {
					rp := kmsg.NewFetchResponseTopicPartition()
					rp.Partition, rp.HighWatermark, rp.LastStableOffset = p.Partition, 7, 7
					rt.Partitions = append(rt.Partitions, rp)
				}
				answer.Topics = append(answer.Topics, rt)
			}
		}
		req, resp = len(a.req.AppendTo(nil)), len(answer.AppendTo(nil))
		f.take(r, a, answer, nil)
		for _, c := range f.ready {
			c.Release()
		}
		f.ready = nil
	}
	poll(true)
	b.ReportAllocs()
	begun := time.Now()
	for b.Loop() {
		poll(!session)
	}
	b.ReportMetric(float64(time.Since(begun).Microseconds())/float64(b.N), "us/poll")
	b.ReportMetric(float64(req+resp), "wire-B/poll")
}
