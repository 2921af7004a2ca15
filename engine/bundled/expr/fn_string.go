package expr

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// Strings are UTF-8; positions and lengths count characters (code points).

var _ = register(map[string]builder{
	"||":          strict(concat),
	"CONCAT":      strict(concat),
	"CONCAT_WS":   buildConcatWS,
	"UPPER":       strict(mapRunes(unicode.ToUpper)),
	"LOWER":       strict(mapRunes(unicode.ToLower)),
	"TRIM":        buildTrim,
	"BTRIM":       trim(true, true),
	"LTRIM":       trim(true, false),
	"RTRIM":       trim(false, true),
	"SUBSTRING":   strict(substring),
	"LEFT":        strict(left),
	"RIGHT":       strict(right),
	"CHAR_LENGTH": strict(charLength),
	"REPLACE":     strict(replace),
	"LPAD":        strict(pad(true)),
	"RPAD":        strict(pad(false)),
	"REVERSE":     strict(reverse),
	"POSITION":    strict(locate),
	"LOCATE":      strict(locate),
	"INSTR":       strict(instr),
	"MD5":         strict(md5Hex),
	"SHA256":      strict(sha256Hex),
})

func concat(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	at := len(out.Data)
	for _, v := range in {
		out.Data = append(out.Data, v.Value(i)...)
	}
	out.Refs[i] = vec.Ref{At: uint32(at), Len: uint32(len(out.Data) - at)}
	return has()
}

// buildConcatWS joins what is not NULL with a separator; NULL where the separator is.
func buildConcatWS(c *Compiler, op *st.Op, args []value) (node, error) {
	n := newRowNode(op, args, func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		if in[0].Null(i) {
			return isNull()
		}
		at, first := len(out.Data), true
		for _, v := range in[1:] {
			if v.Null(i) {
				continue
			}
			if !first {
				out.Data = append(out.Data, in[0].Value(i)...)
			}
			first = false
			out.Data = append(out.Data, v.Value(i)...)
		}
		out.Refs[i] = vec.Ref{At: uint32(at), Len: uint32(len(out.Data) - at)}
		return has()
	})
	n.strict = false
	return n, nil
}

func mapRunes(f func(rune) rune) rowFunc {
	return func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		at := len(out.Data)
		for b := in[0].Value(i); len(b) > 0; {
			if c := b[0]; c < utf8.RuneSelf {
				out.Data = append(out.Data, byte(f(rune(c))))
				b = b[1:]
				continue
			}
			r, size := utf8.DecodeRune(b)
			out.Data = utf8.AppendRune(out.Data, f(r))
			b = b[size:]
		}
		out.Refs[i] = vec.Ref{At: uint32(at), Len: uint32(len(out.Data) - at)}
		return has()
	}
}

func buildTrim(c *Compiler, op *st.Op, args []value) (node, error) {
	return trim(op.Side != "TRAILING", op.Side != "LEADING")(c, op, args)
}

// trim takes off the characters of a second argument, or blanks.
func trim(left, right bool) builder {
	return strict(func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		b, chars := in[0].Value(i), []byte{' '}
		if len(in) > 1 {
			chars = in[1].Value(i)
		}
		for left && len(b) > 0 {
			_, size := utf8.DecodeRune(b)
			if !hasRune(chars, b[:size]) {
				break
			}
			b = b[size:]
		}
		for right && len(b) > 0 {
			_, size := utf8.DecodeLastRune(b)
			if !hasRune(chars, b[len(b)-size:]) {
				break
			}
			b = b[:len(b)-size]
		}
		out.SetBytes(i, b)
		return has()
	})
}

// hasRune reports whether a character is among others, all as UTF-8.
func hasRune(chars, r []byte) bool {
	for len(chars) > 0 {
		_, size := utf8.DecodeRune(chars)
		if bytes.Equal(chars[:size], r) {
			return true
		}
		chars = chars[size:]
	}
	return false
}

// cut returns the characters from start on, at most so many.
func cut(b []byte, start, length int64) []byte {
	for ; start > 0 && len(b) > 0; start-- {
		_, size := utf8.DecodeRune(b)
		b = b[size:]
	}
	end := 0
	for ; length > 0 && end < len(b); length-- {
		_, size := utf8.DecodeRune(b[end:])
		end += size
	}
	return b[:end]
}

// substring counts from 1, or from the end where the position is negative; position 0 is 1. A negative length is NULL.
func substring(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	b, start, length := in[0].Value(i), in[1].I64[i], int64(math.MaxInt32)
	if len(in) > 2 {
		if length = in[2].I64[i]; length < 0 {
			return isNull()
		}
	}
	switch {
	case start > 0:
		start--
	case start < 0:
		if start += int64(utf8.RuneCount(b)); start < 0 {
			b, start = nil, 0
		}
	}
	out.SetBytes(i, cut(b, start, length))
	return has()
}

func left(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	out.SetBytes(i, cut(in[0].Value(i), 0, in[1].I64[i]))
	return has()
}

func right(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	b, n := in[0].Value(i), max(0, in[1].I64[i])
	out.SetBytes(i, cut(b, max(0, int64(utf8.RuneCount(b))-n), n))
	return has()
}

func charLength(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	out.I64[i] = int64(utf8.RuneCount(in[0].Value(i)))
	return has()
}

func replace(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	out.SetBytes(i, bytes.ReplaceAll(in[0].Value(i), in[1].Value(i), in[2].Value(i)))
	return has()
}

// maxText bounds what one value of a function that multiplies text may become.
const maxText = 64 << 20

// pad fills a text up to a length, or cuts it to it. NULL for a negative length, or nothing to fill up with.
func pad(left bool) rowFunc {
	return func(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
		b, n, fill := in[0].Value(i), in[1].I64[i], in[2].Value(i)
		if n < 0 || len(fill) == 0 {
			return isNull()
		}
		missing := n - int64(utf8.RuneCount(b))
		if missing <= 0 {
			out.SetBytes(i, cut(b, 0, n))
			return has()
		}
		if missing*int64(len(fill)) > maxText {
			return false, "the padded text is longer than 64 MiB"
		}
		at := len(out.Data)
		if !left {
			out.Data = append(out.Data, b...)
		}
		for unit := int64(utf8.RuneCount(fill)); missing > 0; missing -= unit {
			out.Data = append(out.Data, cut(fill, 0, missing)...)
		}
		if left {
			out.Data = append(out.Data, b...)
		}
		out.Refs[i] = vec.Ref{At: uint32(at), Len: uint32(len(out.Data) - at)}
		return has()
	}
}

func reverse(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	at := len(out.Data)
	for b := in[0].Value(i); len(b) > 0; {
		_, size := utf8.DecodeLastRune(b)
		out.Data = append(out.Data, b[len(b)-size:]...)
		b = b[:len(b)-size]
	}
	out.Refs[i] = vec.Ref{At: uint32(at), Len: uint32(len(out.Data) - at)}
	return has()
}

// locate is the position of the first argument in the second, from a position on; 0 where it is not there.
func locate(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	from := int64(1)
	if len(in) > 2 {
		from = in[2].I64[i]
	}
	out.I64[i] = 0
	b := in[1].Value(i)
	if from < 1 || from-1 > int64(utf8.RuneCount(b)) {
		return has()
	}
	head := len(cut(b, 0, from-1))
	if at := bytes.Index(b[head:], in[0].Value(i)); at >= 0 {
		out.I64[i] = int64(utf8.RuneCount(b[:head+at])) + 1
	}
	return has()
}

// instr is the position of the nth occurrence of the second argument in the first: forwards from a start, or backwards from one that counts
// from the end where it is negative.
func instr(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	b, sub := in[0].Value(i), in[1].Value(i)
	start, nth := int64(1), int64(1)
	if len(in) > 2 {
		start = in[2].I64[i]
	}
	if len(in) > 3 {
		nth = in[3].I64[i]
	}
	if nth <= 0 {
		return false, "the occurrence that INSTR looks for must be 1 or more"
	}
	out.I64[i] = 0
	total := int64(utf8.RuneCount(b))
	if start == 0 || start > total || -start > total {
		return has()
	}
	// at is a place in bytes; each turn looks for the next occurrence from there.
	if start > 0 {
		at := len(cut(b, 0, start-1))
		for ; at <= len(b); nth-- {
			next := bytes.Index(b[at:], sub)
			if next < 0 {
				return has()
			}
			at += next
			if nth == 1 {
				out.I64[i] = int64(utf8.RuneCount(b[:at])) + 1
				return has()
			}
			_, size := utf8.DecodeRune(b[at:])
			at += max(1, size)
		}
		return has()
	}
	end := len(cut(b, 0, total+start)) + len(sub)
	for ; end > 0; nth-- {
		at := bytes.LastIndex(b[:min(end, len(b))], sub)
		if at < 0 {
			return has()
		}
		if nth == 1 {
			out.I64[i] = int64(utf8.RuneCount(b[:at])) + 1
			return has()
		}
		end = at + len(sub) - 1
	}
	return has()
}

func md5Hex(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	sum := md5.Sum(in[0].Value(i))
	setHex(out, i, sum[:])
	return has()
}

func sha256Hex(in []*vec.Vector, out *vec.Vector, i int) (bool, string) {
	sum := sha256.Sum256(in[0].Value(i))
	setHex(out, i, sum[:])
	return has()
}

func setHex(out *vec.Vector, i int, b []byte) {
	at := len(out.Data)
	out.Data = slices.Grow(out.Data, 2*len(b))
	out.Data = hex.AppendEncode(out.Data, b)
	out.Refs[i] = vec.Ref{At: uint32(at), Len: uint32(len(out.Data) - at)}
}
