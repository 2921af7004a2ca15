package decimal

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// number draws a value of at most 38 digits, with small and extreme ones often.
func number(t *rapid.T, name string) Int128 {
	digits := rapid.IntRange(1, MaxDigits).Draw(t, name+" digits")
	b := new(big.Int)
	for range digits {
		b.Mul(b, big.NewInt(10)).Add(b, big.NewInt(int64(rapid.SampledFrom([]int{0, 1, 4, 5, 9, 9}).Draw(t, "digit"))))
	}
	if rapid.Bool().Draw(t, name+" negative") {
		b.Neg(b)
	}
	x, ok := FromBig(b)
	if !ok {
		t.Fatalf("%s does not fit", b)
	}
	return x
}

func asApd(x Int128, scale int) *apd.Decimal {
	return apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(x.Big()), int32(-scale))
}

// expect rounds an exact result as Flink does and says whether it fits.
func expect(t *rapid.T, d *apd.Decimal, precision, scale int) (string, bool) {
	ctx := apd.Context{Precision: 400, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp}
	var r apd.Decimal
	if _, err := ctx.Quantize(&r, d, int32(-scale)); err != nil {
		t.Fatal(err)
	}
	return r.Text('f'), r.NumDigits() <= int64(precision) || r.IsZero()
}

func TestArithmeticAgainstApd(t *testing.T) {
	exact := apd.Context{Precision: 400, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp}
	java := exact
	java.Precision = MaxDigits // MathContext(38, HALF_UP)
	ops := map[string]struct {
		ours func(a Int128, sa int, b Int128, sb, p, s int) (Int128, bool)
		apd  func(d, x, y *apd.Decimal) (apd.Condition, error)
	}{
		"add":       {Add, exact.Add},
		"multiply":  {Mul, exact.Mul},
		"divide":    {Quo, java.Quo},
		"remainder": {Rem, exact.Rem},
	}
	for name, op := range ops {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				a, b := number(t, "a"), number(t, "b")
				sa, sb := rapid.IntRange(0, 18).Draw(t, "sa"), rapid.IntRange(0, 18).Draw(t, "sb")
				precision := rapid.IntRange(1, MaxDigits).Draw(t, "precision")
				scale := rapid.IntRange(0, precision).Draw(t, "scale")
				if b.Sign() == 0 && (name == "divide" || name == "remainder") {
					t.Skip()
				}
				var d apd.Decimal
				if _, err := op.apd(&d, asApd(a, sa), asApd(b, sb)); err != nil {
					t.Fatal(err)
				}
				want, fits := expect(t, &d, precision, scale)
				got, ok := op.ours(a, sa, b, sb, precision, scale)
				if ok != fits {
					t.Fatalf("%s and %s: fits = %v, want %v (%s)", asApd(a, sa), asApd(b, sb), ok, fits, want)
				}
				if text := string(Append(nil, got, scale)); ok && text != want && "-"+text != want { // apd has a negative zero
					t.Fatalf("%s and %s give %s, want %s", asApd(a, sa), asApd(b, sb), text, want)
				}
			})
		})
	}
}

func TestTextAndBytesGoBackAndForth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, scale := number(t, "x"), rapid.IntRange(0, MaxDigits).Draw(t, "scale")
		text := Append(nil, x, scale)
		back, ok, valid := Parse(text, MaxDigits, scale)
		if !ok || !valid || back != x {
			t.Fatalf("%q reads as %v, %v, %v, want %v", text, back, ok, valid, x)
		}
		if want := asApd(x, scale).Text('f'); string(text) != want {
			t.Fatalf("Append gives %q, apd %q", text, want)
		}
		if back, ok := FromBytes(AppendBytes(nil, x)); !ok || back != x {
			t.Fatalf("bytes %x read as %v, %v, want %v", AppendBytes(nil, x), back, ok, x)
		}
		if c := Compare(x, scale, back, scale); c != 0 {
			t.Fatalf("Compare with itself is %d", c)
		}
	})
}

func TestParse(t *testing.T) {
	tests := []struct {
		in               string
		precision, scale int
		want             string
	}{
		{"12.345", 10, 2, "12.35"},
		{"-12.345", 10, 2, "-12.35"},
		{"-12.344", 10, 2, "-12.34"},
		{"+1e3", 10, 0, "1000"},
		{"1.5E-2", 10, 3, "0.015"},
		{".5", 3, 1, "0.5"},
		{"5.", 3, 1, "5.0"},
		{"1e-2000", 3, 1, "0.0"},
		{"1e2000", 3, 1, "too large"},
		{"999.95", 4, 1, "too large"},
		{"123456789012345678901234567890123456789012.5", 38, 0, "too large"},
		{"0.123456789012345678901234567890123456789012", 38, 10, "0.1234567890"},
		{"00000000000000000000000000000000000000000000000000012", 3, 0, "12"},
		{"", 3, 1, "invalid"},
		{"-", 3, 1, "invalid"},
		{"1.2.3", 3, 1, "invalid"},
		{"1e", 3, 1, "invalid"},
		{"abc", 3, 1, "invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			x, ok, valid := Parse([]byte(tt.in), tt.precision, tt.scale)
			got := string(Append(nil, x, tt.scale))
			if !valid {
				got = "invalid"
			} else if !ok {
				got = "too large"
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFloats(t *testing.T) {
	for _, f := range []float64{0, 1, -1.5, 0.1, 123456.789, 1e15, 3.3e-5} {
		x, ok := FromFloat64(f, 64, MaxDigits, 20)
		if !ok || x.Float64(20) != f {
			t.Errorf("%g becomes %s and %g", f, Append(nil, x, 20), x.Float64(20))
		}
	}
	if x, ok := FromFloat64(float64(float32(0.1)), 32, 10, 5); !ok || string(Append(nil, x, 5)) != "0.10000" {
		t.Errorf("FLOAT 0.1 becomes %s", Append(nil, x, 5))
	}
}

func TestBytesLongerThan128Bits(t *testing.T) {
	if x, ok := FromBytes(append(make([]byte, 20), 0x7f)); !ok || x != FromInt64(0x7f) {
		t.Errorf("leading zeros: %v, %v", x, ok)
	}
	if _, ok := FromBytes(append([]byte{1}, make([]byte, 16)...)); ok {
		t.Error("2^128 is taken for a value of 128 bits")
	}
}

func BenchmarkAddMul(b *testing.B) {
	x, y := FromInt64(123456789), FromInt64(987)
	for i := range b.N {
		x, _ = Mul(FromInt64(int64(i)), 2, y, 2, 38, 4)
		x, _ = Add(x, 4, y, 4, 38, 4)
	}
	_ = fmt.Sprint(x)
}
