package registry

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

var modes = []string{"READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT", "FORWARD"}
var levels = []string{"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}

// modeOf is the mode in force for a subject. READONLY_OVERRIDE set globally wins over everything.
func (st *store) modeOf(s *subject) string {
	if st.mode == "READONLY_OVERRIDE" {
		return st.mode
	}
	if s != nil && s.mode != "" {
		return s.mode
	}
	return st.mode
}

func (st *store) writable(s *subject, name string) error {
	if m := st.modeOf(s); m == "READONLY" || m == "READONLY_OVERRIDE" {
		return fail(42205, "Subject %s is in read-only mode", name)
	}
	return nil
}

func (st *store) modeCalls(c *call, name string) (any, error) {
	var sp *space
	var s *subject
	var full string
	if name != "" {
		sp, s, full = st.lookup(c, name)
	}
	switch c.Method {
	case http.MethodPut:
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
		if mode == "IMPORT" {
			if err := st.beginImport(name, s, c.flag("force")); err != nil {
				return nil, err
			}
		}
		if name == "" {
			st.mode = mode
		} else {
			if s == nil {
				s = &subject{name: full}
				sp.subjects[full] = s
			}
			s.mode = mode
		}
		return map[string]string{"mode": mode}, nil
	case http.MethodDelete:
		was := st.mode
		if name == "" {
			st.mode = "READWRITE"
		} else {
			if s == nil || s.mode == "" {
				return nil, fail(40409, "Subject '%s' does not have subject-level mode configured", full)
			}
			was, s.mode = s.mode, ""
		}
		return map[string]string{"mode": was}, nil
	}
	if name == "" {
		return map[string]string{"mode": st.mode}, nil
	}
	if s == nil || s.mode == "" {
		if c.flag("defaultToGlobal") {
			return map[string]string{"mode": st.mode}, nil
		}
		return nil, fail(40409, "Subject '%s' does not have subject-level mode configured", full)
	}
	return map[string]string{"mode": s.mode}, nil
}

// beginImport refuses IMPORT where live schemas are, unless forced; without force what is soft-deleted goes for good.
func (st *store) beginImport(name string, s *subject, force bool) error {
	if force || s != nil && s.mode == "IMPORT" {
		return nil
	}
	if name == "" {
		for _, sp := range st.contexts {
			for _, s := range sp.subjects {
				if len(s.live()) > 0 {
					return fail(42205, "Cannot import since found existing subjects")
				}
			}
		}
		return nil
	}
	if len(s.live()) > 0 {
		return fail(42205, "Cannot import since found existing subjects")
	}
	if s != nil {
		for _, v := range s.versions {
			if len(st.users(s.name, v.number)) > 0 {
				return fail(42206, "One or more references exist to the schema {subject=%s,version=%d}.", s.name, v.number)
			}
		}
		s.versions = nil
	}
	return nil
}

// configCalls serve /config: the level is PUT as "compatibility" and read as "compatibilityLevel"; everything else is stored as it is.
func (st *store) configCalls(c *call, name string) (any, error) {
	var sp *space
	var s *subject
	var full string
	if name != "" {
		sp, s, full = st.lookup(c, name)
	}
	switch c.Method {
	case http.MethodPut:
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
		if name == "" {
			maps.Copy(st.config, stored)
			return body, nil
		}
		if s == nil {
			s = &subject{name: full}
			sp.subjects[full] = s
		}
		if s.config == nil {
			s.config = map[string]any{}
		}
		maps.Copy(s.config, stored)
		return body, nil
	case http.MethodDelete:
		was := st.config
		if name == "" {
			st.config = map[string]any{"compatibilityLevel": "BACKWARD"}
		} else {
			if s == nil || s.config == nil {
				return nil, fail(40408, "Subject '%s' does not have subject-level compatibility configured", full)
			}
			was, s.config = s.config, nil
		}
		return was, nil
	}
	if name == "" {
		return st.config, nil
	}
	if s == nil || s.config == nil {
		if c.flag("defaultToGlobal") {
			return st.config, nil
		}
		return nil, fail(40408, "Subject '%s' does not have subject-level compatibility configured", full)
	}
	return s.config, nil
}

// levelOf is the compatibility level in force for a subject.
func (st *store) levelOf(s *subject) string {
	for _, c := range []map[string]any{configOf(s), st.config} {
		if level, ok := c["compatibilityLevel"].(string); ok {
			return level
		}
	}
	return "BACKWARD"
}

func configOf(s *subject) map[string]any {
	if s == nil {
		return nil
	}
	return s.config
}
