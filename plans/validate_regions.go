package plans

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (d *decoder) regions(t *Topology) {
	names := slices.Sorted(maps.Keys(t.Regions))
	if len(names) == 0 && !d.reported("regions") {
		d.add("missing-key", "regions", `"regions" is missing`, "declare two regions")
	}
	switch {
	case t.Pattern == ActiveActive && t.Primary != "":
		d.add("unknown-key", "primary", "an active-active topology has no primary", "remove the key, or write pattern: active-passive")
	case t.Pattern == ActivePassive:
		d.required("primary", t.Primary)
		d.region("primary", t.Primary, names)
	}
	for _, name := range names {
		r, path := t.Regions[name], join("regions", name)
		if !namePattern.MatchString(name) {
			d.add("bad-name", path, fmt.Sprintf("%q can not be a region's name", name), "use letters, digits, - and _, at most 63")
		}
		d.kafka(r.Kafka, path+".kafka")
		if r.Registry != nil {
			d.url(path+".registry.url", r.Registry.URL)
			d.login(path+".registry", r.Registry.Username, r.Registry.Password)
		}
		if r.Engine != nil {
			d.required(path+".engine.backend", r.Engine.Backend)
			d.oneOf(path+".engine.backend", r.Engine.Backend, knownBackends)
			d.url(path+".engine.url", r.Engine.URL)
			d.login(path+".engine", r.Engine.Username, r.Engine.Password)
		}
		if r.Fence != nil {
			d.fence(r.Fence, path+".fence")
		}
	}
}

// region checks a reference to a region.
func (d *decoder) region(path, have string, known []string) {
	if have != "" && !slices.Contains(known, have) {
		d.add("unknown-region", path, fmt.Sprintf("%s names region %q, which is not declared", path, have), suggest(have, known))
	}
}

func (d *decoder) kafka(k Kafka, path string) {
	if len(k.Bootstrap) == 0 && !d.reported(path) && !d.reported(path+".bootstrap") {
		d.add("missing-key", path+".bootstrap", fmt.Sprintf("\"bootstrap\" is missing in %s", path), `write bootstrap: ["host:9092"]`)
	}
	for i, addr := range k.Bootstrap {
		at := fmt.Sprintf("%s.bootstrap[%d]", path, i)
		if d.reported(at) {
			continue
		}
		host, port, err := net.SplitHostPort(addr)
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || perr != nil || n == 0 {
			d.add("bad-address", at, fmt.Sprintf("%q is not host:port", addr), "write it as broker.example:9092")
		}
	}
	if s := k.SASL; s != nil {
		d.required(path+".sasl.mechanism", s.Mechanism)
		d.oneOf(path+".sasl.mechanism", s.Mechanism, knownMechanisms)
		d.required(path+".sasl.username", s.Username.ref)
		d.required(path+".sasl.password", s.Password.ref)
	}
	if t := k.TLS; t != nil && (t.Cert == "") != (t.Key == "") {
		d.add("missing-key", path+".tls", path+".tls has one of cert and key", "a client certificate needs both")
	}
}

// login reports half a login.
func (d *decoder) login(path string, username, password Secret) {
	if username.IsZero() != password.IsZero() && !d.reported(path+".username") && !d.reported(path+".password") {
		d.add("missing-key", path, path+" has one of username and password", "write both, or none")
	}
}

func (d *decoder) url(path, have string) {
	d.required(path, have)
	if have == "" {
		return
	}
	u, err := url.Parse(have)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		d.add("bad-address", path, path+" is not a URL", "write it as https://host:port")
	case u.User != nil:
		d.add("literal-secret", path, path+" holds a login", "write username and password as references: ${env:NAME} or ${file:/path}")
	default:
		return
	}
	d.found[len(d.found)-1].Excerpt = "" // it may hold a password
}

func (d *decoder) fence(f *Fence, path string) {
	d.required(path+".by", f.By)
	d.oneOf(path+".by", f.By, knownFences)
	switch f.By {
	case "acl", "quota":
		if len(f.Principals) == 0 && !d.reported(path+".principals") {
			d.add("missing-key", path+".principals", fmt.Sprintf("a fence by %s needs \"principals\"", f.By), `write principals: ["User:name"]`)
		}
	case "command":
		if len(f.Command) == 0 && !d.reported(path+".command") {
			d.add("missing-key", path+".command", `a fence by command needs "command"`, `write command: ["/path/to/program", "argument"]`)
		}
	}
	for i, p := range f.Principals {
		at := fmt.Sprintf("%s.principals[%d]", path, i)
		if kind, name, ok := strings.Cut(p, ":"); !d.reported(at) && (!ok || kind == "" || name == "") {
			d.add("bad-principal", at, fmt.Sprintf("%q is not a principal", p), "write it as User:name")
		}
	}
}
