package dr

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
)

// denial is one ACL of a fence: WRITE on a topic is denied to a principal from every host.
type denial struct {
	Principal string `json:"principal"`
	Topic     string `json:"topic"`
}

func listDenials(list []denial) string {
	var names []string
	for _, d := range list {
		names = append(names, d.Principal+" on "+d.Topic)
	}
	return strings.Join(names, ", ")
}

func denials(principals, topics []string) *kadm.ACLBuilder {
	return kadm.NewACLs().Deny(principals...).DenyHosts("*").Topics(topics...).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite)
}

func denyWrites(ctx context.Context, in *linking.Region, principals, topics []string) error {
	results, err := in.Admin.CreateACLs(ctx, denials(principals, topics))
	if err != nil {
		return fmt.Errorf("%s: denying writes: %w", in.Name, err)
	}
	var errs []error
	for _, res := range results {
		if res.Err != nil {
			errs = append(errs, fmt.Errorf("%s: denying %s WRITE on topic %q: %w", in.Name, res.Principal, res.Name, res.Err))
		}
	}
	return errors.Join(errs...)
}

// missingDenials lists the denials that the brokers do not show.
func missingDenials(ctx context.Context, in *linking.Region, principals, topics []string) ([]denial, error) {
	results, err := in.Admin.DescribeACLs(ctx, denials(principals, topics))
	if err != nil {
		return nil, fmt.Errorf("%s: reading ACLs: %w", in.Name, err)
	}
	there := map[denial]bool{}
	for _, res := range results {
		if res.Err != nil {
			return nil, fmt.Errorf("%s: reading ACLs: %w", in.Name, res.Err)
		}
		for _, d := range res.Described {
			if d.Operation == kmsg.ACLOperationWrite && d.Permission == kmsg.ACLPermissionTypeDeny {
				there[denial{d.Principal, d.Name}] = true
			}
		}
	}
	var missing []denial
	for _, p := range principals {
		for _, t := range topics {
			if !there[denial{p, t}] {
				missing = append(missing, denial{p, t})
			}
		}
	}
	return missing, nil
}

// allowWrites takes denials back.
func allowWrites(ctx context.Context, in *linking.Region, list []denial) error {
	byPrincipal := map[string][]string{}
	for _, d := range list {
		byPrincipal[d.Principal] = append(byPrincipal[d.Principal], d.Topic)
	}
	var errs []error
	for _, principal := range sortedKeys(byPrincipal) {
		results, err := in.Admin.DeleteACLs(ctx, denials([]string{principal}, byPrincipal[principal]))
		if err != nil {
			return fmt.Errorf("%s: taking the denials of %s back: %w", in.Name, principal, err)
		}
		for _, res := range results {
			if res.Err != nil {
				errs = append(errs, fmt.Errorf("%s: taking the denials of %s back: %w", in.Name, principal, res.Err))
			}
			for _, d := range res.Deleted {
				if d.Err != nil {
					errs = append(errs, fmt.Errorf("%s: taking the denial of %s on topic %q back: %w", in.Name, d.Principal, d.Name, d.Err))
				}
			}
		}
	}
	return errors.Join(errs...)
}
