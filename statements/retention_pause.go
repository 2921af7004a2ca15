package statements

import (
	"fmt"
	"strings"
	"time"
)

// bears says of a verdict how it depends on pauses. What the log holds by itself does not go by while its statement's inputs stand: it bounds a pause
// only where nobody has measured when that began.
func (f LogFacts) bears(v *RetentionVerdict, horizon time.Duration) []string {
	if len(f.Paused) == 0 || horizon <= 0 || horizon == Unlimited {
		return nil
	}
	var details []string
	if f.Pause != nil && f.Pause.For > 0 {
		details = append(details, fmt.Sprintf("of the need, %s are a pause: %s", days(f.Pause.For), f.Pause.Why))
	}
	if v.Verdict != Proven {
		return details
	}
	least := f.wanted(horizon)
	limits := []limit{f.byCleanup(least), f.byTime(), f.bySize()}
	if f.Pause == nil {
		limits = append(limits, f.byLog(horizon))
	}
	v.Bears = Unlimited
	for _, l := range limits {
		if !l.unknown && l.reach < Unlimited {
			v.Bears = min(v.Bears, max(0, l.reach-least))
		}
	}
	if v.Bears == Unlimited {
		return details
	}
	if v.Bears > time.Hour {
		v.Bears = v.Bears.Truncate(time.Minute) // so that no rounding says more
	}
	v.Paused = f.Paused
	condition := fmt.Sprintf("holds while %s is not paused for longer than %s", strings.Join(f.Paused, " or "), days(v.Bears))
	if f.Pause == nil {
		condition += ", which was not measured"
		if f.PauseUnknown != "" {
			condition += ": " + f.PauseUnknown
		}
	}
	return append(details, condition)
}
