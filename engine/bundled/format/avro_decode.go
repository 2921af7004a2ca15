package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

var (
	errShort    = errors.New("the bytes end within a value")
	errVarint   = errors.New("a number is longer than ten bytes")
	errRange    = errors.New("the number does not fit the column's type")
	errBranch   = errors.New("a union's branch does not exist")
	errSymbol   = errors.New("an enum's symbol does not exist")
	errLength   = errors.New("a length is negative or beyond the bytes")
	errBoolean  = errors.New("a boolean is neither 0 nor 1")
	errDeep     = errors.New("values are nested too deeply")
	errRequired = errors.New("the column is NOT NULL")
	errDigits   = errors.New("the decimal has more digits than the column's type")
)

func (p *avroProgram) decode(b *vec.Batch, buf []byte) error {
	if _, failed, err := runAvro(p.steps, b.Cols, buf, 0); err != nil {
		if name := p.steps[failed].field; name != "" {
			return fmt.Errorf("field %q: %w", name, err)
		}
		return err
	}
	for _, m := range p.missing {
		b.Cols[m.col].AppendFrom(m.value, 0)
	}
	return nil
}

// runAvro runs the steps over the bytes from at on, and returns the place after them, or the step that failed.
func runAvro(steps []avroStep, cols []vec.Vector, buf []byte, at int) (end, failed int, err error) {
	for i := range steps {
		s := &steps[i]
		if s.null >= 0 {
			if at >= len(buf) {
				return at, i, errShort
			}
			// The index is 0 or 1, zigzag: one byte, 0 or 2.
			branch := buf[at]
			at++
			if branch&^2 != 0 {
				return at, i, errBranch
			}
			if int8(branch>>1) == s.null {
				if s.op > opSkipAny {
					if s.required {
						return at, i, errRequired
					}
					cols[s.col].AppendNull()
				}
				continue
			}
		}
		switch s.op {
		case opInt, opLong, opLongTimes, opLongDivide, opLongFloat:
			var x int64
			if at < len(buf) && buf[at] < 0x80 {
				u := buf[at]
				x = int64(u>>1) ^ -int64(u&1)
				at++
			} else if x, at, err = readVarint(buf, at); err != nil {
				return at, i, err
			}
			switch s.op {
			case opInt:
				if x != int64(int32(x)) {
					return at, i, errRange
				}
			case opLongTimes:
				y := x * s.factor
				if y/s.factor != x {
					return at, i, errRange
				}
				x = y
			case opLongDivide:
				x = floorDiv(x, s.factor)
			case opLongFloat:
				cols[s.col].AppendFloat64(float64(x))
				continue
			}
			if s.check && (x < s.low || x > s.high) {
				return at, i, errRange
			}
			cols[s.col].AppendInt64(x)
		case opBytes:
			var n int
			if n, at, err = readLength(buf, at); err != nil {
				return at, i, err
			}
			cols[s.col].AppendBytes(buf[at : at+n])
			at += n
		case opSkipVarint:
			for {
				if at >= len(buf) {
					return at, i, errShort
				}
				at++
				if buf[at-1] < 0x80 {
					break
				}
			}
		case opSkipBytes:
			var n int
			if n, at, err = readLength(buf, at); err != nil {
				return at, i, err
			}
			at += n
		case opSkipFixed:
			if len(buf)-at < int(s.size) {
				return at, i, errShort
			}
			at += int(s.size)
		default:
			if at, err = runRare(s, cols, buf, at); err != nil {
				return at, i, err
			}
		}
	}
	return at, 0, nil
}

// runRare runs the steps that are not worth a place in the hot loop.
func runRare(s *avroStep, cols []vec.Vector, buf []byte, at int) (int, error) {
	col := &cols[s.col]
	switch s.op {
	case opSkipAny:
		return skipAvro(s.node, buf, at, 0)
	case opNull:
		if s.required {
			return at, errRequired
		}
		col.AppendNull()
	case opBool:
		if at >= len(buf) {
			return at, errShort
		}
		if buf[at] > 1 {
			return at, errBoolean
		}
		col.AppendBool(buf[at] == 1)
		at++
	case opFloat:
		if len(buf)-at < 4 {
			return at, errShort
		}
		col.AppendFloat64(float64(math.Float32frombits(binary.LittleEndian.Uint32(buf[at:]))))
		at += 4
	case opDouble:
		if len(buf)-at < 8 {
			return at, errShort
		}
		col.AppendFloat64(math.Float64frombits(binary.LittleEndian.Uint64(buf[at:])))
		at += 8
	case opFixed, opDecimalFixed:
		if len(buf)-at < int(s.size) {
			return at, errShort
		}
		b := buf[at : at+int(s.size)]
		at += int(s.size)
		if s.op == opDecimalFixed {
			return at, appendDecimal(col, s, b)
		}
		col.AppendBytes(b)
	case opDecimalBytes:
		n, at, err := readLength(buf, at)
		if err != nil {
			return at, err
		}
		return at + n, appendDecimal(col, s, buf[at:at+n])
	case opEnum:
		x, at, err := readVarint(buf, at)
		if err != nil {
			return at, err
		}
		if x < 0 || x >= int64(len(s.symbols)) {
			return at, errSymbol
		}
		col.AppendString(s.symbols[x])
		return at, nil
	case opUnion:
		x, at, err := readVarint(buf, at)
		if err != nil {
			return at, err
		}
		if x < 0 || x >= int64(len(s.branches)) {
			return at, errBranch
		}
		at, _, err = runAvro(s.branches[x:x+1], cols, buf, at)
		return at, err
	}
	return at, nil
}

func appendDecimal(col *vec.Vector, s *avroStep, b []byte) error {
	x, ok := decimal.FromBytes(b)
	if ok {
		x, ok = x.Rescale(s.from, s.to, s.precision)
	}
	if !ok {
		return errDigits
	}
	col.AppendDecimal(x)
	return nil
}

// maxDepth bounds how deep a value that is skipped may be nested; a schema may hold itself.
const maxDepth = 64

// skipAvro passes over one value.
func skipAvro(n *avroNode, buf []byte, at, depth int) (int, error) {
	if depth > maxDepth {
		return at, errDeep
	}
	var err error
	fixed := 0
	switch n.kind {
	case avroNull:
	case avroBoolean:
		fixed = 1
	case avroFloat:
		fixed = 4
	case avroDouble:
		fixed = 8
	case avroFixed:
		fixed = n.size
	case avroInt, avroLong, avroEnum:
		_, at, err = readVarint(buf, at)
		return at, err
	case avroBytes, avroString:
		size, at, err := readLength(buf, at)
		return at + size, err
	case avroRecord:
		for i := range n.fields {
			if at, err = skipAvro(n.fields[i].node, buf, at, depth+1); err != nil {
				return at, err
			}
		}
		return at, nil
	case avroUnion:
		x, at, err := readVarint(buf, at)
		if err != nil {
			return at, err
		}
		if x < 0 || x >= int64(len(n.branches)) {
			return at, errBranch
		}
		return skipAvro(n.branches[x], buf, at, depth+1)
	case avroArray, avroMap:
		return skipBlocks(n, buf, at, depth)
	}
	if len(buf)-at < fixed {
		return at, errShort
	}
	return at + fixed, nil
}

// skipBlocks passes over an array or a map: blocks of a count and so many items, up to a count of 0. A negative count has the block's size
// in bytes after it.
func skipBlocks(n *avroNode, buf []byte, at, depth int) (int, error) {
	for {
		count, next, err := readVarint(buf, at)
		if err != nil {
			return at, err
		}
		at = next
		if count == 0 {
			return at, nil
		}
		if count < 0 {
			size, next, err := readLength(buf, at)
			if err != nil {
				return at, err
			}
			at = next + size
			continue
		}
		for ; count > 0; count-- {
			before := at
			if n.kind == avroMap {
				size, next, err := readLength(buf, at)
				if err != nil {
					return at, err
				}
				at = next + size
			}
			if at, err = skipAvro(n.items, buf, at, depth+1); err != nil {
				return at, err
			}
			if at == before && count > int64(len(buf)) {
				return at, errLength // items without bytes: the count is all that such an array says, and it lies
			}
		}
	}
}

// readVarint reads a zigzag number.
func readVarint(buf []byte, at int) (int64, int, error) {
	var u uint64
	for shift := uint(0); shift < 70; shift += 7 {
		if at >= len(buf) {
			return 0, at, errShort
		}
		b := buf[at]
		at++
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if shift == 63 && b > 1 {
				return 0, at, errVarint
			}
			return int64(u>>1) ^ -int64(u&1), at, nil
		}
	}
	return 0, at, errVarint
}

// readLength reads a length that the bytes must hold.
func readLength(buf []byte, at int) (int, int, error) {
	var n int64
	if at < len(buf) && buf[at] < 0x80 {
		u := buf[at]
		n = int64(u>>1) ^ -int64(u&1)
		at++
	} else {
		var err error
		if n, at, err = readVarint(buf, at); err != nil {
			return 0, at, err
		}
	}
	if n < 0 || n > int64(len(buf)-at) {
		return 0, at, errLength
	}
	return int(n), at, nil
}

func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}
