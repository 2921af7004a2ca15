package statements

// The types of functions that the analysis knows and the engine has not: the dialect's built-in functions by Flink's type strategies
// (BuiltInFunctionDefinitions, FlinkSqlOperatorTable). Their arguments are not checked.

// typing gives the type of a call from those of its arguments, all of which are known; KindInvalid where that does not say.
type typing func(args []Type) Type

func nullIn(args []Type) bool {
	for _, t := range args {
		if t.Nullable {
			return true
		}
	}
	return false
}

// likeArgs is a type that is NULL where an argument is; maybeNull one that may be NULL whatever they are, neverNull one that never is.
func likeArgs(t Type) typing  { return func(args []Type) Type { return t.As(nullIn(args)) } }
func maybeNull(t Type) typing { return func([]Type) Type { return t.WithNull() } }
func neverNull(t Type) typing { return func([]Type) Type { return t.NotNull() } }

// nth is the type of an argument, elementOf that of its elements.
func nth(i int) typing {
	return func(args []Type) Type {
		if i >= len(args) {
			return Type{}
		}
		return args[i]
	}
}

func elementOf(args []Type) Type {
	if len(args) == 0 || args[0].Elem == nil || args[0].Kind == KindMap {
		return Type{}
	}
	return args[0].Elem.WithNull()
}

// added is the array of the first argument with the elements of the others, which may be arrays too, in it.
func added(arrays bool) typing {
	return func(args []Type) Type {
		if len(args) == 0 || args[0].Kind != KindArray {
			return Type{}
		}
		types := []Type{*args[0].Elem}
		for _, t := range args[1:] {
			switch {
			case !arrays:
				types = append(types, t)
			case t.Kind == KindArray:
				types = append(types, *t.Elem)
			}
		}
		elem, ok := commonType(types...)
		if !ok {
			return Type{}
		}
		null := args[0].Nullable || arrays && nullIn(args)
		return Type{Kind: KindArray, Elem: &elem, Nullable: null}
	}
}

func arrayOf(t Type) Type { return Type{Kind: KindArray, Elem: &t, Nullable: true} }

func mapOf(k, v Type) Type { return Type{Kind: KindMap, Key: &k, Elem: &v, Nullable: true} }

// ofMap is what f makes of a map's key and value, NULL where the map is.
func ofMap(f func(k, v Type) Type) typing {
	return func(args []Type) Type {
		if len(args) == 0 || args[0].Kind != KindMap {
			return Type{}
		}
		return f(*args[0].Key, *args[0].Elem).As(args[0].Nullable)
	}
}

func mapFromArrays(args []Type) Type {
	if len(args) != 2 || args[0].Kind != KindArray || args[1].Kind != KindArray {
		return Type{}
	}
	return mapOf(*args[0].Elem, *args[1].Elem).As(nullIn(args))
}

// shiftedBy is the type of TIMESTAMPADD, whose unit is no argument here.
func shiftedBy(args []Type) Type {
	if len(args) != 2 || !args[1].IsTimestamp() {
		return Type{}
	}
	return args[1].As(nullIn(args))
}

// chosen is the type that the arguments after the first have in common.
func chosen(args []Type) Type {
	if len(args) < 2 {
		return Type{}
	}
	return commonOf(args[1:]).WithNull()
}

var functionTypes = map[string]typing{
	"ACOS": likeArgs(Double()), "ASIN": likeArgs(Double()), "ATAN": likeArgs(Double()), "ATAN2": likeArgs(Double()), "COS": likeArgs(Double()),
	"COSH": likeArgs(Double()), "COT": likeArgs(Double()), "SIN": likeArgs(Double()), "SINH": likeArgs(Double()), "TAN": likeArgs(Double()),
	"TANH": likeArgs(Double()), "DEGREES": likeArgs(Double()), "RADIANS": likeArgs(Double()), "EXP": likeArgs(Double()), "LN": likeArgs(Double()),
	"LOG": likeArgs(Double()), "LOG10": likeArgs(Double()), "LOG2": likeArgs(Double()), "E": neverNull(Double()), "PI": neverNull(Double()),
	"RAND": likeArgs(Double()), "RAND_INTEGER": likeArgs(Int()), "UUID": neverNull(Char(36)), "BIN": likeArgs(String()), "HEX": likeArgs(String()),
	"UNHEX": maybeNull(Bytes()),

	"ASCII": likeArgs(Int()), "CHR": likeArgs(String()), "DECODE": likeArgs(String()), "ENCODE": likeArgs(Bytes()), "ELT": chosen,
	"FROM_BASE64": likeArgs(String()), "TO_BASE64": likeArgs(String()), "INITCAP": likeArgs(String()), "OVERLAY": likeArgs(String()),
	"PARSE_URL": maybeNull(String()), "REGEXP": likeArgs(Boolean()), "REGEXP_EXTRACT": maybeNull(String()), "REGEXP_REPLACE": maybeNull(String()),
	"REGEXP_COUNT": maybeNull(Int()), "REGEXP_INSTR": maybeNull(Int()), "REGEXP_SUBSTR": maybeNull(String()), "REGEXP_EXTRACT_ALL": maybeNull(arrayOf(String())),
	"REPEAT": likeArgs(String()), "SPLIT_INDEX": maybeNull(String()), "SPLIT": likeArgs(arrayOf(String())), "STR_TO_MAP": likeArgs(mapOf(String(), String())),
	"TRANSLATE": likeArgs(String()), "URL_DECODE": maybeNull(String()), "URL_DECODE_RECURSIVE": maybeNull(String()), "URL_ENCODE": maybeNull(String()),
	"STARTSWITH": likeArgs(Boolean()), "ENDSWITH": likeArgs(Boolean()), "PRINTF": maybeNull(String()),
	"SHA1": likeArgs(Char(40)), "SHA224": likeArgs(Char(56)), "SHA384": likeArgs(Char(96)), "SHA512": likeArgs(Char(128)), "SHA2": likeArgs(VarChar(128)),
	"IS_ALPHA": neverNull(Boolean()), "IS_DECIMAL": neverNull(Boolean()), "IS_DIGIT": neverNull(Boolean()),

	"CURRENT_DATE": neverNull(Date()), "CURRENT_TIME": neverNull(Time(0)), "LOCALTIME": neverNull(Time(0)), "CURRENT_TIMESTAMP": neverNull(TimestampLTZ(3)),
	"NOW": neverNull(TimestampLTZ(3)), "CURRENT_ROW_TIMESTAMP": neverNull(TimestampLTZ(3)), "LOCALTIMESTAMP": neverNull(Timestamp(3)),
	"PROCTIME": neverNull(TimestampLTZ(3)), "QUARTER": likeArgs(BigInt()), "WEEK": likeArgs(BigInt()), "DAYOFYEAR": likeArgs(BigInt()), "DAYOFWEEK": likeArgs(BigInt()),
	"CONVERT_TZ": maybeNull(String()), "TO_DATE": maybeNull(Date()), "TIMESTAMPADD": shiftedBy, "OVERLAPS": likeArgs(Boolean()),
	"UNIX_TIMESTAMP": likeArgs(BigInt()),

	"CARDINALITY": likeArgs(Int()), "ELEMENT": elementOf, "ARRAY_APPEND": added(false), "ARRAY_PREPEND": added(false), "ARRAY_CONCAT": added(true),
	"ARRAY_UNION": added(true), "ARRAY_CONTAINS": likeArgs(Boolean()), "ARRAY_DISTINCT": nth(0), "ARRAY_EXCEPT": nth(0), "ARRAY_INTERSECT": nth(0),
	"ARRAY_REMOVE": nth(0), "ARRAY_REVERSE": nth(0), "ARRAY_SLICE": nth(0), "ARRAY_SORT": nth(0), "ARRAY_JOIN": likeArgs(String()), "ARRAY_MAX": elementOf,
	"ARRAY_MIN": elementOf, "ARRAY_POSITION": likeArgs(Int()), "MAP_UNION": nth(0), "MAP_FROM_ARRAYS": mapFromArrays,
	"MAP_KEYS":   ofMap(func(k, _ Type) Type { return arrayOf(k) }),
	"MAP_VALUES": ofMap(func(_, v Type) Type { return arrayOf(v) }),
	"MAP_ENTRIES": ofMap(func(k, v Type) Type {
		return arrayOf(Type{Kind: KindRow, Nullable: true, Fields: []Field{{Name: "key", Type: k}, {Name: "value", Type: v}}})
	}),

	"JSON_STRING": likeArgs(String()), "JSON_QUOTE": likeArgs(String()), "JSON_UNQUOTE": likeArgs(String()), "JSON_LENGTH": maybeNull(Int()), "TYPEOF": likeArgs(String()),
	"PARSE_JSON": likeArgs(Type{Kind: KindVariant}), "TRY_PARSE_JSON": maybeNull(Type{Kind: KindVariant}),
	"CURRENT_CATALOG": neverNull(String()), "CURRENT_DATABASE": neverNull(String()),
}

// aggregateTypes are the types of the aggregate functions besides COUNT, SUM, AVG, MIN and MAX. Those of one value of a group, or of a row before or
// behind, may be NULL.
var aggregateTypes = map[string]typing{
	"FIRST_VALUE": maybeFirst, "LAST_VALUE": maybeFirst, "LAG": maybeFirst, "LEAD": maybeFirst, "LISTAGG": maybeNull(String()),
	"ARRAY_AGG": func(args []Type) Type { return arrayOf(nth(0)(args)) },
	"COLLECT": func(args []Type) Type {
		elem := nth(0)(args)
		return Type{Kind: KindMultiset, Elem: &elem}
	},
	"ROW_NUMBER": neverNull(BigInt()), "RANK": neverNull(BigInt()), "DENSE_RANK": neverNull(BigInt()), "NTILE": neverNull(BigInt()),
	"CUME_DIST": neverNull(Double()), "PERCENT_RANK": neverNull(Double()), "APPROX_COUNT_DISTINCT": neverNull(BigInt()),
	"GROUPING": neverNull(BigInt()), "GROUPING_ID": neverNull(BigInt()), "GROUP_ID": neverNull(BigInt()),
	"STDDEV_POP": spread, "STDDEV_SAMP": spread, "STDDEV": spread, "VAR_POP": spread, "VAR_SAMP": spread, "VARIANCE": spread,
	"PERCENTILE": func(args []Type) Type {
		if len(args) > 1 && args[1].Kind == KindArray {
			return arrayOf(Double())
		}
		return Double()
	},
}

func maybeFirst(args []Type) Type { return nth(0)(args).WithNull() }

// spread is the type of a deviation, which is that of AVG.
func spread(args []Type) Type {
	if len(args) == 0 || !args[0].IsNumeric() {
		return Type{}
	}
	return avgResult(args[0]).WithNull()
}
