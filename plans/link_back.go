package plans

import (
	"fmt"
	"slices"
	"strings"
)

// backName is the name of the link that leads back.
func backName(l *Link) string {
	there, back := l.From+"-"+l.To, l.To+"-"+l.From
	if strings.Contains(l.Name, there) {
		return strings.Replace(l.Name, there, back, 1)
	}
	if name, is := strings.CutSuffix(l.Name, "-back"); is {
		return name
	}
	return l.Name + "-back"
}

// leadsBack says whether one link is what Back makes of the other.
func leadsBack(l, back *Link) bool {
	return back.Name == backName(l) && back.From == l.To && back.To == l.From && back.Prefix == l.StripPrefix && back.StripPrefix == l.Prefix
}

// Back is the link that leads back what l brings: of the links given the one that does, else one that is to be created.
func Back(l *Link, links []*Link) (back *Link, declared bool, err error) {
	name := backName(l)
	i := slices.IndexFunc(links, func(other *Link) bool { return other.Name == name })
	switch {
	case i >= 0 && leadsBack(l, links[i]):
		return links[i], true, nil
	case i >= 0 && links[i].From == l.To && links[i].To == l.From:
		return nil, false, fmt.Errorf("link %s: link %s, which would lead back, calls mirrors otherwise: it would have to take %q away and put %q in front, and takes %q away and puts %q in front; give it another name", l.Name, name,
			l.Prefix, l.StripPrefix, links[i].StripPrefix, links[i].Prefix)
	case i >= 0:
		return nil, false, fmt.Errorf("link %s: the link back would be named %s, and there is another one of that name, from %s to %s", l.Name, name, links[i].From, links[i].To)
	}
	next := *l
	next.Name, next.From, next.To = name, l.To, l.From
	next.Prefix, next.StripPrefix = l.StripPrefix, l.Prefix
	next.ACLs = ACLRule{}
	return next.Knowing(links), false, nil
}
