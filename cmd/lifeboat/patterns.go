package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// patterns are those of a flag that may be given again, or hold several with commas between. A comma within braces, brackets or parentheses is the
// pattern's own, as in t-[0-9]{1,3}; so is an escaped one.
func patterns(c *cli.Context, flag string) []string {
	var list []string
	for _, text := range c.StringSlice(flag) {
		list = append(list, commas(text)...)
	}
	return list
}

func commas(text string) []string {
	var list []string
	var depth, from int
	var class bool // within brackets, where the other characters mean themselves
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '\\':
			i++
		case b == ']':
			class = false
		case class:
		case b == '[':
			class = true
		case b == '(' || b == '{':
			depth++
		case b == ')' || b == '}':
			depth--
		case b == ',' && depth == 0:
			list = append(list, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	return append(list, strings.TrimSpace(text[from:]))
}
