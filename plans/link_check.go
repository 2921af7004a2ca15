package plans

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// CheckLink says what is wrong with a link that is to stand beside those of a topology; the checks are those of a declared one. A link that
// leads back what another one brings is wrong here: reversing makes it.
func CheckLink(t *Topology, l *Link) error {
	d := &decoder{src: newSource("", nil), places: map[string]*yaml.Node{}, failed: map[string]bool{}}
	d.links(&Topology{Regions: t.Regions, Links: []*Link{l}})
	var errs []error
	for _, f := range d.found {
		text := f.Message
		if f.Remedy != "" {
			text += "; " + f.Remedy
		}
		errs = append(errs, fmt.Errorf("link %s: %s", l.Name, text))
	}
	others := slices.DeleteFunc(slices.Clone(t.Links), func(other *Link) bool { return other.Name == l.Name })
	l = l.Knowing(others)
	for _, other := range others {
		other = other.Knowing(append(others, l))
		switch {
		case other.To == l.To:
			if topic := commonTopic(other, l); topic != "" {
				errs = append(errs, fmt.Errorf("link %s: link %s mirrors topics such as %q into %s already: a topic has one source", l.Name, other.Name, topic, l.To))
			}
		case other.From == l.To && other.To == l.From:
			if topic := cmp.Or(roundTrip(l, other), roundTrip(other, l)); topic != "" {
				errs = append(errs, fmt.Errorf("link %s: link %s mirrors topics such as %q the other way: lifeboat link reverse turns that round", l.Name, other.Name, topic))
			}
		}
	}
	return errors.Join(errs...)
}
