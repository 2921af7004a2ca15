package dr

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/linking"
)

// topicsIn asks a region's brokers for all topics that lifeboat may see. A client answers a listing from what it remembers, and with topics that somebody has
// asked it for by name: one that is not there, or may not be seen, which would fail all of it. Only who asks for rights is answered by a broker.
func topicsIn(ctx context.Context, r *linking.Region) (kadm.Metadata, error) {
	meta, err := r.Admin.Metadata(kadm.WithAuthorizedOps(ctx))
	if err != nil {
		return kadm.Metadata{}, fmt.Errorf("%s: listing topics: %w", r.Name, err)
	}
	return meta, nil
}
