package testenv

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Assemble makes an environment from a way to start one broker; StartEmbedded, StartKafka and containers.Start are made with it.
// It starts both regions at the same time and gives each a registry and its users. start sets r.Bootstrap and r.Broker and
// returns when the broker answers; the stop that it returns, also with an error, removes whatever it made. last is done at the
// very end of Stop.
func Assemble(ctx context.Context, kind string, o Options, start func(ctx context.Context, r *Region) (stop func() error, err error), last func() error) (*Env, error) {
	env := &Env{Kind: kind, East: &Region{Name: "east", users: o.Users}, West: &Region{Name: "west", users: o.Users}}
	if o.TLS != nil {
		for _, r := range env.Regions() {
			var err error
			if r.tls, err = o.TLS.client(r.Name); err != nil {
				return nil, errors.Join(err, last())
			}
		}
	}
	var mu sync.Mutex
	stops := []func() error{last}
	onStop := func(f func() error) {
		mu.Lock()
		defer mu.Unlock()
		stops = append(stops, f)
	}
	env.Stop = sync.OnceValue(func() error {
		var errs []error
		for _, stop := range slices.Backward(stops) {
			errs = append(errs, stop())
		}
		return errors.Join(errs...)
	})
	starts, ctx := errgroup.WithContext(ctx)
	for _, r := range env.Regions() {
		starts.Go(func() error {
			stop, err := start(ctx, r)
			if stop != nil {
				onStop(stop)
			}
			if err == nil {
				err = r.startRegistry(onStop)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", r.Name, err)
			}
			return nil
		})
	}
	if err := starts.Wait(); err != nil {
		return nil, errors.Join(err, env.Stop())
	}
	return env, nil
}

// Regions are East and West, in this order.
func (e *Env) Regions() []*Region { return []*Region{e.East, e.West} }

// NewClusterID is a random cluster id in Kafka's form: 16 bytes in URL-safe base64 without padding.
func NewClusterID() string {
	var id [16]byte
	rand.Read(id[:])
	id[0] &= 0x7f // a first letter of A to f: Kafka gives out no id that begins with a dash
	return base64.RawURLEncoding.EncodeToString(id[:])
}
