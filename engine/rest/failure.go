package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/engine"
)

// failure is the API's error body.
type failure struct {
	Errors []failureItem `json:"errors"`
}

type failureItem struct {
	ID     string         `json:"id,omitempty"`
	Status string         `json:"status,omitempty"`
	Code   string         `json:"code,omitempty"`
	Title  string         `json:"title,omitempty"`
	Detail string         `json:"detail,omitempty"`
	Source *failureSource `json:"source,omitempty"`
}

type failureSource struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
}

// httpError is an error with the status it is answered with.
type httpError struct {
	status int
	code   string
	detail string
	source *failureSource
}

func (e *httpError) Error() string { return e.detail }

func badRequest(pointer, format string, args ...any) error {
	return &httpError{http.StatusBadRequest, "invalid_request", fmt.Sprintf(format, args...), &failureSource{Pointer: pointer}}
}

func badParameter(name, format string, args ...any) error {
	return &httpError{http.StatusBadRequest, "invalid_request", fmt.Sprintf(format, args...), &failureSource{Parameter: name}}
}

func conflict(format string, args ...any) error {
	return &httpError{http.StatusConflict, "resource_version_conflict", fmt.Sprintf(format, args...), nil}
}

// writeError answers an error of the backend or of this package. The first line of a refused statement's detail begins with
// line:column where they are known, its second line is the hint: the client reads them back.
func writeError(w http.ResponseWriter, requestID string, err error) {
	item := failureItem{ID: requestID}
	status := http.StatusInternalServerError
	var he *httpError
	var invalid *engine.InvalidError
	switch {
	case errors.As(err, &he):
		status, item.Code, item.Detail, item.Source = he.status, he.code, he.detail, he.source
	case errors.As(err, &invalid):
		status, item.Code, item.Detail = http.StatusBadRequest, "invalid_statement", invalid.Error()
		item.Source = &failureSource{Pointer: "/spec/statement"}
		if invalid.Hint != "" {
			item.Detail += "\n" + invalid.Hint
		}
	case errors.Is(err, engine.ErrNotFound):
		status, item.Code, item.Detail = http.StatusNotFound, "not_found", err.Error()
	case errors.Is(err, engine.ErrExists):
		status, item.Code, item.Detail = http.StatusConflict, "exists", err.Error()
	default:
		item.Code, item.Detail = "internal", err.Error()
	}
	item.Status, item.Title = strconv.Itoa(status), http.StatusText(status)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(failure{Errors: []failureItem{item}}) // a client that went away needs no answer
}

// StatusError is an answer that is neither success nor one of the errors of package engine.
type StatusError struct {
	Method, Path string
	Status       int
	Detail       string // the server's words, or what of its body can be shown
	RequestID    string // for the provider's support
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// readError turns an answer into the error that the caller of a Backend branches on.
func readError(req *http.Request, resp *http.Response, body []byte) error {
	se := &StatusError{Method: req.Method, Path: req.URL.Path, Status: resp.StatusCode, RequestID: resp.Header.Get("X-Request-Id")}
	var f failure
	var pointer, code string
	if json.Unmarshal(body, &f) == nil && len(f.Errors) > 0 {
		details := make([]string, 0, len(f.Errors))
		for _, item := range f.Errors {
			if item.Detail == "" {
				item.Detail = item.Title
			}
			details = append(details, item.Detail)
		}
		se.Detail, code = strings.Join(details, "; "), f.Errors[0].Code
		if f.Errors[0].Source != nil {
			pointer = f.Errors[0].Source.Pointer
		}
	} else {
		se.Detail = strings.TrimSpace(string(body[:min(len(body), 300)]))
	}
	switch {
	case resp.StatusCode == http.StatusNotFound && code != "no_route":
		return fmt.Errorf("%w: %w", engine.ErrNotFound, se)
	case resp.StatusCode == http.StatusConflict && req.Method == http.MethodPost:
		return fmt.Errorf("%w: %w", engine.ErrExists, se)
	case req.Method == http.MethodPost && (code == "invalid_statement" || pointer == "/spec/statement" ||
		resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnprocessableEntity):
		return parseInvalid(se.Detail)
	}
	return se
}

// parseInvalid reads "line:column: message", a new line and a hint, all but the message optional.
func parseInvalid(detail string) *engine.InvalidError {
	message, hint, _ := strings.Cut(detail, "\n")
	out := &engine.InvalidError{Message: message, Hint: hint}
	line, rest, ok := strings.Cut(message, ":")
	if !ok {
		return out
	}
	column, rest, ok := strings.Cut(rest, ":")
	l, errL := strconv.Atoi(line)
	c, errC := strconv.Atoi(column)
	if ok && errL == nil && errC == nil && l > 0 {
		out.Line, out.Column, out.Message = l, c, strings.TrimSpace(rest)
	}
	return out
}
