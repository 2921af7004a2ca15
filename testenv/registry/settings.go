package registry

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

var (
	modes  = []string{"READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT", "FORWARD"}
	levels = []string{"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}
)

func defaultConfig() map[string]any { return map[string]any{"compatibilityLevel": "BACKWARD"} }

// context is the subject that stands for a subject's context: what is set for it holds for all that have nothing of their own.
func (st *store) context(s *subject) *subject { return st.named(".", ":"+s.space.context+":") }

// modeOf is the mode in force for a subject. READONLY_OVERRIDE of the registry wins over everything.
func (st *store) modeOf(s *subject) string {
	if st.global.mode == "READONLY_OVERRIDE" {
		return st.global.mode
	}
	return cmp.Or(s.mode, st.context(s).mode, st.global.mode)
}

// writable refuses to change a subject in a read-only mode.
func (st *store) writable(s *subject) error {
	if m := st.modeOf(s); m == "READONLY" || m == "READONLY_OVERRIDE" {
		return fail(42205, "Subject %s is in read-only mode", s.name)
	}
	return nil
}

// configOf is one value of the configuration in force for a subject.
func (st *store) configOf(s *subject, key string) any {
	for _, config := range []map[string]any{s.config, st.context(s).config, st.global.config} {
		if v, ok := config[key]; ok {
			return v
		}
	}
	return defaultConfig()[key]
}

// addressed are the settings that a call names: the registry's, a context's, or a subject's, which is nil for the first.
func (st *store) addressed(c *call) (*settings, *subject) {
	if c.PathValue("subject") == "" && c.context == "." {
		return &st.global, nil
	}
	s := st.subject(c) // of no name: the context
	return &s.settings, s
}

func (st *store) getMode(c *call) (any, error) {
	set, s := st.addressed(c)
	switch {
	case set.mode != "":
		return map[string]string{"mode": set.mode}, nil
	case c.flag("defaultToGlobal"):
		return map[string]string{"mode": st.modeOf(s)}, nil
	}
	return nil, fail(40409, "Subject '%s' does not have subject-level mode configured", s.name)
}

func (st *store) setMode(c *call) (any, error) {
	var body struct {
		Mode string `json:"mode"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	mode := strings.ToUpper(body.Mode)
	if !slices.Contains(modes, mode) {
		return nil, fail(42204, "Invalid mode. Valid values are %s", strings.Join(modes, ", "))
	}
	set, s := st.addressed(c)
	if mode == "IMPORT" && set.mode != "IMPORT" && !c.flag("force") {
		if err := st.beginImport(s); err != nil {
			return nil, err
		}
	}
	if set.mode = mode; s != nil {
		st.keep(s)
	}
	return map[string]string{"mode": mode}, nil
}

func (st *store) resetMode(c *call) (any, error) {
	set, s := st.addressed(c)
	was := set.mode
	switch {
	case s == nil:
		set.mode = "READWRITE"
	case was == "":
		return nil, fail(40409, "Subject '%s' does not have subject-level mode configured", s.name)
	default:
		set.mode = ""
	}
	return map[string]string{"mode": was}, nil
}

// beginImport refuses IMPORT where live schemas are, in the registry (nil), a context or a subject; what is soft-deleted there goes for
// good.
func (st *store) beginImport(into *subject) error {
	var concerned []*subject
	for _, s := range st.all() {
		if into == nil || s == into || st.context(s) == into {
			concerned = append(concerned, s)
		}
	}
	for _, s := range concerned {
		if len(s.live()) > 0 {
			return fail(42205, "Cannot import since found existing subjects")
		}
		if err := st.unreferenced(s, s.versions...); err != nil {
			return err
		}
	}
	for _, s := range concerned {
		s.versions = nil
	}
	return nil
}

func (st *store) getConfig(c *call) (any, error) {
	set, s := st.addressed(c)
	switch {
	case set.config != nil:
		return set.config, nil
	case c.flag("defaultToGlobal"):
		if own := st.context(s).config; own != nil {
			return own, nil
		}
		return st.global.config, nil
	}
	return nil, fail(40408, "Subject '%s' does not have subject-level compatibility configured", s.name)
}

// setConfig stores what it is sent. The level is sent as "compatibility" and read as "compatibilityLevel".
func (st *store) setConfig(c *call) (any, error) {
	body := map[string]any{}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	stored := maps.Clone(body)
	if level, ok := body["compatibility"]; ok {
		text, _ := level.(string)
		if text = strings.ToUpper(text); !slices.Contains(levels, text) {
			return nil, fail(42203, "Invalid compatibility level. Valid values are %s", strings.Join(levels, ", "))
		}
		delete(stored, "compatibility")
		stored["compatibilityLevel"] = text
	}
	set, s := st.addressed(c)
	if s != nil {
		if err := st.writable(s); err != nil {
			return nil, err
		}
		st.keep(s)
	}
	if set.config == nil {
		set.config = map[string]any{}
	}
	maps.Copy(set.config, stored)
	return body, nil
}

func (st *store) resetConfig(c *call) (any, error) {
	set, s := st.addressed(c)
	was := set.config
	switch {
	case s == nil:
		set.config = defaultConfig()
	case was == nil:
		return nil, fail(40408, "Subject '%s' does not have subject-level compatibility configured", s.name)
	default:
		set.config = nil
	}
	return was, nil
}
