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
			d.tls(r.Registry.TLS, path+".registry.tls")
			if r.Registry.TLS != nil && strings.HasPrefix(r.Registry.URL, "http://") {
				d.meaningless(path+".registry", "tls", "the URL is not https", true)
			}
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
		d.sasl(s, path+".sasl")
	}
	d.tls(k.TLS, path+".tls")
}

func (d *decoder) tls(t *TLS, path string) {
	if t != nil && (t.Cert == "") != (t.Key == "") {
		d.add("missing-key", path, path+" has one of cert and key", "a client certificate needs both")
	}
}

// sasl checks that a login has what its mechanism needs, and nothing that has no meaning with it.
func (d *decoder) sasl(s *SASL, path string) {
	d.required(path+".mechanism", s.Mechanism)
	d.oneOf(path+".mechanism", s.Mechanism, knownMechanisms)
	switch s.Mechanism {
	case "OAUTHBEARER":
		switch {
		case s.TokenURL != "":
			d.url(path+".tokenURL", s.TokenURL)
			d.required(path+".username", s.Username.ref)
			d.required(path+".password", s.Password.ref)
			d.meaningless(path, "token", "tokenURL tells where tokens come from", !s.Token.IsZero())
		case d.reported(path + ".token"):
		case s.Token.IsZero():
			d.add("missing-key", path, path+" has neither token nor tokenURL",
				`write token: "${file:/path}", or tokenURL with the client's id and secret as username and password`)
		default:
			d.meaningless(path, "username", "the token tells who it is", !s.Username.IsZero())
			d.meaningless(path, "password", "the token tells who it is", !s.Password.IsZero())
			d.meaningless(path, "scope", "there is no tokenURL to send it to", s.Scope != "")
		}
		return
	case "AWS_MSK_IAM":
		d.login(path, s.Username, s.Password)
		if s.Username.IsZero() {
			d.meaningless(path, "token", "without username and password everything comes from the environment", !s.Token.IsZero())
		}
	case "":
		return
	default:
		d.required(path+".username", s.Username.ref)
		d.required(path+".password", s.Password.ref)
		d.meaningless(path, "token", s.Mechanism+" takes a password", !s.Token.IsZero())
	}
	why := "it belongs to mechanism OAUTHBEARER"
	d.meaningless(path, "tokenURL", why, s.TokenURL != "")
	d.meaningless(path, "scope", why, s.Scope != "")
	d.meaningless(path, "extensions", why, len(s.Extensions) > 0)
}

// meaningless reports a key that would be ignored.
func (d *decoder) meaningless(path, key, why string, given bool) {
	if given && !d.reported(path+"."+key) {
		d.add("unknown-key", path+"."+key, fmt.Sprintf("%q has no meaning here: %s", key, why), "remove it")
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
