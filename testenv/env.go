package testenv

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	mrand "math/rand/v2"
	"sync"
)

// newEnv is an environment with two regions that do not run yet. last is what Stop does at its very end.
func newEnv(kind string, last func() error) *Env {
	env := &Env{Kind: kind, East: &Region{Name: "east"}, West: &Region{Name: "west"}}
	env.onStop(last)
	env.Stop = sync.OnceValue(func() error {
		var errs []error
		for i := len(env.stops) - 1; i >= 0; i-- {
			errs = append(errs, env.stops[i]())
		}
		return errors.Join(errs...)
	})
	return env
}

// onStop adds to what Stop does; the last added comes first.
func (e *Env) onStop(f func() error) { e.stops = append(e.stops, f) }

// Regions are East and West, in this order.
func (e *Env) Regions() []*Region { return []*Region{e.East, e.West} }

// newClusterID is a random cluster id in Kafka's form: 16 bytes in URL-safe base64 without padding.
func newClusterID() string {
	var id [16]byte
	rand.Read(id[:])
	id[0] &= 0x7f // a first letter of A to f: Kafka gives out no id that begins with a dash
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// randomPort is a loopback port below the ephemeral range of Linux (32768) and macOS (49152): while its owner is killed, no
// outgoing connection and no listener on port 0 takes it.
func randomPort() int { return 20000 + mrand.IntN(12000) }
