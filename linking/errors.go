package linking

import (
	"errors"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Codes of MirrorError: Cluster Linking's names where it has one, and ours.
const (
	CodeTopicExists         = "TOPIC_EXISTS_ERROR"
	CodePartitions          = "PARTITION_COUNT_DIFFERS"
	CodePartitionsDecreased = "SOURCE_PARTITIONS_DECREASED"
	CodeSourceDeleted       = "SOURCE_TOPIC_MAY_BE_DELETED"
	CodeSourceRecreated     = "SOURCE_TOPIC_ID_CHANGED"
	CodeTruncated           = "UNEXPECTED_TRUNCATION"
	CodeOverrun             = "SOURCE_RETENTION_OVERRAN_MIRROR"
	CodeDestinationGone     = "DESTINATION_TOPIC_DELETED"
	CodeForeignWriter       = "FOREIGN_WRITER"
	CodeMarkerTwice         = "MARKER_WRITTEN_TWICE"
	CodeFormat              = "UNSUPPORTED_MESSAGE_FORMAT"
	CodeCorrupt             = "CORRUPT_SOURCE_BATCH"
	CodeAuthorization       = "AUTHORIZATION_ERROR"
	CodeAlignment           = "ALIGNMENT_EXCEEDS_POLICY"
	CodeRefused             = "DESTINATION_REFUSES_BATCH"
	CodeSchema              = "SCHEMA_NOT_MIRRORED"
)

// Names of what a mirror waits for where no broker's answer says it.
const (
	CodeUnsettled = "NOT_REPLICATED_YET"   // more is written of it than the replicas in sync have
	CodeOutOfSync = "REPLICAS_OUT_OF_SYNC" // and some are not
)

// MirrorError is a mirror that can not go on: it is FAILED, others go on.
type MirrorError struct {
	Link, Topic string
	Partition   int32 // -1: the whole topic
	Code        string
	First, End  int64 // the offsets concerned, [First, End); both -1 where there are none
	Detail      string
	Hint        string
	Err         error
}

func (e *MirrorError) Error() string {
	where := e.Topic
	if e.Partition >= 0 {
		where = fmt.Sprintf("%s-%d", e.Topic, e.Partition)
	}
	if e.First >= 0 {
		where += fmt.Sprintf(" offsets @%d–@%d", e.First, e.End-1)
	}
	text := fmt.Sprintf("link %s: %s: %s: %s", e.Link, where, e.Code, e.Detail)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}
func (e *MirrorError) Unwrap() error { return e.Err }

// ErrTakenOver ends a link's run when another process has taken the link over, as a failover does.
var ErrTakenOver = errors.New("another process has taken this link over")

// NotMirroredError is a verb for what the link does not mirror: a topic, or, with Topic "", anything at all.
type NotMirroredError struct {
	Link, Topic string
	Verb        plans.MirrorVerb
}

func (e *NotMirroredError) Error() string {
	if e.Topic == "" {
		return fmt.Sprintf("link %s: it has no mirrors yet: nothing to %s", e.Link, e.Verb)
	}
	return fmt.Sprintf("link %s: topic %q is not a mirror: nothing to %s", e.Link, e.Topic, e.Verb)
}
