package fetch

import (
	"errors"
	"math"
	"math/bits"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A fetch session (KIP-227) is a broker's memory of what it was asked for: a request names the partitions whose offset has changed, those to
// be forgotten and new ones, and the answer those that have something to tell. So partitions that are idle cost nothing. Brokers take those
// that had nothing to answer first, which is what keeps a session fair.
//
// A session is never needed: where anything is unclear the next request begins another one, with every partition in it.

// entry is a partition as a session has it.
type entry struct {
	p     *partition
	id    [16]byte
	next  int64
	epoch int32
}

// ofSession says that an error ends the session, and nothing else: brokers drop those that were not used for a while, or were one too many.
func ofSession(err error) bool {
	return errors.Is(err, kerr.FetchSessionIDNotFound) || errors.Is(err, kerr.InvalidFetchSessionEpoch) || errors.Is(err, kerr.FetchSessionTopicIDError)
}

// touch notes that a partition may have to be asked for otherwise than before.
func (f *Fetcher) touch(p *partition) {
	if !f.o.Session {
		return
	}
	if p.in != nil {
		p.in.changed[p] = struct{}{}
	}
	if r := f.brokers[p.reader()]; r != nil {
		r.changed[p] = struct{}{}
	}
}

// alone says that a partition has to be asked for by itself, which is no part of a session.
func (r *reading) alone() bool {
	for p := range r.changed {
		if p.alone {
			return true
		}
	}
	return false
}

// sessionRequest goes on with a broker's session, or begins one. nil: there is nothing to ask.
func (f *Fetcher) sessionRequest(r *reading, room int64) *asking {
	f.leaveNear()
	var tell, later []*partition
	forget := map[key]entry{}
	drop := func(k key, e entry) {
		forget[k] = e
		delete(r.entries, k)
		e.p.in = nil
		if other := f.brokers[e.p.reader()]; other != nil && other != r { // who reads it now may go on
			f.touch(e.p)
			signal(other.wake)
		}
	}
	take := func(p *partition) {
		r.entries[key{p.topic, p.number}], p.in = entry{p, p.id, p.next, p.epoch}, r
		tell = append(tell, p)
	}
	for p := range r.changed {
		delete(r.changed, p)
		k := key{p.topic, p.number}
		e, in := r.entries[k]
		wanted := f.parts[k] == p && f.fetchable(p, r)
		if in && (e.p == p && !wanted || e.p != p && wanted) {
			drop(k, e)
		}
		_, dropped := forget[k]
		switch {
		case !wanted || in && e == entry{p, p.id, p.next, p.epoch}:
		case dropped: // brokers forget last, and of one that comes back they tell as of one that is new
			later = append(later, p)
		default:
			take(p)
		}
	}
	if len(r.entries) == 0 {
		r.id, r.epoch, forget = 0, 0, nil
		for _, p := range later {
			take(p)
		}
	} else {
		for _, p := range later {
			r.changed[p] = struct{}{} // with the next request
		}
	}
	if len(r.entries) == 0 {
		return nil
	}
	if bound := f.bound(len(r.entries)); bound < r.bound || bound >= 4*r.bound {
		r.bound, tell = bound, tell[:0]
		for _, e := range r.entries {
			tell = append(tell, e.p)
		}
	}
	a := new(asking)
	a.req, a.room = f.newRequest(room, int64(r.bound), len(r.entries))
	a.req.SessionID, a.req.SessionEpoch = r.id, r.epoch
	var topics requestTopics
	for _, p := range tell {
		topics.add(a.req, p, r.bound)
		f.topics[p.id] = p.topic
	}
	if r.epoch > 0 {
		addForgotten(a.req, forget)
	}
	return a
}

// bound is what a partition's part of an answer may be in a session of n: steps of two, so that few changes of n are one of it.
func (f *Fetcher) bound(n int) int32 {
	share := uint32(max(1, f.least()/int64(n)))
	share = 1 << (bits.Len32(share) - 1)
	return max(min(f.o.MaxPartitionBytes, minPartitionBytes), min(f.o.MaxPartitionBytes, int32(share)))
}

func addForgotten(req *kmsg.FetchRequest, forget map[key]entry) {
	at := map[[16]byte]int{}
	for k, e := range forget {
		i, ok := at[e.id]
		if !ok {
			i = len(req.ForgottenTopics)
			at[e.id] = i
			t := kmsg.NewFetchRequestForgottenTopic()
			t.Topic, t.TopicID = k.topic, e.id
			req.ForgottenTopics = append(req.ForgottenTopics, t)
		}
		req.ForgottenTopics[i].Partitions = append(req.ForgottenTopics[i].Partitions, k.partition)
	}
}

// goOn takes what an answer says of its session. After an error of a partition another one is begun: what a broker keeps of a partition whose
// topic is gone, or that it does not lead any more, it would answer again and again. A broker without room for a session says 0.
func (f *Fetcher) goOn(r *reading, id int32, failed bool) {
	if failed || id == 0 {
		f.restart(r, id)
		return
	}
	if r.id, r.epoch = id, r.epoch+1; r.epoch == math.MaxInt32 {
		r.epoch = 1
	}
}

// restart has the next request begin a session, in place of the one of an id where that is not 0.
func (f *Fetcher) restart(r *reading, id int32) {
	for k, e := range r.entries {
		delete(r.entries, k)
		if e.p.in == r {
			e.p.in = nil
		}
		f.touch(e.p)
	}
	r.id, r.epoch, r.bound = id, 0, 0
}

// leaveNear has partitions read from their leaders again when the time of the nearer replica is over.
func (f *Fetcher) leaveNear() {
	if f.o.Rack == "" || time.Since(f.nearSeen) < time.Second {
		return
	}
	f.nearSeen = time.Now()
	for _, p := range f.parts {
		if p.near >= 0 && !f.nearSeen.Before(p.nearTill) {
			p.near = -1
			f.touch(p)
			f.wakeAll()
		}
	}
}
