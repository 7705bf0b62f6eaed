// Package github collects the audit log of a GitHub organization or enterprise: over the REST API, from files of its
// streams, and beside it the deliveries of webhooks, which are activities of their own.
package github

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

const connectorName = "github"

// The feeds. Git activities have one of their own because GitHub keeps them for a week only.
const (
	feedWeb     = "web"
	feedGit     = "git"
	feedWebhook = "webhook"
)

// The settings.
const (
	settingBaseURL      = "baseUrl"
	settingToken        = "token"
	settingOrganization = "organization"
	settingEnterprise   = "enterprise"
)

const (
	day = 24 * time.Hour
	// overlap is how far a poll reads back: GitHub adds entries after the fact.
	overlap = 30 * time.Minute
)

// Registration is GitHub's connector.
func Registration() connector.Registration {
	return connector.Registration{
		Connector: audit.Connector{
			Name:  connectorName,
			Label: "GitHub",
			Description: "The audit log of an organization on GitHub Enterprise Cloud, of an enterprise account or of GitHub " +
				"Enterprise Server, with Git activities, and webhooks of any organization.",
			Settings:         settings(),
			Feeds:            feeds(),
			CanPoll:          true,
			CanPush:          true,
			CanImport:        true,
			DocumentationURL: "https://docs.github.com/en/organizations/keeping-your-organization-secure/managing-security-settings-for-your-organization/reviewing-the-audit-log-for-your-organization",
		},
		Open: open,
	}
}

func settings() []audit.SettingField {
	const slug = "(?:[A-Za-z0-9][A-Za-z0-9._-]*)?" // empty is none
	return []audit.SettingField{
		{
			Name:    settingBaseURL,
			Label:   "API address",
			Help:    "Root of the REST API. GitHub Enterprise Server has it at https://HOST/api/v3.",
			Kind:    audit.SettingURL,
			Default: audit.JSON(`"https://api.github.com"`),
			Example: "https://api.github.com",
		},
		{
			Name:  settingToken,
			Label: "Access token",
			Help: "A classic personal access token of an owner with the scope read:audit_log, or an installation token of a " +
				"GitHub App with the organization permission Administration (read).",
			Kind:     audit.SettingText,
			Required: true,
			Secret:   true,
		},
		{
			Name:    settingOrganization,
			Label:   "Organization",
			Help:    "Login of the organization. Leave it empty when an enterprise is given.",
			Kind:    audit.SettingText,
			Account: true,
			Pattern: slug,
			Example: "example-org",
		},
		{
			Name:    settingEnterprise,
			Label:   "Enterprise",
			Help:    "Slug of the enterprise account. Leave it empty when an organization is given.",
			Kind:    audit.SettingText,
			Account: true,
			Pattern: slug,
			Example: "example-enterprise",
		},
	}
}

func feeds() []audit.ConnectorFeed {
	return []audit.ConnectorFeed{
		{
			Name:      feedWeb,
			Label:     "Audit log",
			Retention: audit.Duration(180 * day),
			Delay:     audit.Duration(20 * time.Minute),
			Overlap:   audit.Duration(overlap),
			Slice:     audit.Duration(7 * day),
		},
		{
			Name:      feedGit,
			Label:     "Git activities",
			Retention: audit.Duration(7 * day),
			Delay:     audit.Duration(20 * time.Minute),
			Overlap:   audit.Duration(overlap),
			Slice:     audit.Duration(day),
		},
		{Name: feedWebhook, Label: "Webhooks", PushOnly: true},
	}
}

// account is GitHub's code for one integration: connector.Fetcher, connector.Receiver and connector.FileReader.
type account struct {
	base  *url.URL // root of the API, where alone the token may go
	log   *url.URL // the audit log
	token string
	http  *connector.Client
	now   func() time.Time
}

func open(config connector.Config) (connector.Opened, error) {
	organization, enterprise := config.Settings.Text(settingOrganization), config.Settings.Text(settingEnterprise)
	var path []string
	switch {
	case organization != "" && enterprise != "":
		return nil, wrong("give either an organization or an enterprise, not both")
	case organization != "":
		path = []string{"orgs", organization, "audit-log"}
	case enterprise != "":
		path = []string{"enterprises", enterprise, "audit-log"}
	default:
		return nil, wrong("give an organization or an enterprise")
	}
	base, err := url.Parse(strings.TrimRight(config.Settings.Text(settingBaseURL), "/"))
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, wrong(settingBaseURL + " must be an address like https://api.github.com")
	}
	return &account{
		base:  base,
		log:   base.JoinPath(path...),
		token: config.Settings.Text(settingToken),
		http:  config.HTTP,
		now:   config.Now,
	}, nil
}

func wrong(problem string) error {
	return connector.Fail(connector.ConfigurationWrong, errors.New(problem))
}
