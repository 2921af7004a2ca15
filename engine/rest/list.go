package rest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/engine"
)

const (
	defaultPageSize = 10
	maxPageSize     = 100
)

// list answers one page. A page token is the last name of the page before, so statements that come and go between two pages
// neither repeat nor hide others.
func (s *server) list(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	size := defaultPageSize
	if text := q.Get("page_size"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPageSize {
			return badParameter("page_size", "page_size %q is not a number from 1 to %d", text, maxPageSize)
		}
		size = n
	}
	after, err := base64.RawURLEncoding.DecodeString(q.Get("page_token"))
	if err != nil {
		return badParameter("page_token", "page_token %q is not one that this server gave", q.Get("page_token"))
	}
	match, err := labelSelector(q.Get("label_selector"))
	if err != nil {
		return err
	}
	var all []engine.Statement
	backend, err := s.of(r)
	if err == nil {
		all, err = backend.List(r.Context())
	}
	if err != nil && !errors.Is(err, engine.ErrNotFound) { // a sandbox that is not there has no statements
		return err
	}
	if q.Get("time_ordered") == "true" {
		slices.SortStableFunc(all, func(a, b engine.Statement) int { return b.Created.Compare(a.Created) })
	}
	pool, search := q.Get("spec.compute_pool_id"), q.Get("statement_name_search_query")
	all = slices.DeleteFunc(all, func(st engine.Statement) bool {
		return pool != "" && s.opts.ComputePool != "" && pool != s.opts.ComputePool || !strings.Contains(st.Name, search) || !match(st.Labels)
	})
	if len(after) > 0 {
		if at := slices.IndexFunc(all, func(st engine.Statement) bool { return st.Name == string(after) }); at >= 0 {
			all = all[at+1:]
		} else {
			all = slices.DeleteFunc(all, func(st engine.Statement) bool { return st.Name <= string(after) })
		}
	}
	out := statementList{APIVersion: apiVersion, Kind: "StatementList", Metadata: metadata{Self: selfURL(r)}, Data: []statement{}}
	for _, st := range all[:min(size, len(all))] {
		out.Data = append(out.Data, s.show(r, st))
	}
	if len(all) > size {
		out.Metadata.Next = nextPage(r, all[size-1].Name)
	}
	return writeJSON(w, http.StatusOK, out)
}

// nextPage is the request's own address with the next token as its last parameter: clients cut it off there.
func nextPage(r *http.Request, last string) string {
	q := r.URL.Query()
	q.Del("page_token")
	u := url.URL{Path: r.URL.Path, RawQuery: q.Encode()}
	separator := "?"
	if u.RawQuery != "" {
		separator = "&"
	}
	return origin(r) + u.String() + separator + "page_token=" + base64.RawURLEncoding.EncodeToString([]byte(last))
}

// labelSelector reads a comma-separated list of k=v, k==v, k!=v, k (present) and !k (absent).
func labelSelector(text string) (func(labels map[string]string) bool, error) {
	var terms []func(map[string]string) bool
	for _, term := range strings.Split(text, ",") {
		term = strings.TrimSpace(term)
		if term == "" {
			continue
		}
		key, value, op := term, "", "present"
		for _, sign := range []string{"!=", "==", "="} {
			if k, v, ok := strings.Cut(term, sign); ok {
				key, value, op = strings.TrimSpace(k), strings.TrimSpace(v), sign
				break
			}
		}
		if k, ok := strings.CutPrefix(key, "!"); ok && op == "present" {
			key, op = strings.TrimSpace(k), "absent"
		}
		if key == "" || strings.ContainsAny(key, "!() ") {
			return nil, badParameter("label_selector", "label_selector: %q is not k=v, k!=v, k or !k", term)
		}
		terms = append(terms, func(labels map[string]string) bool {
			have, ok := labels[key]
			switch op {
			case "!=":
				return have != value || !ok
			case "present":
				return ok
			case "absent":
				return !ok
			default:
				return ok && have == value
			}
		})
	}
	return func(labels map[string]string) bool {
		return !slices.ContainsFunc(terms, func(t func(map[string]string) bool) bool { return !t(labels) })
	}, nil
}

// listURL asks for the largest pages.
func listURL(base string) string { return fmt.Sprintf("%s?page_size=%d", base, maxPageSize) }
