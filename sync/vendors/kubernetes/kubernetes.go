// Package kubernetes takes the audit events of Kubernetes clusters: pushed by the API server's webhook backend, and from
// the files of its log backend.
package kubernetes

import (
	"errors"
	"slices"

	"annals/audit"
	"annals/sync/connector"
)

// Name is the connector's name, which is in front of every type.
const Name = "kubernetes"

// feed is the only one: a cluster has one stream of audit events.
const feed = "audit"

// stages are the moments of a request at which the API server writes an event, as the audit policy wants it.
// https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
var stages = [...]string{"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}

// Registration is the connector for Kubernetes.
func Registration() connector.Registration {
	return connector.Registration{
		Connector: audit.Connector{
			Name:  Name,
			Label: "Kubernetes",
			Description: "Records the audit events that the API server of a cluster pushes. The server's audit policy decides which ones; " +
				"its --audit-webhook-config-file names the webhook's address with the webhook's secret as bearer token. Managed clusters " +
				"do not offer that; their log files can be imported.",
			Settings: []audit.SettingField{{
				Name: "stages", Label: "Stages", Kind: audit.SettingChoices, Choices: stageChoices(),
				Default: audit.JSON(`["RequestReceived","ResponseStarted","ResponseComplete","Panic"]`),
				Help: "A request can be reported at several stages, each an activity of its own. Events of other stages than these are " +
					"taken and not recorded. Name at least one.",
			}},
			Feeds:            []audit.ConnectorFeed{{Name: feed, Label: "Audit events", PushOnly: true}},
			CanPush:          true,
			CanImport:        true,
			DocumentationURL: "https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#webhook-backend",
		},
		Open: open,
	}
}

func stageChoices() []audit.SettingChoice {
	choices := make([]audit.SettingChoice, len(stages))
	for i, stage := range stages {
		choices[i] = audit.SettingChoice{Value: stage, Label: stage}
	}
	return choices
}

// cluster is the code for one integration.
type cluster struct {
	omitted []string // stages that are not recorded
}

func open(c connector.Config) (connector.Opened, error) {
	wanted := c.Settings.Texts("stages")
	k := &cluster{}
	for _, stage := range stages {
		if !slices.Contains(wanted, stage) {
			k.omitted = append(k.omitted, stage)
		}
	}
	if len(k.omitted) == len(stages) {
		return nil, connector.Fail(connector.ConfigurationWrong, errNoStage)
	}
	return k, nil
}

// errNoStage: with no stage everything would be taken and lost.
var errNoStage = errors.New("name at least one stage")

// records reports whether an event is to be recorded. One that names no stage, or one that is not known, always is.
func (k *cluster) records(stage string) bool { return !slices.Contains(k.omitted, stage) }
