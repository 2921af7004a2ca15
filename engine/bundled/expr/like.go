package expr

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{"LIKE": buildLike, "NOT LIKE": negated(buildLike)})

// pattern is a LIKE pattern: the groups that stand between its %. Matching takes time in proportion to the text, for the first place where
// a group fits is as good as any later one.
type pattern struct {
	groups      []group
	open, ended bool // % stands before the first group, behind the last
}

// group is what must stand together: texts, each after so many characters.
type group struct {
	steps []step
	chars int // that it takes
}

type step struct {
	one  int // _ before the text
	text []byte
}

// parsePattern reads a pattern; the escape, if there is one, takes the meaning of %, _ and itself away.
func parsePattern(p, escape []byte) (pattern, error) {
	var out pattern
	var g group
	var s step
	end := func() {
		if s.one > 0 || len(s.text) > 0 {
			g.steps = append(g.steps, s)
		}
		s = step{}
	}
	for first := true; len(p) > 0; first = false {
		_, size := utf8.DecodeRune(p)
		c := p[:size]
		p = p[size:]
		if c[0] == '%' && !bytes.Equal(c, escape) {
			out.open = out.open || first
			end()
			if len(g.steps) > 0 {
				out.groups = append(out.groups, g)
			}
			g, out.ended = group{}, true
			continue
		}
		out.ended = false
		g.chars++
		switch {
		case len(escape) > 0 && bytes.Equal(c, escape):
			_, size := utf8.DecodeRune(p)
			if len(p) == 0 || p[0] != '%' && p[0] != '_' && !bytes.Equal(p[:size], escape) {
				return out, fmt.Errorf("the escape character of LIKE stands before nothing that it escapes")
			}
			s.text = append(s.text, p[:size]...)
			p = p[size:]
		case c[0] == '_':
			if len(s.text) > 0 {
				end()
			}
			s.one++
		default:
			s.text = append(s.text, c...)
		}
	}
	if end(); len(g.steps) > 0 {
		out.groups = append(out.groups, g)
	}
	return out, nil
}

// match reports whether the whole of b is as the pattern says.
func (p pattern) match(b []byte) bool {
	groups := p.groups
	if len(groups) == 0 {
		return p.open || len(b) == 0
	}
	if !p.open {
		n := groups[0].at(b)
		if n < 0 || len(groups) == 1 && !p.ended {
			return n == len(b)
		}
		b, groups = b[n:], groups[1:]
	}
	if !p.ended {
		last := groups[len(groups)-1]
		at := len(b)
		for range last.chars {
			if at == 0 {
				return false
			}
			_, size := utf8.DecodeLastRune(b[:at])
			at -= size
		}
		if last.at(b[at:]) != len(b)-at {
			return false
		}
		b, groups = b[:at], groups[:len(groups)-1]
	}
	for _, g := range groups {
		at, n := g.find(b)
		if n < 0 {
			return false
		}
		b = b[at+n:]
	}
	return true
}

// at is how many bytes the group takes at the beginning of b; -1 where it does not stand there.
func (g group) at(b []byte) int {
	n := 0
	for _, s := range g.steps {
		for range s.one {
			if n == len(b) {
				return -1
			}
			_, size := utf8.DecodeRune(b[n:])
			n += size
		}
		if !bytes.HasPrefix(b[n:], s.text) {
			return -1
		}
		n += len(s.text)
	}
	return n
}

// find is the first place of the group in b, and how many bytes it takes; -1 where it is nowhere.
func (g group) find(b []byte) (at, n int) {
	for {
		if g.steps[0].one == 0 {
			next := bytes.Index(b[at:], g.steps[0].text)
			if next < 0 {
				return 0, -1
			}
			at += next
		}
		if n := g.at(b[at:]); n >= 0 {
			return at, n
		}
		if at == len(b) {
			return 0, -1
		}
		_, size := utf8.DecodeRune(b[at:])
		at += size
	}
}

// buildLike compiles a constant pattern once; another one is read row by row.
func buildLike(c *Compiler, op *st.Op, args []value) (node, error) {
	escape := func(in []*vec.Vector, i int) []byte {
		if len(in) > 2 {
			return in[2].Value(i)
		}
		return nil
	}
	constant := args[1].constant != nil && !args[1].constant.null() && (len(args) == 2 || args[2].constant != nil && !args[2].constant.null())
	if !constant {
		return newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
			p, err := parsePattern(in[1].Value(i), escape(in, i))
			if err != nil {
				return false, err.Error()
			}
			out.Bool[i] = p.match(in[0].Value(i))
			return has()
		}), nil
	}
	var esc []byte
	if len(args) > 2 {
		esc = args[2].constant.one.Value(0)
	}
	p, err := parsePattern(args[1].constant.one.Value(0), esc)
	if err != nil {
		return nil, invalid(op.Pos, "%v", err)
	}
	return newRowNode(op, args[:1], func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		out.Bool[i] = p.match(in[0].Value(i))
		return has()
	}), nil
}
