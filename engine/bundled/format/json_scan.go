package format

import (
	"bytes"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

var errJSON = errors.New("it is not valid JSON")

// scanner walks over one JSON text without building anything. After an error its place means nothing.
type scanner struct {
	b  []byte
	at int
}

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek returns the next byte that is not space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.at < len(s.b) {
		return s.b[s.at]
	}
	return 0
}

// take passes over c, after space.
func (s *scanner) take(c byte) bool {
	if s.peek() == c {
		s.at++
		return true
	}
	return false
}

// str passes over a string and returns what stands between its quotes, as written; escaped says that it has backslashes.
func (s *scanner) str() (raw []byte, escaped bool, err error) {
	if !s.take('"') {
		return nil, false, errJSON
	}
	start := s.at
	for s.at < len(s.b) {
		switch c := s.b[s.at]; {
		case c == '"':
			raw = s.b[start:s.at]
			s.at++
			return raw, escaped, nil
		case c == '\\':
			escaped = true
			s.at += 2
		case c < 0x20:
			return nil, false, errJSON
		default:
			s.at++
		}
	}
	return nil, false, errJSON
}

// unescape appends the text of a string with backslashes.
func unescape(dst, raw []byte) ([]byte, error) {
	for i := 0; i < len(raw); {
		next := bytes.IndexByte(raw[i:], '\\')
		if next < 0 {
			return append(dst, raw[i:]...), nil
		}
		dst = append(dst, raw[i:i+next]...)
		i += next + 1
		if i >= len(raw) {
			return dst, errJSON
		}
		c := raw[i]
		i++
		switch c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(raw, i)
			if !ok {
				return dst, errJSON
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if i+1 < len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
					low, ok = hex4(raw, i+2)
				}
				if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
					r, i = pair, i+6
				} else {
					r = utf8.RuneError
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, errJSON
		}
	}
	return dst, nil
}

func hex4(b []byte, at int) (r rune, ok bool) {
	if at+4 > len(b) {
		return 0, false
	}
	for _, c := range b[at : at+4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// number passes over a number and returns its text; integer says that it has neither point nor exponent.
func (s *scanner) number() (text []byte, integer bool, err error) {
	s.space()
	start, integer := s.at, true
	if s.at < len(s.b) && s.b[s.at] == '-' {
		s.at++
	}
	first := s.at
	if s.digits() == 0 || s.b[first] == '0' && s.at > first+1 {
		return nil, false, errJSON
	}
	if s.at < len(s.b) && s.b[s.at] == '.' {
		s.at++
		integer = false
		if s.digits() == 0 {
			return nil, false, errJSON
		}
	}
	if s.at < len(s.b) && s.b[s.at]|0x20 == 'e' {
		s.at++
		integer = false
		if s.at < len(s.b) && (s.b[s.at] == '+' || s.b[s.at] == '-') {
			s.at++
		}
		if s.digits() == 0 {
			return nil, false, errJSON
		}
	}
	return s.b[start:s.at], integer, nil
}

func (s *scanner) digits() int {
	n := 0
	for s.at < len(s.b) && '0' <= s.b[s.at] && s.b[s.at] <= '9' {
		s.at++
		n++
	}
	return n
}

// word passes over true, false or null.
func (s *scanner) word(w string) error {
	s.space()
	if len(s.b)-s.at >= len(w) && string(s.b[s.at:s.at+len(w)]) == w {
		s.at += len(w)
		return nil
	}
	return errJSON
}

// skip passes over one value.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	switch c := s.peek(); c {
	case '"':
		_, _, err := s.str()
		return err
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	case '{', '[':
		s.at++
		closing := byte('}')
		if c == '[' {
			closing = ']'
		}
		if s.take(closing) {
			return nil
		}
		for {
			if c == '{' {
				if _, _, err := s.str(); err != nil {
					return err
				}
				if !s.take(':') {
					return errJSON
				}
			}
			if err := s.skip(depth + 1); err != nil {
				return err
			}
			if s.take(closing) {
				return nil
			}
			if !s.take(',') {
				return errJSON
			}
		}
	default:
		_, _, err := s.number()
		return err
	}
}
