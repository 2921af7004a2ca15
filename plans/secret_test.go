package plans

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestSecretResolve(t *testing.T) {
	getenv := func(name string) (string, bool) {
		v, ok := map[string]string{"EAST": "hunter2", "EMPTY": ""}[name]
		return v, ok
	}
	readFile := func(path string) ([]byte, error) {
		b, ok := map[string]string{"/run/east": "hunter2\n", "/run/crlf": "hunter2\r\n", "/run/two": "a\n\n"}[path]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return []byte(b), nil
	}
	for _, tc := range []struct {
		name, ref, want, err string
	}{
		{name: "environment", ref: "${env:EAST}", want: "hunter2"},
		{name: "environment set to nothing", ref: "${env:EMPTY}", want: ""},
		{name: "environment not set", ref: "${env:WEST}", err: "missing secret ${env:WEST}: the environment variable is not set"},
		{name: "file", ref: "${file:/run/east}", want: "hunter2"},
		{name: "file with a Windows line break", ref: "${file:/run/crlf}", want: "hunter2"},
		{name: "only the last line break goes", ref: "${file:/run/two}", want: "a\n"},
		{name: "file not there", ref: "${file:/run/west}", err: "missing secret ${file:/run/west}: open /run/west: file does not exist"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := NewSecretRef(tc.ref).Resolve(getenv, readFile)
			if tc.err != "" {
				var missing *MissingSecretError
				if !errors.As(err, &missing) || err.Error() != tc.err {
					t.Fatalf("error %v, want a MissingSecretError %q", err, tc.err)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Fatalf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
	if got, err := (Secret{}).Resolve(getenv, readFile); got != "" || err != nil {
		t.Errorf("a secret that was not declared resolves to %q, %v", got, err)
	}
}

// TestSecretNeverLeaks prints a secret in every way that a log line or an error might, also from inside a struct.
func TestSecretNeverLeaks(t *testing.T) {
	s := NewSecretRef("${env:EAST_PASSWORD}")
	sasl := SASL{Mechanism: "PLAIN", Username: s, Password: s}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s)
	for _, got := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), fmt.Sprintf("%v %+v %#v", sasl, sasl, sasl), fmt.Sprintf("%v", &sasl), log.String(),
	} {
		if strings.Contains(got, "EAST_PASSWORD") || !strings.Contains(got, hidden) {
			t.Errorf("printed as %s", got)
		}
	}
}

func TestSecretEncodings(t *testing.T) {
	s := NewSecretRef("${env:EAST}")
	j, err := json.Marshal(s)
	if err != nil || string(j) != `"${env:EAST}"` {
		t.Errorf("JSON %s, %v", j, err)
	}
	var back Secret
	if err := json.Unmarshal(j, &back); err != nil || !back.Equal(s) {
		t.Errorf("back from JSON: %q, %v", back.ref, err)
	}
	y, err := yaml.Marshal(map[string]Secret{"password": s})
	if err != nil || string(y) != "password: ${env:EAST}\n" {
		t.Errorf("YAML %s, %v", y, err)
	}
	for _, text := range []string{"hunter2", "${env:}", "${env:A-B}", "x${env:A}", "${file:}", "${vault:x}"} {
		q, _ := json.Marshal(text)
		if err := json.Unmarshal(q, &back); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("JSON %q: error %v, want a refusal that does not repeat it", text, err)
		}
		if err := yaml.Unmarshal(q, &back); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("YAML %q: error %v, want a refusal that does not repeat it", text, err)
		}
	}
}
