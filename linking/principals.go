package linking

import (
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Principals returns those that a region's ACLs are about, sorted; none where it has no authorizer. It needs DESCRIBE on the cluster.
func (r *Region) Principals(ctx context.Context) ([]string, error) {
	acls, err := r.listACLs(ctx)
	if errors.Is(err, kerr.SecurityDisabled) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, a := range acls {
		names = append(names, a.Principal)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
