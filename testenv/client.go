package testenv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// User may connect to a region that has users, by SASL PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. As a super user it may do
// everything; any other needs ACLs.
type User struct {
	Name, Password string
	Super          bool
}

// Client is a client of the region with opts over these defaults: the region's address and, where it has users and opts have
// no SASL, its first super user. The caller closes it.
func (r *Region) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	own := []kgo.Opt{kgo.SeedBrokers(r.Bootstrap...), kgo.MetadataMinAge(50 * time.Millisecond), kgo.DisableClientMetrics()}
	if r.tls != nil {
		own = append(own, kgo.DialTLSConfig(r.tls))
	}
	opts = append(own, opts...)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("%s: making a client: %w", r.Name, err)
	}
	super := slices.IndexFunc(r.users, func(u User) bool { return u.Super })
	if own, _ := cl.OptValue(kgo.SASL).([]sasl.Mechanism); len(own) > 0 || super < 0 {
		return cl, nil
	}
	cl.Close()
	u := r.users[super]
	cl, err = kgo.NewClient(append(opts, kgo.SASL(plain.Auth{User: u.Name, Pass: u.Password}.AsMechanism()))...)
	if err != nil {
		return nil, fmt.Errorf("%s: making a client of %s: %w", r.Name, u.Name, err)
	}
	return cl, nil
}

// Await returns when the region's broker of that id answers, at an address of its own, and counts itself in, or when exited, closed, says
// that it never will.
func (r *Region) Await(ctx context.Context, exited <-chan struct{}, id int32, address string) error {
	cl, err := r.Client(kgo.SeedBrokers(address), kgo.RequestRetries(0), kgo.DialTimeout(time.Second), kgo.RetryTimeout(time.Second))
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	for {
		once, cancel := context.WithTimeout(ctx, 2*time.Second)
		meta, err := adm.BrokerMetadata(once)
		cancel()
		if err == nil && slices.Contains(meta.Brokers.NodeIDs(), id) {
			return nil
		}
		select {
		case <-exited:
			return errors.New("the process ended")
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", errors.Join(err, ctx.Err()))
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// AddSCRAM gives every user its SCRAM credentials, which live in the cluster's metadata.
func (r *Region) AddSCRAM(ctx context.Context) error {
	if len(r.users) == 0 {
		return nil
	}
	cl, err := r.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	// A user may stand only once in a request.
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		var upserts []kadm.UpsertSCRAM
		for _, u := range r.users {
			upserts = append(upserts, kadm.UpsertSCRAM{User: u.Name, Mechanism: m, Iterations: 4096, Password: u.Password})
		}
		altered, err := kadm.NewClient(cl).AlterUserSCRAMs(ctx, nil, upserts)
		if err == nil {
			err = altered.Error()
		}
		if err != nil {
			return fmt.Errorf("adding SCRAM credentials: %w", err)
		}
	}
	return nil
}
