package expr

import (
	"bytes"
	"fmt"
	"strings"
)

// timePattern is a pattern of Java's DateTimeFormatter, in the letters y u M d D H h m s S a E, with 'quoted' text.
type timePattern []timeField

// timeField is a run of one letter, or a text.
type timeField struct {
	letter byte // 0: a text
	width  int
	text   string
}

var (
	months   = strings.Fields("January February March April May June July August September October November December")
	weekdays = strings.Fields("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
)

// parseTimePattern reads a pattern. Error: a letter that is not supported, by its name.
func parseTimePattern(s string) (timePattern, error) {
	var p timePattern
	addText := func(t string) {
		if n := len(p); n > 0 && p[n-1].letter == 0 {
			p[n-1].text += t
		} else {
			p = append(p, timeField{text: t})
		}
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\'':
			end := i + 1
			text := ""
			for ; ; end++ {
				if end >= len(s) {
					return nil, fmt.Errorf("the time pattern %q has an open quote", s)
				}
				if s[end] != '\'' {
					text += s[end : end+1]
				} else if end+1 < len(s) && s[end+1] == '\'' {
					text += "'"
					end++
				} else {
					break
				}
			}
			if end == i+1 {
				text = "'"
			}
			addText(text)
			i = end + 1
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			width := 1
			for i+width < len(s) && s[i+width] == c {
				width++
			}
			if !strings.ContainsRune("yuMdDHhmsSaE", rune(c)) {
				return nil, fmt.Errorf("the letter %q of the time pattern %q is not supported", c, s)
			}
			if c == 'M' && width > 4 || c == 'E' && width > 4 || c == 'S' && width > 9 || strings.IndexByte("dHhmsa", c) >= 0 && width > 2 {
				return nil, fmt.Errorf("too many letters %q in the time pattern %q", c, s)
			}
			p = append(p, timeField{letter: c, width: width})
			i += width
		case c == '[' || c == ']' || c == '{' || c == '}' || c == '#':
			return nil, fmt.Errorf("the sign %q of the time pattern %q is not supported", c, s)
		default:
			addText(s[i : i+1])
			i++
		}
	}
	return p, nil
}

// append writes a time.
func (p timePattern) append(dst []byte, c clock) []byte {
	y, m, d := civil(c.days)
	for _, f := range p {
		switch f.letter {
		case 0:
			dst = append(dst, f.text...)
		case 'y', 'u':
			if f.width == 2 {
				dst = appendPadded(dst, floorMod(y, 100), 2)
				continue
			}
			if y < 0 {
				dst = append(dst, '-')
			}
			dst = appendPadded(dst, magnitude(y), f.width)
		case 'M':
			switch f.width {
			case 3:
				dst = append(dst, months[m-1][:3]...)
			case 4:
				dst = append(dst, months[m-1]...)
			default:
				dst = appendPadded(dst, m, f.width)
			}
		case 'd':
			dst = appendPadded(dst, d, f.width)
		case 'D':
			dst = appendPadded(dst, c.days-daysOf(y, 1, 1)+1, f.width)
		case 'H':
			dst = appendPadded(dst, c.milli/millisPerHour, f.width)
		case 'h':
			dst = appendPadded(dst, (c.milli/millisPerHour+11)%12+1, f.width)
		case 'm':
			dst = appendPadded(dst, c.milli/millisPerMinute%60, f.width)
		case 's':
			dst = appendPadded(dst, c.milli/1000%60, f.width)
		case 'S':
			nanos := c.milli%1000*1_000_000 + c.nanos
			for range 9 - f.width {
				nanos /= 10
			}
			dst = appendPadded(dst, nanos, f.width)
		case 'a':
			if c.milli < 12*millisPerHour {
				dst = append(dst, "AM"...)
			} else {
				dst = append(dst, "PM"...)
			}
		case 'E':
			name := weekdays[isoWeekday(c.days)-1]
			if f.width < 4 {
				name = name[:3]
			}
			dst = append(dst, name...)
		}
	}
	return dst
}

// parse reads a time. Fields that the pattern has not are those of 1970-01-01 00:00.
func (p timePattern) parse(b []byte) (c clock, ok bool) {
	v := map[byte]int64{'y': 1970, 'M': 1, 'd': 1}
	afternoon, half := false, false
	for i, f := range p {
		switch f.letter {
		case 0:
			if !bytes.HasPrefix(b, []byte(f.text)) {
				return c, false
			}
			b = b[len(f.text):]
			continue
		case 'a':
			if len(b) < 2 || b[1] != 'M' || b[0] != 'A' && b[0] != 'P' {
				return c, false
			}
			afternoon, half = b[0] == 'P', true
			b = b[2:]
			continue
		case 'M', 'E':
			names := months
			if f.letter == 'E' {
				names = weekdays
			}
			if f.letter == 'E' || f.width > 2 {
				n, rest, found := readName(b, names, f.width < 4)
				if !found {
					return c, false
				}
				b = rest
				if f.letter == 'M' {
					v['M'] = n
				}
				continue
			}
		}
		// A number takes all digits that follow, unless another number stands next to it.
		most, least := 19, f.width
		if i+1 < len(p) && p[i+1].letter != 0 || f.letter == 'S' || f.width == 2 {
			most = f.width
		}
		n := 0
		for n < len(b) && n < most && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		if n < least {
			return c, false
		}
		x, ok := readDigits(b[:n], 19)
		if !ok {
			return c, false
		}
		b = b[n:]
		switch f.letter {
		case 'y', 'u':
			if f.width == 2 {
				x += 2000
			}
			v['y'] = x
		case 'S':
			for range 9 - n {
				x *= 10
			}
			v['S'] = x
		case 'h':
			half = true
			v['H'] = x % 12
		default:
			v[f.letter] = x
		}
	}
	if len(b) > 0 {
		return c, false
	}
	if half && afternoon {
		v['H'] += 12
	}
	if v['M'] < 1 || v['M'] > 12 || v['d'] < 1 || v['d'] > 31 || v['H'] > 23 || v['m'] > 59 || v['s'] > 59 || v['y'] > 9999 {
		return c, false
	}
	// As Java's smart resolver has it: a day that the month does not have is its last.
	c.days = daysOf(v['y'], v['M'], min(v['d'], monthLength(v['y'], v['M'])))
	c.milli = v['H']*millisPerHour + v['m']*millisPerMinute + v['s']*1000 + v['S']/1_000_000
	c.nanos = v['S'] % 1_000_000
	return c, true
}

func readName(b []byte, names []string, short bool) (n int64, rest []byte, ok bool) {
	for i, name := range names {
		if short {
			name = name[:3]
		}
		if bytes.HasPrefix(b, []byte(name)) {
			return int64(i + 1), b[len(name):], true
		}
	}
	return 0, b, false
}
