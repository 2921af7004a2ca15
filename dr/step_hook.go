package dr

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A hook is done when it has succeeded and the journal knows it: nobody else can tell. One that succeeded and was killed before it could be written
// down is called again.

// HookCall is the JSON body that a hook's URL gets, and, in capitals behind LIFEBOAT_, the environment of its command.
type HookCall struct {
	Hook      string    `json:"hook"`
	Topology  string    `json:"topology"`
	Run       string    `json:"run"`
	Operation string    `json:"operation"` // failover
	Planned   bool      `json:"planned"`
	Phase     string    `json:"phase"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Batch     string    `json:"batch,omitempty"`  // of a migration
	Topics    []string  `json:"topics,omitempty"` // of the batch; in the environment with commas between them
	At        time.Time `json:"at"`
}

// hookResult is what the journal keeps of a hook that is over.
type hookResult struct {
	Failed string `json:"failed,omitempty"` // of one that may
	Said   string `json:"said,omitempty"`   // the last line of its output, or the answer's status
}

func hookFact(s plans.Step) string {
	if s.Batch != "" {
		return "hook:" + s.Subject + ":" + s.Batch
	}
	return "hook:" + s.Subject
}

func hookDone(_ context.Context, r *run, s plans.Step) (bool, string, error) {
	var over hookResult
	if ok, err := r.recall(hookFact(s), &over); err != nil || !ok {
		return false, "", err
	}
	if over.Failed != "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.rep.Findings = append(r.rep.Findings, report.Finding{Rule: "run/hook", Severity: report.High, Subject: s.Subject, Message: "hook " + s.Subject + " failed: " + over.Failed,
			Why: "what it does has not happened, and the run went on because it may fail", Remedy: "see to it by hand"})
		return true, "failed, which it may: " + over.Failed, nil
	}
	return true, over.Said, nil
}

func hookApply(ctx context.Context, r *run, s plans.Step) error {
	h := r.world.Declared.Topology.Hook(s.Subject)
	if h == nil {
		return fmt.Errorf("%s declares no hook %q any more", r.world.Declared.Path, s.Subject)
	}
	over, err := r.call(ctx, h, s)
	if err != nil {
		return err
	}
	return r.learn(ctx, hookFact(s), over)
}

// call calls a hook for a step, within its time. The failure of one that may fail is a result.
func (r *run) call(ctx context.Context, h *plans.Hook, s plans.Step) (over hookResult, err error) {
	call := HookCall{Hook: h.Name, Topology: r.plan.Topology, Run: r.id, Operation: string(r.plan.Operation), Planned: r.plan.Planned, Phase: s.Phase, From: r.plan.From, To: r.plan.To,
		At: r.world.now().UTC(), Batch: s.Batch}
	if r.partial(s) {
		call.Topics = r.topicsOf(s)
	}
	within, cancel := context.WithTimeoutCause(ctx, h.Within(), fmt.Errorf("it had not ended after %s", h.Within()))
	defer cancel()
	if len(h.Command) > 0 {
		over.Said, err = runHook(within, h, call)
	} else {
		over.Said, err = r.callHook(within, h, call)
	}
	switch {
	case err != nil && (!h.MayFail || ctx.Err() != nil):
		return over, fmt.Errorf("hook %s: %w", h.Name, err)
	case err != nil:
		over.Failed = err.Error()
	}
	return over, nil
}

// runHook runs a hook's command and returns the last line that it wrote.
func runHook(ctx context.Context, h *plans.Hook, call HookCall) (string, error) {
	cmd := exec.CommandContext(ctx, h.Command[0], h.Command[1:]...)
	cmd.WaitDelay = time.Second // its children may hold its output open
	cmd.Env = append(os.Environ(), "LIFEBOAT_HOOK="+call.Hook, "LIFEBOAT_TOPOLOGY="+call.Topology, "LIFEBOAT_RUN="+call.Run, "LIFEBOAT_OPERATION="+call.Operation,
		fmt.Sprintf("LIFEBOAT_PLANNED=%t", call.Planned), "LIFEBOAT_PHASE="+call.Phase, "LIFEBOAT_FROM="+call.From, "LIFEBOAT_TO="+call.To, "LIFEBOAT_BATCH="+call.Batch,
		"LIFEBOAT_TOPICS="+strings.Join(call.Topics, ","))
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	said := lastLine(out)
	if err != nil {
		return "", fmt.Errorf("command %q: %w: %s", strings.Join(h.Command, " "), err, said)
	}
	if said == "" {
		said = "ended with 0"
	}
	return said, nil
}

// callHook posts to a hook's URL. Errors do not show the URL, which may be a secret itself.
func (r *run) callHook(ctx context.Context, h *plans.Hook, call HookCall) (string, error) {
	body, err := json.Marshal(call)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("its URL: %w", withoutURL(err))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(EventHeader, "hook")
	if h.Secret != (plans.Secret{}) {
		key, err := h.Secret.Resolve(r.world.opts.Getenv, r.world.opts.ReadFile)
		if err != nil {
			return "", err
		}
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(body)
		req.Header.Set(SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if ctx.Err() != nil {
		return "", fmt.Errorf("calling %s: %w", req.URL.Host, context.Cause(ctx))
	}
	if err != nil {
		return "", fmt.Errorf("calling %s: %w", req.URL.Host, withoutURL(err))
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // for people only
	if resp.StatusCode/100 != 2 {
		return "", fmt.Errorf("%s answered %s: %s", req.URL.Host, resp.Status, lastLine(answer))
	}
	return req.URL.Host + " answered " + resp.Status, nil
}
