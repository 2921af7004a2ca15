package plans

import "fmt"

// States of a mirror topic, as Cluster Linking names them.
const (
	MirrorActive            = "ACTIVE"
	MirrorPaused            = "PAUSED"
	MirrorPendingStopped    = "PENDING_STOPPED" // being promoted: nothing mirrors it any more, and it is not to be written yet
	MirrorStopped           = "STOPPED"         // promoted: a topic like any other
	MirrorFailed            = "FAILED"
	MirrorSourceUnavailable = "SOURCE_UNAVAILABLE"
)

// MirrorVerb is what can be asked of a mirror topic.
type MirrorVerb string

// The verbs of a mirror topic.
const (
	PauseMirror    MirrorVerb = "pause"
	ResumeMirror   MirrorVerb = "resume"
	PromoteMirror  MirrorVerb = "promote"  // lag zero first
	FailoverMirror MirrorVerb = "failover" // now, with what has arrived
	RepairMirror   MirrorVerb = "repair"
	ReverseMirror  MirrorVerb = "reverse"
	DeleteMirror   MirrorVerb = "delete" // the link forgets it; the topic stays
)

// MirrorVerbs are all verbs, in the order in which people meet them.
var MirrorVerbs = []MirrorVerb{PauseMirror, ResumeMirror, PromoteMirror, FailoverMirror, RepairMirror, ReverseMirror, DeleteMirror}

// transition is what a verb makes of a state: the state it leads to, or what to do instead.
type transition struct{ to, instead string }

const gone = "" // the state of what a link has forgotten

// transitions is the one table of what is allowed. A verb that leads to the state that it finds has nothing to do, so every verb may be
// given again.
var transitions = map[MirrorVerb]map[string]transition{
	PauseMirror: {
		MirrorActive:            {to: MirrorPaused},
		MirrorPaused:            {to: MirrorPaused},
		MirrorSourceUnavailable: {to: MirrorPaused},
		MirrorFailed:            {instead: "nothing is mirrored while it is FAILED; lifeboat link repair mends it"},
		MirrorPendingStopped:    {instead: "its promotion is under way; lifeboat link failover completes it"},
		MirrorStopped:           {instead: "it is promoted, and nothing is mirrored any more"},
	},
	ResumeMirror: {
		MirrorActive:            {to: MirrorActive},
		MirrorPaused:            {to: MirrorActive},
		MirrorSourceUnavailable: {to: MirrorSourceUnavailable},
		MirrorFailed:            {instead: "lifeboat link repair mends it"},
		MirrorPendingStopped:    {instead: "its promotion is under way; lifeboat link failover completes it"},
		MirrorStopped:           {instead: "it is promoted; lifeboat link reverse mirrors it the other way"},
	},
	PromoteMirror: {
		MirrorActive:            {to: MirrorStopped},
		MirrorPaused:            {instead: "lag zero is never reached while it is PAUSED; lifeboat link resume first, or lifeboat link failover to take what has arrived"},
		MirrorSourceUnavailable: {instead: "lag zero can not be reached; lifeboat link failover takes what has arrived"},
		MirrorFailed:            {instead: "lifeboat link repair first, or lifeboat link failover to take what has arrived"},
		MirrorPendingStopped:    {to: MirrorStopped},
		MirrorStopped:           {to: MirrorStopped},
	},
	FailoverMirror: {
		MirrorActive:            {to: MirrorStopped},
		MirrorPaused:            {to: MirrorStopped},
		MirrorSourceUnavailable: {to: MirrorStopped},
		MirrorFailed:            {to: MirrorStopped},
		MirrorPendingStopped:    {to: MirrorStopped},
		MirrorStopped:           {to: MirrorStopped},
	},
	RepairMirror: {
		MirrorActive:            {to: MirrorActive},
		MirrorPaused:            {to: MirrorPaused},
		MirrorSourceUnavailable: {to: MirrorSourceUnavailable},
		MirrorFailed:            {to: MirrorActive},
		MirrorPendingStopped:    {instead: "its promotion is under way; lifeboat link failover completes it"},
		MirrorStopped:           {instead: "it is promoted, and its log goes its own way; lifeboat link reverse mirrors it the other way"},
	},
	ReverseMirror: {
		MirrorActive:            {to: MirrorStopped},
		MirrorPaused:            {instead: "lag zero is never reached while it is PAUSED; lifeboat link resume first"},
		MirrorSourceUnavailable: {instead: "both regions have to answer, and lag zero comes first; lifeboat link failover takes what has arrived"},
		MirrorFailed:            {instead: "lifeboat link repair first, or lifeboat link failover to take what has arrived"},
		MirrorPendingStopped:    {to: MirrorStopped},
		MirrorStopped:           {to: MirrorStopped},
	},
	DeleteMirror: {
		MirrorActive:            {instead: "lifeboat link promote or lifeboat link failover first"},
		MirrorPaused:            {instead: "lifeboat link failover first"},
		MirrorSourceUnavailable: {instead: "lifeboat link failover first"},
		MirrorFailed:            {instead: "lifeboat link failover first, or lifeboat link repair"},
		MirrorPendingStopped:    {instead: "its promotion is under way; lifeboat link failover completes it"},
		MirrorStopped:           {to: gone},
	},
}

// From says where the verb leads a mirror topic that is in a state; *TransitionError where it is not allowed.
func (v MirrorVerb) From(topic, state string) (to string, err error) {
	t, known := transitions[v][state]
	switch {
	case !known:
		return "", &TransitionError{v, topic, state, "this version knows no such state; use the lifeboat that recorded it"}
	case t.instead != "":
		return "", &TransitionError{v, topic, state, t.instead}
	}
	return t.to, nil
}

// TransitionError is a verb that a mirror's state does not allow.
type TransitionError struct {
	Verb         MirrorVerb
	Topic, State string
	Instead      string // why, or what to do
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("mirror %s: state %s does not allow %s; %s", e.Topic, e.State, e.Verb, e.Instead)
}
