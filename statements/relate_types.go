package statements

import (
	"slices"
	"strconv"
)

// typeOfLoose is the type of an expression from those of its parts, in the order of children; KindInvalid where it is not known.
func typeOfLoose(e Expr, args []Scalar) Type {
	types := make([]Type, len(args))
	all := true
	for i, a := range args {
		types[i] = a.Type()
		all = all && known(types[i])
	}
	nullable := nullIn(types)
	switch n := e.(type) {
	case *Is, *IsJSON:
		return Boolean().NotNull()
	case *In, *Like, *Between:
		return Boolean().As(nullable || !all)
	case *JSONPath:
		return jsonPathType(n, nullable)
	case *JSONMake:
		return String().NotNull()
	case *Extract:
		return BigInt().As(nullable || !all)
	case *Case:
		return caseType(n, types)
	case *Call:
		return callType(n, args, types, all)
	}
	if !all {
		return Type{}
	}
	switch n := e.(type) {
	case *Unary:
		if n.Op == OpNot {
			return Boolean().As(nullable)
		}
		return types[0]
	case *RoundTo:
		return types[0]
	case *Trim:
		return VarChar(types[len(types)-1].Length).As(nullable)
	case *Item:
		return itemType(types[0], n.Index)
	case *FieldOf:
		return fieldType(types[0], n.Name.Name)
	case *Row:
		row := Type{Kind: KindRow}
		for i, t := range types {
			row.Fields = append(row.Fields, Field{Name: "EXPR$" + strconv.Itoa(i), Type: t})
		}
		return row
	case *Collection:
		return collectionType(n, types)
	}
	return Type{}
}

// caseType is the type that the branches have in common. Parts are the operand, condition and value in turn, and ELSE.
func caseType(n *Case, parts []Type) Type {
	if n.Operand != nil {
		parts = parts[1:]
	}
	var values []Type
	for i := range n.Whens {
		values = append(values, parts[2*i+1])
	}
	if n.Else != nil {
		values = append(values, parts[len(parts)-1])
	}
	t := commonOf(values)
	t.Nullable = t.Nullable || n.Else == nil
	return t
}

// commonOf is the type that all have in common, KindInvalid where one is not known or there is none.
func commonOf(types []Type) Type {
	if slices.ContainsFunc(types, func(t Type) bool { return !known(t) }) {
		return Type{}
	}
	t, ok := commonType(types...)
	if !ok {
		return Type{}
	}
	return t
}

func callType(n *Call, args []Scalar, types []Type, all bool) Type {
	if len(n.Of) > 0 || len(args) > len(n.Args) {
		return Type{} // a function of the user's, or more than arguments
	}
	name := n.Func
	if other, ok := aliases[name]; ok {
		name = other
	}
	f, engine := functions[name]
	switch {
	case engine && !all:
		return Type{}
	case engine && len(args) >= f.least-1: // a unit of time is no argument here
		if f.common {
			return commonCall(f, types)
		}
		var t Type
		if len(args) >= f.least || f.args[0] == unitArg {
			caught(func() { t = f.result(args) })
		}
		return t
	}
	switch {
	case !all:
	case name == "OBJECT_OF":
		return objectType(Type{Kind: KindStructured, Nullable: true}, args, true)
	case name == "OBJECT_UPDATE" && len(args) > 0 && types[0].Kind == KindStructured:
		return objectType(types[0], args, false)
	}
	if of := functionTypes[name]; of != nil && all {
		return of(types)
	}
	return Type{}
}

// commonCall is the type of COALESCE and its like.
func commonCall(f function, types []Type) Type {
	var values []Type
	for i, t := range types {
		if f.args[min(i, len(f.args)-1)] == anyArg {
			values = append(values, t)
		}
	}
	common := commonOf(values)
	if common.Kind == KindInvalid {
		return common
	}
	var args []Scalar
	for i, t := range types {
		if f.args[min(i, len(f.args)-1)] == anyArg {
			t = common.As(t.Nullable || t.Kind == KindNull)
		}
		args = append(args, &Constant{Of: t})
	}
	return f.result(args)
}

func itemType(t Type, index Expr) Type {
	switch t.Kind {
	case KindArray, KindMap:
		return t.Elem.WithNull()
	case KindVariant:
		return t.WithNull()
	case KindRow:
		if l, ok := index.(*Literal); ok {
			if i, ok := wholeNumber(l); ok && i >= 1 && int(i) <= len(t.Fields) {
				f := t.Fields[i-1].Type
				return f.As(f.Nullable || t.Nullable)
			}
		}
	}
	return Type{}
}

// fieldType is the type of a field of a row, which is NULL where the row is.
func fieldType(t Type, name string) Type {
	if t.Kind == KindVariant {
		return t.WithNull()
	}
	for _, f := range t.Fields {
		if f.Name == name {
			return f.Type.As(f.Type.Nullable || t.Nullable)
		}
	}
	return Type{}
}

func collectionType(n *Collection, types []Type) Type {
	if len(types) == 0 {
		return Type{}
	}
	if n.Kind != "MAP" {
		elem := commonOf(types)
		if elem.Kind == KindInvalid {
			return elem
		}
		kind := KindArray
		if n.Kind == "MULTISET" {
			kind = KindMultiset
		}
		return Type{Kind: kind, Elem: &elem}
	}
	var keys, values []Type
	for i, t := range types {
		if i%2 == 0 {
			keys = append(keys, t)
		} else {
			values = append(values, t)
		}
	}
	k, v := commonOf(keys), commonOf(values)
	if k.Kind == KindInvalid || v.Kind == KindInvalid {
		return Type{}
	}
	return Type{Kind: KindMap, Key: &k, Elem: &v}
}

func jsonPathType(n *JSONPath, nullable bool) Type {
	switch {
	case n.Func == "JSON_EXISTS":
		return Boolean().As(nullable)
	case n.Returning != nil:
		return n.Returning.Type.WithNull()
	}
	return String()
}

// objectType is the structured type that OBJECT_OF makes of a class, or OBJECT_UPDATE of an object, and of names and values in turn.
func objectType(t Type, args []Scalar, of bool) Type {
	text := func(x Scalar) (string, bool) {
		c, ok := x.(*Constant)
		if !ok {
			return "", false
		}
		s, ok := c.Value.(string)
		return s, ok
	}
	if len(args)%2 != 1 {
		return Type{}
	}
	if of {
		var ok bool
		if t.Class, ok = text(args[0]); !ok {
			return Type{}
		}
	}
	t.Fields = slices.Clone(t.Fields)
	for i := 1; i < len(args); i += 2 {
		name, ok := text(args[i])
		at := slices.IndexFunc(t.Fields, func(f Field) bool { return f.Name == name })
		switch {
		case !ok || !of && at < 0:
			return Type{}
		case at < 0:
			t.Fields = append(t.Fields, Field{Name: name, Type: args[i+1].Type()})
		default:
			t.Fields[at].Type = args[i+1].Type()
		}
	}
	return t
}

// fieldsOf follows the fields that a qualified name goes down from a column.
func fieldsOf(t Type, parts []Ident) Type {
	for _, p := range parts {
		t = fieldType(t, p.Name)
	}
	return t
}
