package statements

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// function is the signature of a scalar function: what its arguments must be, and the type of its result.
type function struct {
	args   []argument
	least  int  // how many of args must be given; the rest is optional
	rest   bool // the last of args may be repeated
	result func(args []Scalar) Type
	common bool // the arguments that are anyArg are brought to one type
}

// argument is what an argument of a function may be.
type argument uint8

const (
	anyArg       argument = iota
	numericArg            // any number
	integerArg            // an integer; it is cast to INT
	bigintArg             // an integer; it is cast to BIGINT
	doubleArg             // a number; it is cast to DOUBLE
	stringArg             // CHAR or VARCHAR
	booleanArg            // BOOLEAN
	timestampArg          // TIMESTAMP or TIMESTAMP_LTZ
	timeArg               // DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ
	dateArg               // DATE, TIMESTAMP, TIMESTAMP_LTZ
	dateOrText            // the same or a string
	unitArg               // a unit of time
)

func (a argument) String() string {
	return [...]string{"any value", "a number", "an integer", "an integer", "a number", "a string", "a BOOLEAN", "a TIMESTAMP",
		"a DATE, TIME or TIMESTAMP", "a DATE or TIMESTAMP", "a TIMESTAMP, DATE or string", "a unit of time"}[a]
}

func (a argument) accepts(t Type) bool {
	if t.Kind == KindNull {
		return a != unitArg
	}
	switch a {
	case numericArg, doubleArg:
		return t.IsNumeric()
	case integerArg, bigintArg:
		return t.IsInteger()
	case stringArg:
		return t.IsString()
	case booleanArg:
		return t.Kind == KindBoolean
	case timestampArg:
		return t.IsTimestamp()
	case timeArg:
		return t.IsTemporal()
	case dateArg:
		return t.IsTimestamp() || t.Kind == KindDate
	case dateOrText:
		return t.IsTimestamp() || t.Kind == KindDate || t.IsString()
	}
	return a == anyArg
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// anyNull reports whether one of the arguments is nullable.
func anyNull(args []Scalar) bool {
	return slices.ContainsFunc(args, func(a Scalar) bool { return a.Type().Nullable })
}

// Results: a type that is nullable where an argument is, one that always is, the type of an argument.
func fixed(t Type) func([]Scalar) Type {
	return func(args []Scalar) Type { return t.As(anyNull(args)) }
}
func always(t Type) func([]Scalar) Type { return func([]Scalar) Type { return t.WithNull() } }
func first(args []Scalar) Type          { return args[0].Type().As(anyNull(args)) }
func second(args []Scalar) Type         { return args[1].Type().As(anyNull(args)) }

// varying is VARCHAR of the first argument's length.
func varying(args []Scalar) Type {
	return VarChar(args[0].Type().Length).As(anyNull(args))
}
func varyingOrNull(args []Scalar) Type { return varying(args).WithNull() }

func rounded(args []Scalar) Type {
	t := args[0].Type().As(anyNull(args))
	if t.Kind != KindDecimal {
		return t
	}
	if len(args) == 1 {
		return roundResult(t, 0)
	}
	if n, ok := constantInt(args[1]); ok {
		return roundResult(t, int(max(-MaxPrecision, min(MaxPrecision, n))))
	}
	return t
}

// whole is the type of CEIL and FLOOR of a number.
func whole(args []Scalar) Type {
	t := first(args)
	if t.Kind == KindDecimal {
		return Decimal(t.Precision, 0).As(t.Nullable)
	}
	return t
}

func modulo(args []Scalar) Type {
	a, b := args[0].Type(), args[1].Type()
	if a.Kind == KindDecimal && !b.IsApproximate() || b.Kind == KindDecimal && !a.IsApproximate() {
		return decimalResult(OpMod, a, b).As(anyNull(args))
	}
	return second(args)
}

// coalesced is NULL only where all arguments are.
func coalesced(args []Scalar) Type {
	t := args[0].Type()
	return t.As(!slices.ContainsFunc(args, func(a Scalar) bool { return !a.Type().Nullable }))
}

// constantInt is the value of an integer constant, possibly with a sign or a cast.
func constantInt(s Scalar) (int64, bool) {
	switch x := s.(type) {
	case *Constant:
		n, ok := x.Value.(int64)
		return n, ok && x.Of.IsInteger()
	case *Op:
		if x.Name == "NEG" {
			n, ok := constantInt(x.Args[0])
			return -n, ok
		}
		if x.Name == "CAST" && x.Of.IsInteger() {
			return constantInt(x.Args[0])
		}
	}
	return 0, false
}

func sig(least int, result func([]Scalar) Type, args ...argument) function {
	return function{args: args, least: least, result: result}
}

// functions are the scalar functions that the first engine has. CASE, CAST, EXTRACT, TRIM and the operators have their own rules.
var functions = map[string]function{
	"COALESCE": {args: []argument{anyArg}, least: 1, rest: true, common: true, result: coalesced},
	"IFNULL":   {args: []argument{anyArg, anyArg}, least: 2, common: true, result: coalesced},
	"NULLIF":   {args: []argument{anyArg, anyArg}, least: 2, result: func(a []Scalar) Type { return a[0].Type().WithNull() }},
	"IF":       {args: []argument{booleanArg, anyArg, anyArg}, least: 3, common: true, result: second},
	"GREATEST": {args: []argument{anyArg}, least: 1, rest: true, common: true, result: first},
	"LEAST":    {args: []argument{anyArg}, least: 1, rest: true, common: true, result: first},

	"ABS":      sig(1, first, numericArg),
	"CEIL":     sig(1, whole, numericArg),
	"FLOOR":    sig(1, whole, numericArg),
	"ROUND":    sig(1, rounded, numericArg, integerArg),
	"TRUNCATE": sig(1, rounded, numericArg, integerArg),
	"MOD":      sig(2, modulo, numericArg, numericArg),
	"POWER":    sig(2, fixed(Double()), doubleArg, doubleArg),
	"SQRT":     sig(1, fixed(Double()), doubleArg),
	"SIGN":     sig(1, first, numericArg),

	"UPPER":       sig(1, varying, stringArg),
	"LOWER":       sig(1, varying, stringArg),
	"TRIM":        sig(1, varying, stringArg),
	"LTRIM":       sig(1, fixed(String()), stringArg, stringArg),
	"RTRIM":       sig(1, fixed(String()), stringArg, stringArg),
	"BTRIM":       sig(1, fixed(String()), stringArg, stringArg),
	"SUBSTRING":   sig(2, varyingOrNull, stringArg, integerArg, integerArg),
	"LEFT":        sig(2, varyingOrNull, stringArg, integerArg),
	"RIGHT":       sig(2, varyingOrNull, stringArg, integerArg),
	"CHAR_LENGTH": sig(1, fixed(Int()), stringArg),
	"CONCAT":      {args: []argument{stringArg}, least: 1, rest: true, result: fixed(String())},
	"CONCAT_WS":   {args: []argument{stringArg, stringArg}, least: 1, rest: true, result: fixed(String())},
	"REPLACE":     sig(3, fixed(String()), stringArg, stringArg, stringArg),
	"LPAD":        sig(3, always(String()), stringArg, integerArg, stringArg),
	"RPAD":        sig(3, always(String()), stringArg, integerArg, stringArg),
	"REVERSE":     sig(1, always(String()), stringArg),
	"POSITION":    sig(2, fixed(Int()), stringArg, stringArg),
	"INSTR":       sig(2, fixed(Int()), stringArg, stringArg, integerArg, integerArg),
	"LOCATE":      sig(2, fixed(Int()), stringArg, stringArg, integerArg),
	"MD5":         sig(1, fixed(Char(32)), stringArg),
	"SHA256":      sig(1, fixed(Char(64)), stringArg),

	"YEAR":              sig(1, fixed(BigInt()), dateArg),
	"MONTH":             sig(1, fixed(BigInt()), dateArg),
	"DAYOFMONTH":        sig(1, fixed(BigInt()), dateArg),
	"HOUR":              sig(1, fixed(BigInt()), timeArg),
	"MINUTE":            sig(1, fixed(BigInt()), timeArg),
	"SECOND":            sig(1, fixed(BigInt()), timeArg),
	"DATE_FORMAT":       sig(2, always(String()), dateOrText, stringArg),
	"TO_TIMESTAMP":      sig(1, always(Timestamp(3)), stringArg, stringArg),
	"TO_TIMESTAMP_LTZ":  {args: []argument{anyArg, anyArg, stringArg}, least: 1, result: always(TimestampLTZ(3))},
	"TIMESTAMPDIFF":     sig(3, fixed(Int()), unitArg, dateArg, dateArg),
	"UNIX_TIMESTAMP":    sig(1, fixed(BigInt()), stringArg, stringArg),
	"FROM_UNIXTIME":     sig(1, always(String()), bigintArg, stringArg),
	"CURRENT_WATERMARK": sig(1, func(a []Scalar) Type { return a[0].Type().WithNull() }, timestampArg),
	"SOURCE_WATERMARK":  sig(0, always(TimestampLTZ(3))),
}

// aliases are other names of the functions above.
var aliases = map[string]string{
	"CEILING": "CEIL", "SUBSTR": "SUBSTRING", "CHARACTER_LENGTH": "CHAR_LENGTH", "POW": "POWER",
}

// aggregates are the aggregate functions that the first engine has.
var aggregates = wordSet(`COUNT SUM MIN MAX AVG`)

// isAggregate reports whether name is an aggregate function of Flink, supported or not.
func isAggregate(name string) bool { return aggregates[name] || otherAggregates[name] }

var otherAggregates = wordSet(`
ARRAY_AGG APPROX_COUNT_DISTINCT COLLECT CUME_DIST DENSE_RANK FIRST_VALUE GROUPING GROUPING_ID GROUP_ID JSON_ARRAYAGG JSON_OBJECTAGG LAG
LAST_VALUE LEAD LISTAGG NTILE PERCENTILE PERCENT_RANK RANK ROW_NUMBER STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP`)

// otherFunctions are Flink's and the dialect's functions that lifeboat's engine has not.
var otherFunctions = wordSet(`
ACOS AI_COMPLETE AI_EMBEDDING AI_FORECAST AI_TOOL_INVOKE ARRAY_APPEND ARRAY_CONCAT ARRAY_CONTAINS ARRAY_DISTINCT ARRAY_EXCEPT ARRAY_INTERSECT
ARRAY_JOIN ARRAY_MAX ARRAY_MIN ARRAY_POSITION ARRAY_PREPEND ARRAY_REMOVE ARRAY_REVERSE ARRAY_SLICE ARRAY_SORT ARRAY_UNION ASCII ASIN ATAN
ATAN2 BIN BITMAP_AND BITMAP_ANDNOT BITMAP_BUILD BITMAP_BUILD_AGG BITMAP_CARDINALITY BITMAP_CONTAINS BITMAP_FROM_BYTES BITMAP_FROM_STRING BITMAP_OR
BITMAP_TO_ARRAY BITMAP_TO_BYTES BITMAP_TO_STRING BITMAP_XOR BITNOT BOOL CARDINALITY CHR COALESCE CONVERT_TZ COS COSH COT COTH CUMULATE
CURRENT_CATALOG CURRENT_DATABASE CURRENT_DATE CURRENT_PATH CURRENT_ROLE CURRENT_ROW_TIMESTAMP CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DAYOFWEEK DAYOFYEAR DECODE DEGREES E
ELEMENT ELT ENCODE ENDSWITH EXP FACTORIAL FROM_BASE64 FROM_CHANGELOG GENERATE_SERIES HASH_CODE HEX HOP HOP_END HOP_PROCTIME HOP_ROWTIME HOP_START INITCAP
INFERENCE INET_ATON INET_NTOA IS_ALPHA IS_DECIMAL IS_DIGIT IS_VALID_UTF8 JSON JSON_ARRAY JSON_EXISTS JSON_LENGTH JSON_OBJECT JSON_QUERY JSON_QUOTE JSON_STRING JSON_UNQUOTE JSON_VALUE
KEY_SEARCH_AGG LENGTH LN LOCALTIME LOCALTIMESTAMP LOG LOG10 LOG2 MAKE_VALID_UTF8 MAP MAP_ENTRIES MAP_FROM_ARRAYS MAP_KEYS MAP_UNION MAP_VALUES MATCH_PROCTIME MATCH_ROWTIME
ML_DETECT_ANOMALIES ML_EVALUATE ML_FORECAST ML_PREDICT NOW OBJECT_OF OBJECT_UPDATE OCTET_LENGTH OVERLAY PARSE_JSON PARSE_URL PERCENTILE PI PRINTF PROCTIME PROCTIME_MATERIALIZE
QUARTER RADIANS RAND RAND_INTEGER REGEXP REGEXP_COUNT REGEXP_EXTRACT REGEXP_EXTRACT_ALL REGEXP_INSTR REGEXP_REPLACE REGEXP_SUBSTR REPEAT ROW SESSION SESSION_END
SESSION_PROCTIME SESSION_ROWTIME SESSION_START SESSION_USER SHA1 SHA2 SHA224 SHA384 SHA512 SIN SINH SPACE SPLIT SPLIT_INDEX STARTSWITH STR_TO_MAP SYSTEM_USER TAN
TANH TEXT_SEARCH_AGG TIMESTAMPADD TO_BASE64 TO_CHANGELOG TO_DATE TRANSLATE TRY_PARSE_JSON TUMBLE TUMBLE_END TUMBLE_PROCTIME TUMBLE_ROWTIME TUMBLE_START TYPEOF UNHEX
URL_DECODE URL_DECODE_RECURSIVE URL_ENCODE USER UUID VECTOR_SEARCH VECTOR_SEARCH_AGG WEEK YEAROFWEEK`)

// unknownFunction says why a name is no function that can be called: known elsewhere, or nowhere.
func unknownFunction(at Pos, name string) *problem {
	switch {
	case strings.HasPrefix(name, "TUMBLE_"), strings.HasPrefix(name, "HOP_"), strings.HasPrefix(name, "SESSION_"), name == "TUMBLE", name == "HOP", name == "SESSION":
		if name != "SESSION_USER" {
			return unsupported(at, "the window function "+name+" in an expression", "write FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL '1' HOUR)) and GROUP BY window_start, window_end")
		}
	case name == "PROCTIME":
		return &problem{Pos: at, rule: RuleUnsupported, message: "PROCTIME is not supported in Confluent's dialect, nor here: a result by the clock is another one in each region", remedy: "use $rowtime or a time column of the data"}
	}
	if otherFunctions[name] || otherAggregates[name] || strings.HasPrefix(name, "ML_") {
		return unsupported(at, "the function "+name, "")
	}
	if remedy := misspelt(name); remedy != "" {
		return &problem{Pos: at, rule: RuleName, message: fmt.Sprintf("there is no function %s", clip(name)), remedy: remedy}
	}
	return unsupported(at, "the user-defined function "+clip(name), meantFunction(name, nil))
}

// howToDeclare says where a function of the user's is declared.
const howToDeclare = "a function of your own is declared by CREATE FUNCTION beside the statements, or under functions in lifeboat.yaml"

// misspelt says which function of Flink's is certainly meant by a name that is none of them: one edit of letters makes it that. "" where the name may be one of
// the user's, which a catalog of another place knows: a name that is farther away, a short one, and another number behind the same letters.
func misspelt(name string) string {
	if !userFunction(name) || builtin(name) {
		return ""
	}
	meant := nearest(name, functionNames())
	if len(meant) < 5 || edits(name, meant) > 1 || letters(name) == letters(meant) {
		return ""
	}
	return "did you mean " + meant + "? Else " + howToDeclare
}

// meantFunction says which function may be meant by a name that is none of Flink's: one of those or of the declared ones; "" where none is near.
func meantFunction(name string, declared []string) string {
	if meant, ok := foreignFunctions[name]; ok {
		return "in Flink SQL it is " + meant
	}
	if meant := nearest(name, slices.Concat(declared, functionNames())); meant != "" {
		return "did you mean " + meant + "?"
	}
	return ""
}

// letters are those of a name, without its digits.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, name)
}

// functionNames are the names of all functions that are known.
var functionNames = sync.OnceValue(func() []string {
	out := slices.Sorted(maps.Keys(functions))
	for _, more := range []map[string]bool{aggregates, otherAggregates, otherFunctions} {
		out = append(out, sortedKeys(more)...)
	}
	return append(out, slices.Sorted(maps.Keys(aliases))...)
})

// DeclareFunctions tells a statement which functions of the user's are declared, by their names in upper case: their calls are not misspelt ones of Flink's.
func DeclareFunctions(p *Parsed, names map[string]bool) {
	if len(names) == 0 {
		return
	}
	inspect(p.Statement, func(n Node) {
		if c, ok := n.(*Call); ok && names[c.Func] {
			c.Declared = true
		}
	})
}

// foreignFunctions are what other dialects call Flink's functions.
var foreignFunctions = map[string]string{
	"LEN": "CHAR_LENGTH", "NVL": "COALESCE", "ISNULL": "COALESCE", "DATE_TRUNC": "FLOOR(x TO unit)", "DATE_PART": "EXTRACT(unit FROM x)", "DATEDIFF": "TIMESTAMPDIFF",
	"STRPOS": "POSITION(a IN b)", "CHARINDEX": "LOCATE", "TO_CHAR": "DATE_FORMAT", "GETDATE": "$rowtime", "STRING_AGG": "LISTAGG", "TRUNC": "TRUNCATE", "DAY": "DAYOFMONTH",
}
