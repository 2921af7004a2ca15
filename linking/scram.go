package linking

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// SCRAM credentials (KIP-554) can be listed and not read: a broker gives away neither salt nor hash. So they are compared by name and
// mechanism only, and who could not log in after a failover is named.

// credentials are users' SCRAM mechanisms.
type credentials map[string][]string

// scramMechanism is a mechanism's name by its number in the protocol.
func scramMechanism(n int8) string {
	switch n {
	case 1:
		return "SCRAM-SHA-256"
	case 2:
		return "SCRAM-SHA-512"
	}
	return fmt.Sprintf("SCRAM mechanism %d", n)
}

// listUsers reads every user's mechanisms. It needs DESCRIBE on the cluster.
func (r *Region) listUsers(ctx context.Context) (credentials, error) {
	resp, err := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest().RequestWith(ctx, r.Client)
	if err == nil {
		err = answered(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: listing SCRAM users: %w", r.Name, err)
	}
	users := credentials{}
	for _, u := range resp.Results {
		if err := answered(u.ErrorCode, u.ErrorMessage); err != nil {
			return nil, fmt.Errorf("%s: listing SCRAM user %q: %w", r.Name, u.User, err)
		}
		for _, c := range u.CredentialInfos {
			users[u.User] = append(users[u.User], scramMechanism(c.Mechanism))
		}
		slices.Sort(users[u.User])
	}
	return users, nil
}

// userNotes compares the users that the link selects.
func userNotes(link *plans.Link, source, dest credentials) []AccessNote {
	var notes []AccessNote
	names := maps.Clone(source)
	maps.Copy(names, dest)
	for _, name := range sorted(names) {
		if !link.ACLs.Match("User:" + name) {
			continue
		}
		missing := slices.DeleteFunc(slices.Clone(source[name]), func(m string) bool { return slices.Contains(dest[name], m) })
		extra := slices.DeleteFunc(slices.Clone(dest[name]), func(m string) bool { return slices.Contains(source[name], m) })
		if len(missing) > 0 {
			has := cmp.Or(strings.Join(dest[name], " and "), "none")
			notes = append(notes, AccessNote{Kind: "user", Subject: "User:" + name, State: AccessMissing,
				Why: fmt.Sprintf("it has %s in %s and %s in %s: passwords can not be copied, and without one it can not log in after a failover",
					strings.Join(missing, " and "), link.From, has, link.To),
				Remedy: fmt.Sprintf("kafka-configs --bootstrap-server %s --alter --entity-type users --entity-name %s --add-config '%s=[password=…]'",
					strings.ToUpper(link.To), shellWord(name), missing[0])})
		}
		if len(extra) > 0 && len(source[name]) == 0 {
			notes = append(notes, AccessNote{Kind: "user", Subject: "User:" + name, State: AccessOwn,
				Why: fmt.Sprintf("it has %s in %s and none in %s: whoever was locked out of %s can still log in there", strings.Join(extra, " and "), link.To, link.From, link.From)})
		}
	}
	return notes
}

// shellWord quotes a word for a POSIX shell where it needs to be.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
