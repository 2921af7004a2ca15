package testenv

import "github.com/lifeboat-dr/lifeboat/testenv/registry"

// startRegistry gives the region a strict registry on a port of its own.
func (r *Region) startRegistry(onStop func(func() error)) error {
	s, err := registry.Start(registry.Options{})
	if err != nil {
		return err
	}
	r.Registry, r.RegistryServer = s.URL(), s
	onStop(s.Stop)
	return nil
}
