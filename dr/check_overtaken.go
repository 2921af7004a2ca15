package dr

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// checkOvertaken asks of every mirror that is behind when the source's retention will remove what comes next: what it removes before it is mirrored is
// lost, and the mirror FAILED. By time, the next record is taken to be as old as the newest one that the mirror has, so it goes no earlier than told;
// by size, what is in front of it goes at the pace at which the log has filled. Brokers remove whole segments, which is later, never earlier.
func checkOvertaken(_ context.Context, c *checkup) []report.Check {
	from, to := c.decl.View(c.seen.Regions[c.decl.From]), c.seen.Regions[c.decl.To]
	line := report.Check{Name: "retention in " + c.decl.From + " does not overtake the mirrors", Outcome: report.Passed}
	mirrors := slices.DeleteFunc(slices.Clone(c.seen.Mirrors[c.decl.Name]), func(m plans.MirrorState) bool { return m.State == plans.MirrorStopped })
	if len(mirrors) == 0 {
		return nil
	}
	if !from.Reachable || !to.Reachable {
		line.Outcome, line.Detail = report.Unknown, "a region does not answer"
		return []report.Check{line}
	}
	var out []report.Check
	behind := 0
	var soonest *overtaking
	for _, m := range mirrors {
		src, dst := from.Topics[m.Topic], to.Topics[m.Topic]
		if src == nil || dst == nil {
			continue // a check of its own
		}
		var worst *overtaking
		for p := range min(len(src.Partitions), len(dst.Partitions)) {
			o := overtakes(c.seen.At, src, m, p, dst.Partitions[p])
			if o == nil {
				continue
			}
			behind++
			if worst == nil || o.left < worst.left {
				worst = o
			}
		}
		if worst == nil || !worst.foreseen {
			continue
		}
		if soonest == nil || worst.left < soonest.left {
			soonest = worst
		}
		bad := report.Check{Name: "retention in " + c.decl.From + " does not overtake mirror " + m.Topic, Detail: worst.words(), Why: "what retention removes before it is mirrored is lost, and the mirror is FAILED",
			Remedy: fmt.Sprintf("see why the link is behind: lifeboat link status; meanwhile raise %s of %s in %s", worst.config, m.Topic, c.decl.From)}
		switch {
		case worst.left <= worst.keeps/10:
			bad.Outcome = report.Failed
		case worst.left <= worst.keeps/2:
			bad.Outcome = report.Warned
		default:
			continue
		}
		out = append(out, bad)
	}
	if len(out) > 0 {
		return out
	}
	switch {
	case behind == 0:
		line.Detail = "none is behind"
	case soonest == nil:
		line.Detail = counted(behind, "partition") + " behind, and nothing points to it"
	default:
		line.Detail = counted(behind, "partition") + " behind, the first to go: " + soonest.words()
	}
	return []report.Check{line}
}

// overtaking is when retention comes to what a mirror partition has not got yet.
type overtaking struct {
	partition string
	missing   int64 // offsets
	foreseen  bool  // by something
	left      time.Duration
	keeps     time.Duration // how long the source keeps a record
	config    string        // that it goes by
}

func (o *overtaking) words() string {
	if o.left <= 0 {
		return fmt.Sprintf("%s is %s behind, and %s removes what comes next from now on", o.partition, counted(int(o.missing), "offset"), o.config)
	}
	return fmt.Sprintf("%s is %s behind, and %s removes what comes next in %s at the earliest (it keeps %s)", o.partition, counted(int(o.missing), "offset"), o.config,
		plans.Duration(o.left.Round(time.Second)), plans.Duration(o.keeps.Round(time.Second)))
}

// overtakes foresees it for one partition; nil where the mirror has all of it.
func overtakes(now time.Time, t *plans.TopicState, m plans.MirrorState, partition int, mirror plans.PartitionState) *overtaking {
	src, next := t.Partitions[partition], mirror.End
	if tr, ok := m.Translated[int32(partition)]; ok {
		next = tr.Source
	}
	if next < 0 || src.Stable <= next {
		return nil
	}
	o := &overtaking{partition: fmt.Sprintf("%s-%d", m.Topic, partition), missing: int64(src.Stable - next)}
	if !strings.Contains(t.Configs["cleanup.policy"], "delete") {
		return o
	}
	age := src.Oldest // of the next record, at most
	if next > src.Start && mirror.Newest >= 0 {
		age = max(age, min(mirror.Newest, now.UnixMilli()))
	}
	if ms, err := strconv.ParseInt(t.Configs["retention.ms"], 10, 64); err == nil && ms >= 0 && ms < int64(1<<62)/int64(time.Millisecond) && age >= 0 {
		keeps := time.Duration(ms) * time.Millisecond
		o.foresee("retention.ms", keeps, keeps-now.Sub(time.UnixMilli(age)))
	}
	if limit, err := strconv.ParseInt(t.Configs["retention.bytes"], 10, 64); err == nil && limit >= 0 && src.Bytes > 0 && src.Newest > src.Oldest && src.Oldest >= 0 && src.End > src.Start {
		perByte := float64(time.Duration(src.Newest-src.Oldest)*time.Millisecond) / float64(src.Bytes)
		inFront := float64(src.Bytes) * float64(max(0, next-src.Start)) / float64(src.End-src.Start)
		o.foresee("retention.bytes", time.Duration(perByte*float64(limit)), time.Duration(perByte*(float64(limit-src.Bytes)+inFront)))
	}
	return o
}

// foresee keeps the one that comes first.
func (o *overtaking) foresee(config string, keeps, left time.Duration) {
	if left = max(0, left); !o.foreseen || left < o.left {
		o.foreseen, o.config, o.keeps, o.left = true, config, keeps, left
	}
}
