package github

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
)

// conclusions are how runs, checks and deployments end.
var conclusions = map[audit.Text]audit.Outcome{
	"success":         audit.OutcomeSuccess,
	"neutral":         audit.OutcomeSuccess,
	"skipped":         audit.OutcomeSuccess,
	"built":           audit.OutcomeSuccess,
	"failure":         audit.OutcomeFailure,
	"failed":          audit.OutcomeFailure,
	"error":           audit.OutcomeFailure,
	"errored":         audit.OutcomeFailure,
	"timed_out":       audit.OutcomeFailure,
	"startup_failure": audit.OutcomeFailure,
	"cancelled":       audit.OutcomeUnknown,
	"action_required": audit.OutcomeUnknown,
	"stale":           audit.OutcomeUnknown,
}

// outcome is how an action of the audit log ended. GitHub has no member for it and logs what took place: the name says
// what failed or was refused, a conclusion what became of a run. Unknown for a name of which nothing is known.
func outcome(action string, conclusion audit.Text) audit.Outcome {
	switch {
	case strings.Contains(action, "failed"), strings.Contains(action, "failure"):
		return audit.OutcomeFailure
	case strings.Contains(action, "rejected"), strings.Contains(action, "denied"), strings.Contains(action, "blocked"):
		return audit.OutcomeDenied
	}
	if known, ok := conclusions[conclusion]; ok {
		return known
	}
	if verb(action) == audit.ActionOther && category(action) == audit.CategoryOther {
		return audit.OutcomeUnknown
	}
	return audit.OutcomeSuccess
}

// takeReason reads why it ended so. Reasons stay in the metadata, which has their codes.
func (r record) takeReason() audit.Text {
	var messages []string
	r.Get("reasons").ForEach(func(_, reason gjson.Result) bool {
		if message := text(reason.Get("message")); message != "" {
			messages = append(messages, string(message))
		}
		return true
	})
	if len(messages) > 0 {
		return audit.Text(strings.Join(messages, "; "))
	}
	return r.take("conclusion", "explanation")
}
