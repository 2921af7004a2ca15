package expr

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

var _ = register(map[string]builder{"LIKE": buildLike, "NOT LIKE": negated(buildLike)})

// pattern is a LIKE pattern: texts, and between them what may stand there.
type pattern []step

// step is an exact text, after any characters (many) or after exactly so many.
type step struct {
	text []byte
	any  bool // % before the text
	one  int  // _ before the text
}

// parsePattern reads a pattern; the escape, if there is one, takes the meaning of %, _ and itself away.
func parsePattern(p, escape []byte) (pattern, error) {
	var out pattern
	s := step{}
	open := func() {
		if len(s.text) > 0 {
			out = append(out, s)
			s = step{}
		}
	}
	for len(p) > 0 {
		_, size := utf8.DecodeRune(p)
		c := p[:size]
		p = p[size:]
		switch {
		case len(escape) > 0 && bytes.Equal(c, escape):
			_, size := utf8.DecodeRune(p)
			if len(p) == 0 || p[0] != '%' && p[0] != '_' && !bytes.Equal(p[:size], escape) {
				return nil, fmt.Errorf("the escape character of LIKE stands before nothing that it escapes")
			}
			s.text = append(s.text, p[:size]...)
			p = p[size:]
		case c[0] == '%':
			open()
			s.any = true
		case c[0] == '_':
			open()
			s.one++
		default:
			s.text = append(s.text, c...)
		}
	}
	return append(out, s), nil
}

// match tries the steps in order. What comes after a % is looked for from left to right; the last text must be at the end.
func (p pattern) match(b []byte) bool {
	if len(p) == 0 {
		return len(b) == 0
	}
	s := p[0]
	for range s.one {
		if len(b) == 0 {
			return false
		}
		_, size := utf8.DecodeRune(b)
		b = b[size:]
	}
	last := len(p) == 1
	if !s.any {
		return bytes.HasPrefix(b, s.text) && p[1:].match(b[len(s.text):])
	}
	if last {
		return bytes.HasSuffix(b, s.text)
	}
	// The first place that fits is as good as any later one up to the next %.
	for {
		at := bytes.Index(b, s.text)
		if at < 0 {
			return false
		}
		if p[1:].match(b[at+len(s.text):]) {
			return true
		}
		if p[1:].any() {
			return false
		}
		_, size := utf8.DecodeRune(b[at:])
		b = b[at+max(1, size):]
		if len(b) == 0 && len(s.text) > 0 {
			return false
		}
	}
}

// any reports whether the first step may begin anywhere.
func (p pattern) any() bool { return p[0].any }

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
