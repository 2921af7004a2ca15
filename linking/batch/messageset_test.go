package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"testing"

	"github.com/pierrec/lz4/v4"
	"pgregory.net/rapid"
)

// appendMessage writes a message in format v0 or v1.
func appendMessage(dst []byte, magic int8, offset int64, attributes byte, timestamp int64, key, value []byte) []byte {
	sized := func(b, v []byte) []byte {
		if v == nil {
			return binary.BigEndian.AppendUint32(b, math.MaxUint32)
		}
		return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	body := []byte{byte(magic), attributes}
	if magic == 1 {
		body = binary.BigEndian.AppendUint64(body, uint64(timestamp))
	}
	body = sized(sized(body, key), value)
	dst = binary.BigEndian.AppendUint64(dst, uint64(offset))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)+4))
	return append(binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(body)), body...)
}

// appendWrapper writes records as one compressed message, with the offsets that Kafka gives them inside.
func appendWrapper(t testing.TB, dst []byte, magic int8, codec Codec, attributes byte, timestamp int64, list []plain) []byte {
	t.Helper()
	var set []byte
	for _, r := range list {
		offset := r.Offset
		if magic == 1 {
			offset -= list[0].Offset
		}
		set = appendMessage(set, magic, offset, 0, r.Timestamp, r.Key, r.Value)
	}
	return appendMessage(dst, magic, list[len(list)-1].Offset, attributes|byte(codec), timestamp, nil, packed(t, codec, set))
}

// upgraded reads what Upgrade makes of messages.
func upgraded(t testing.TB, messages []byte) []plain {
	t.Helper()
	out, rest, err := Upgrade(nil, messages)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%d bytes left, %v", len(rest), err)
	}
	return readAll(t, out)
}

func readAll(t testing.TB, batches []byte) []plain {
	t.Helper()
	var list []plain
	for len(batches) > 0 {
		b, rest, err := Next(batches)
		if err == nil {
			err = Verify(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.LogAppendTime() || b.ProducerID() != -1 || b.LeaderEpoch() != -1 {
			t.Fatalf("header %v", b[:HeaderSize])
		}
		list = append(list, read(t, b)...)
		batches = rest
	}
	return list
}

func TestUpgrade(t *testing.T) {
	k, v := []byte("k"), []byte("v")
	for _, tc := range []struct {
		name  string
		bytes []byte
		want  []plain
	}{
		{"nothing", nil, nil},
		{"v0", appendMessage(appendMessage(nil, 0, 7, 0, 0, k, v), 0, 8, 0, 0, nil, nil), []plain{{Offset: 7, Timestamp: -1, Key: k, Value: v}, {Offset: 8, Timestamp: -1}}},
		{"v1, an empty key", appendMessage(nil, 1, 7, 0, 1234, []byte{}, v), []plain{{Offset: 7, Timestamp: 1234, Key: []byte{}, Value: v}}},
		{"v1 with log append time", appendMessage(nil, 1, 7, messageAppendTime, 99, k, v), []plain{{Offset: 7, Timestamp: 99, Key: k, Value: v}}},
		{"v0, then v1, with holes", appendMessage(appendMessage(nil, 0, 7, 0, 0, k, v), 1, 80, 0, 5, k, nil),
			[]plain{{Offset: 7, Timestamp: -1, Key: k, Value: v}, {Offset: 80, Timestamp: 5, Key: k}}},
		{"offsets inside a v0 wrapper are absolute", appendWrapper(t, nil, 0, Gzip, 0, 0, []plain{{Offset: 1e10, Key: k}, {Offset: 1e10 + 4, Value: v}}),
			[]plain{{Offset: 1e10, Timestamp: -1, Key: k}, {Offset: 1e10 + 4, Timestamp: -1, Value: v}}},
		{"offsets inside a v1 wrapper are relative", appendWrapper(t, nil, 1, Snappy, 0, 3, []plain{{Offset: 1e10, Timestamp: 3, Key: k}, {Offset: 1e10 + 4, Timestamp: 2, Value: v}}),
			[]plain{{Offset: 1e10, Timestamp: 3, Key: k}, {Offset: 1e10 + 4, Timestamp: 2, Value: v}}},
		// The first of its messages was compacted away: what is left does not begin at 0.
		{"the first of a v1 wrapper is gone", appendMessage(nil, 1, 50, byte(Gzip), 3, nil,
			packed(t, Gzip, appendMessage(appendMessage(nil, 1, 3, 0, 8, k, v), 1, 9, 0, 9, k, v))),
			[]plain{{Offset: 44, Timestamp: 8, Key: k, Value: v}, {Offset: 50, Timestamp: 9, Key: k, Value: v}}},
		{"a wrapper's append time is its messages'", appendWrapper(t, nil, 1, LZ4, messageAppendTime, 77, []plain{{Offset: 1, Timestamp: 3, Key: k}, {Offset: 2, Timestamp: 2, Key: k}}),
			[]plain{{Offset: 1, Timestamp: 77, Key: k}, {Offset: 2, Timestamp: 77, Key: k}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := equal(tc.want, upgraded(t, tc.bytes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUpgradeKeepsEveryMessage is the round trip: messages in either format, in sets of any codec, with holes anywhere.
func TestUpgradeKeepsEveryMessage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var set []byte
		var want []plain
		next := rapid.Int64Range(0, 1<<40).Draw(rt, "from")
		for range rapid.IntRange(1, 6).Draw(rt, "sets") {
			magic, codec := int8(rapid.IntRange(0, 1).Draw(rt, "magic")), Codec(rapid.IntRange(0, 3).Draw(rt, "codec"))
			list := anyRecords.Draw(rt, "records")
			for i := range list {
				next += rapid.Int64Range(0, 3).Draw(rt, "hole")
				list[i].Offset, list[i].Headers = next, nil
				next++
				if magic == 0 {
					list[i].Timestamp = -1
				}
				if codec == None {
					set = appendMessage(set, magic, list[i].Offset, 0, list[i].Timestamp, list[i].Key, list[i].Value)
				}
			}
			if codec != None {
				set = appendWrapper(t, set, magic, codec, 0, 0, list)
			}
			want = append(want, list...)
		}
		if diff := equal(want, upgraded(t, set)); diff != "" {
			rt.Error(diff)
		}
		for _, cut := range []int{1, rapid.IntRange(1, len(set)).Draw(rt, "cut")} {
			out, rest, err := Upgrade(nil, set[:len(set)-cut])
			if err != nil && !errors.Is(err, ErrTruncated) || err == nil && len(rest) > 0 {
				rt.Fatalf("%d bytes missing: %v, %d left", cut, err, len(rest))
			}
			if got := readAll(t, out); len(got) > 0 {
				if diff := equal(want[:len(got)], got); diff != "" {
					rt.Error(diff)
				}
			}
		}
	})
}

func TestUpgradeStopsAtFormat2(t *testing.T) {
	two := redelta(t, None, 1, 0, 1)
	out, rest, err := Upgrade([]byte("x"), append(appendMessage(nil, 1, 4, 0, 5, nil, nil), two...))
	if err != nil || !bytes.Equal(rest, two) || out[0] != 'x' {
		t.Fatalf("%d bytes left of %d, %v", len(rest), len(two), err)
	}
	if diff := equal([]plain{{Offset: 4, Timestamp: 5}}, readAll(t, out[1:])); diff != "" {
		t.Error(diff)
	}
}

// TestUpgradeGathersSmallMessages wants messages that are a set of their own each to come in few batches.
func TestUpgradeGathersSmallMessages(t *testing.T) {
	var set []byte
	for i := range int64(5000) {
		set = appendMessage(set, 1, i, 0, i, nil, make([]byte, 100))
	}
	out, _, err := Upgrade(nil, set)
	if err != nil {
		t.Fatal(err)
	}
	batches, largest := 0, 0
	for len(out) > 0 {
		b, rest, err := Next(out)
		if err == nil {
			err = Check(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		batches, largest, out = batches+1, max(largest, len(b)), rest
	}
	if batches > 12 || largest > upgradeBytes+200 {
		t.Errorf("%d batches, the largest of %d bytes", batches, largest)
	}
}

// TestUpgradeOfKafkasOldLZ4 wants both header checksums that writers of v0 took: the frame's own, and Kafka's over more than it should be.
func TestUpgradeOfKafkasOldLZ4(t *testing.T) {
	if sum := byte(xxh32([]byte(lz4Header[4:6])) >> 8); sum != lz4Header[6] {
		t.Fatalf("header checksum %#x, want %#x", sum, lz4Header[6])
	}
	set := appendMessage(nil, 0, 5, 0, 0, []byte("k"), bytes.Repeat([]byte("v"), 1000))
	want := []plain{{Offset: 5, Timestamp: -1, Key: []byte("k"), Value: bytes.Repeat([]byte("v"), 1000)}}
	for name, frame := range map[string][]byte{"a plain header": packed(t, LZ4, set), "with the content's size": lz4Frame(t, set, lz4.SizeOption(uint64(len(set))))} {
		end := 6
		if frame[4]&lz4ContentSize != 0 {
			end += 8
		}
		old := bytes.Clone(frame)
		old[end] = byte(xxh32(frame[:end]) >> 8)
		if old[end] == frame[end] {
			t.Fatalf("%s: both checksums are the same", name)
		}
		for _, f := range [][]byte{frame, old} {
			if diff := equal(want, upgraded(t, appendMessage(nil, 0, 5, byte(LZ4), 0, nil, f))); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestUpgradeRefusesDamage(t *testing.T) {
	good := appendMessage(nil, 1, 4, 0, 5, []byte("key"), []byte("value"))
	edit := func(at int, v byte) []byte {
		out := bytes.Clone(good)
		out[at] ^= v
		return out
	}
	resum := func(b []byte) []byte {
		binary.BigEndian.PutUint32(b[messageCRC:], crc32.ChecksumIEEE(b[messageMagic:]))
		return b
	}
	wrap := func(offset int64, set []byte) []byte {
		return appendMessage(nil, 1, offset, byte(Gzip), 0, nil, packed(t, Gzip, set))
	}
	for _, tc := range []struct {
		name  string
		bytes []byte
	}{
		{"a flipped bit of the value", edit(len(good)-1, 1)},
		{"a negative offset", edit(0, 0x80)},
		{"too short to be a message", edit(messageSize+3, byte(len(good)-messageCRC)^9)},
		{"a key longer than the message", resum(edit(messageTimestamp+8, 0x40))},
		{"a key of a negative length", resum(edit(messageTimestamp+8, 0x80))},
		{"an unknown codec", resum(edit(messageAttributes, 7))},
		{"zstd, which came later", resum(edit(messageAttributes, 4))},
		{"a wrapper without messages", wrap(5, nil)},
		{"a wrapper without value", appendMessage(nil, 1, 5, byte(Gzip), 0, nil, nil)},
		{"a wrapper in a wrapper", wrap(5, wrap(0, good))},
		{"a wrapper of another format", wrap(5, appendMessage(nil, 0, 0, 0, 0, nil, nil))},
		{"a wrapper of messages cut off", wrap(5, good[:len(good)-1])},
		{"a wrapper that reaches in front of 0", wrap(5, appendMessage(appendMessage(nil, 1, 0, 0, 0, nil, nil), 1, 6, 0, 0, nil, nil))},
		{"a wrapper whose messages go back", wrap(50, appendMessage(appendMessage(nil, 1, 9, 0, 0, nil, nil), 1, 6, 0, 0, nil, nil))},
		{"a wrapper whose messages leave it", wrap(50, appendMessage(appendMessage(appendMessage(nil, 1, 0, 0, 0, nil, nil), 1, 1<<40, 0, 0, nil, nil), 1, 6, 0, 0, nil, nil))},
		{"a v0 wrapper with another last offset", appendMessage(nil, 0, 9, byte(Gzip), 0, nil, packed(t, Gzip, appendMessage(nil, 0, 8, 0, 0, nil, nil)))},
		{"no gzip", appendMessage(nil, 1, 5, byte(Gzip), 0, nil, []byte("no gzip"))},
		{"offsets that go back", append(bytes.Clone(good), good...)},
		{"the last offset there is", appendMessage(nil, 1, math.MaxInt64, 0, 0, nil, nil)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if out, _, err := Upgrade(nil, tc.bytes); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%v, and %d bytes", err, len(out))
			}
		})
	}
	t.Run("a bomb", func(t *testing.T) {
		if _, _, err := Upgrade(nil, wrap(5, make([]byte, MaxDecompressed+1))); !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
	})
	t.Run("what is in front of it is kept", func(t *testing.T) {
		bad := edit(len(good)-1, 1)
		bad[7] = 9
		out, rest, err := Upgrade(nil, append(bytes.Clone(good), bad...))
		if !errors.Is(err, ErrCorrupt) || !bytes.Equal(rest, bad) {
			t.Fatalf("%v, %d bytes left", err, len(rest))
		}
		if diff := equal([]plain{{Offset: 4, Timestamp: 5, Key: []byte("key"), Value: []byte("value")}}, readAll(t, out)); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzUpgrade(f *testing.F) {
	var plainSet []byte
	for magic := range int8(2) {
		plainSet = appendMessage(plainSet, magic, int64(magic), 0, 5, []byte("k"), []byte("v"))
		for codec := Gzip; codec <= LZ4; codec++ {
			f.Add(appendWrapper(f, nil, magic, codec, 0, 1, []plain{{Offset: 3, Key: []byte("k")}, {Offset: 5, Timestamp: 9, Value: []byte("v")}}), true)
		}
	}
	f.Add(plainSet, false)
	f.Add(append(plainSet, redelta(f, None, 1, 0, 1)...), false)
	f.Fuzz(func(t *testing.T, in []byte, wrap bool) {
		if wrap { // mutations would otherwise not get past the checksum, and rarely through a codec
			for rest := in; len(rest) >= messageHead; {
				end := messageCRC + int64(int32(binary.BigEndian.Uint32(rest[messageSize:])))
				if end < messageHead || end > int64(len(rest)) {
					break
				}
				binary.BigEndian.PutUint32(rest[messageCRC:], crc32.ChecksumIEEE(rest[messageMagic:end]))
				rest = rest[end:]
			}
			in = appendMessage(nil, int8(len(in)&1), 1<<20, byte(Gzip), 0, nil, packed(t, Gzip, in))
		}
		out, rest, err := Upgrade(nil, in)
		typed(t, err)
		if !bytes.HasSuffix(in, rest) {
			t.Fatal("what is left is not the end of what came in")
		}
		previous := int64(-1)
		for _, r := range readAll(t, out) {
			if r.Offset <= previous {
				t.Fatalf("offset %d behind %d", r.Offset, previous)
			}
			previous = r.Offset
		}
	})
}

func BenchmarkUpgrade(b *testing.B) {
	for _, codec := range []Codec{None, LZ4, Gzip} {
		b.Run(fmt.Sprint(codec), func(b *testing.B) {
			var list []plain
			var set []byte
			for i := range int64(500) {
				list = append(list, plain{Offset: i, Timestamp: i, Value: bytes.Repeat([]byte("value "), 15)})
				set = appendMessage(set, 1, i, 0, i, nil, list[i].Value)
			}
			if codec != None {
				set = appendWrapper(b, nil, 1, codec, 0, 0, list)
			}
			b.SetBytes(500 * 90)
			var out []byte
			for b.Loop() {
				var err error
				if out, _, err = Upgrade(out[:0], set); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
