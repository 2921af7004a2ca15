package expr

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// Format prints an expression for people; names are those of the columns that it counts in.
func Format(s st.Scalar, names []string) string {
	switch s := s.(type) {
	case *st.ColumnRef:
		if s.Index < len(names) {
			return names[s.Index]
		}
		return s.Name
	case *st.Constant:
		return formatConstant(s)
	case *st.Op:
		return formatOp(s, names)
	}
	return fmt.Sprintf("%T", s)
}

func formatConstant(s *st.Constant) string {
	switch v := s.Value.(type) {
	case nil:
		return "NULL"
	case bool:
		return strings.ToUpper(fmt.Sprint(v))
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	case *big.Int:
		if d, ok := decimal.FromBig(v); ok {
			return string(decimal.Append(nil, d, s.Of.Scale))
		}
		return v.String()
	case st.Instant:
		return fmt.Sprintf("TIMESTAMP '%s'", appendTimestamp(nil, v.Millis, int64(v.Nanos), s.Of.Precision))
	case int64:
		switch {
		case s.Of.Kind == st.KindDate:
			return fmt.Sprintf("DATE '%s'", appendDate(nil, v))
		case s.Of.Kind == st.KindTime:
			return fmt.Sprintf("TIME '%s'", appendTime(nil, v*1_000_000, s.Of.Precision))
		case s.Of.Kind == st.KindIntervalDayTime:
			return fmt.Sprintf("INTERVAL %d ms", v)
		case s.Of.Kind == st.KindIntervalYearMonth:
			return fmt.Sprintf("INTERVAL %d months", v)
		}
	}
	return fmt.Sprint(s.Value)
}

func formatOp(s *st.Op, names []string) string {
	if len(s.Args) == 0 {
		return s.Name + "()"
	}
	args := make([]string, len(s.Args))
	for i, a := range s.Args {
		args[i] = Format(a, names)
	}
	if inner, ok := s.Args[0].(*st.Op); ok && s.Name == "NOT" && len(inner.Args) == 1 && strings.HasPrefix(inner.Name, "IS ") {
		return fmt.Sprintf("(%s IS NOT %s)", Format(inner.Args[0], names), inner.Name[len("IS "):])
	}
	switch {
	case s.Name == "NOT":
		return "NOT " + args[0]
	case s.Name == "NEG":
		return "-" + args[0]
	case s.Name == "LIKE" && len(args) == 2:
		return fmt.Sprintf("(%s LIKE %s)", args[0], args[1])
	case s.Name == "IN":
		return fmt.Sprintf("(%s IN (%s))", args[0], strings.Join(args[1:], ", "))
	case s.Name == "CAST" || s.Name == "TRY_CAST":
		return fmt.Sprintf("%s(%s AS %s)", s.Name, args[0], s.Of.WithNull())
	case s.Name == "CASE":
		var b strings.Builder
		b.WriteString("CASE")
		for ; len(args) > 1; args = args[2:] {
			fmt.Fprintf(&b, " WHEN %s THEN %s", args[0], args[1])
		}
		if len(args) == 1 {
			fmt.Fprintf(&b, " ELSE %s", args[0])
		}
		return b.String() + " END"
	case strings.HasPrefix(s.Name, "IS "):
		if len(args) == 1 {
			return fmt.Sprintf("(%s %s)", args[0], s.Name)
		}
		return fmt.Sprintf("(%s %s %s)", args[0], s.Name, args[1])
	case s.Unit != "" && s.Name == "EXTRACT":
		return fmt.Sprintf("EXTRACT(%s FROM %s)", s.Unit, args[0])
	case s.Unit != "":
		return fmt.Sprintf("%s(%s, %s)", s.Name, s.Unit, strings.Join(args, ", "))
	case len(args) == 2 && !isWord(s.Name), s.Name == "AND", s.Name == "OR":
		return "(" + strings.Join(args, " "+s.Name+" ") + ")"
	}
	return fmt.Sprintf("%s(%s)", s.Name, strings.Join(args, ", "))
}

func isWord(s string) bool { return s[0] >= 'A' && s[0] <= 'Z' }
