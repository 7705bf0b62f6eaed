package audit

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// Connector describes the code for one vendor: what it collects, and the form of its settings.
type Connector struct {
	Name             string // key: `github`
	Label            string // for people: `GitHub`
	Description      string // what it collects, and what the vendor's plan must include
	Settings         []SettingField
	Feeds            []ConnectorFeed
	CanPoll          bool
	CanPush          bool
	CanImport        bool
	DocumentationURL Text
}

// ID is the connector's global id, the same for all tenants.
func (c *Connector) ID() string { return ID{Kind: KindConnector, Name: c.Name}.String() }

// Feed finds a feed by its name.
func (c *Connector) Feed(name string) (ConnectorFeed, bool) {
	for _, feed := range c.Feeds {
		if feed.Name == name {
			return feed, true
		}
	}
	return ConnectorFeed{}, false
}

// Setting finds a field of the form by its name.
func (c *Connector) Setting(name string) (SettingField, bool) {
	for _, field := range c.Settings {
		if field.Name == name {
			return field, true
		}
	}
	return SettingField{}, false
}

// ConnectorFeed describes one stream of a connector.
type ConnectorFeed struct {
	Name      string
	Label     string
	Retention Duration // how long the vendor keeps activities; 0: for ever or unknown
	Delay     Duration // usual delay until an activity can be fetched
	Overlap   Duration // how far each poll reads back behind its watermark for late arrivals
	Slice     Duration // length of one window of a backfill
	PushOnly  bool     // nothing can be fetched: activities only arrive by webhook or import
}

// SettingKind is the kind of a setting's value.
type SettingKind string

// The kinds of setting.
const (
	SettingText      SettingKind = "TEXT"
	SettingMultiline SettingKind = "MULTILINE"
	SettingBoolean   SettingKind = "BOOLEAN"
	SettingInteger   SettingKind = "INTEGER"
	SettingURL       SettingKind = "URL"
	SettingChoiceOne SettingKind = "CHOICE"
	SettingChoices   SettingKind = "CHOICES"
	SettingDuration  SettingKind = "DURATION"
)

// SettingField is one field of a settings form.
type SettingField struct {
	Name     string
	Label    string
	Help     string // plain text
	Kind     SettingKind
	Required bool
	Secret   bool // written once, never read back
	// Account marks a setting that says which account of the vendor is read. Changing one, or an address (kind URL),
	// asks for the secrets again.
	Account bool
	Choices []SettingChoice
	Default JSON // value when absent
	Pattern Text // regular expression that a text must match as a whole
	Example Text
}

// SettingChoice is one choice of a CHOICE or CHOICES.
type SettingChoice struct{ Value, Label string }

// Check says what is wrong with a value, or "". The value is JSON of the field's kind.
func (f SettingField) Check(value json.RawMessage) string {
	switch f.Kind {
	case SettingBoolean:
		var v bool
		if json.Unmarshal(value, &v) != nil {
			return "must be true or false"
		}
		return ""
	case SettingInteger:
		var v int64
		if json.Unmarshal(value, &v) != nil {
			return "must be a whole number"
		}
		return ""
	case SettingChoices:
		var v []string
		if json.Unmarshal(value, &v) != nil {
			return "must be a list of texts"
		}
		for _, choice := range v {
			if problem := f.checkText(choice); problem != "" {
				return problem
			}
		}
		return ""
	default: // the others are texts
	}
	var v string
	if json.Unmarshal(value, &v) != nil {
		return "must be a text"
	}
	return f.checkText(v)
}

func (f SettingField) checkText(v string) string {
	switch {
	case v == "" && f.Required:
		return "must not be empty"
	case len(v) > 64<<10:
		return "must be at most 64 KiB long"
	case v != strings.TrimSpace(v):
		return "must not begin or end with a space or a line break"
	case f.Kind == SettingDuration:
		if _, err := ParseDuration(v); err != nil {
			return "must be a duration like PT15M"
		}
	case f.Kind == SettingChoiceOne, f.Kind == SettingChoices && len(f.Choices) > 0:
		return f.checkChoice(v)
	case f.Pattern != "" && !regexp.MustCompile(`^(?:`+string(f.Pattern)+`)$`).MatchString(v):
		return "must match " + string(f.Pattern)
	}
	return ""
}

func (f SettingField) checkChoice(v string) string {
	for _, choice := range f.Choices {
		if choice.Value == v {
			return ""
		}
	}
	return "must be one of the choices"
}

// HealthReason says why something is not well.
type HealthReason string

// The reasons.
const (
	ReasonCredentialsRefused HealthReason = "CREDENTIALS_REFUSED"
	ReasonConfigurationWrong HealthReason = "CONFIGURATION_WRONG"
	ReasonRateLimited        HealthReason = "RATE_LIMITED"
	ReasonVendorUnavailable  HealthReason = "VENDOR_UNAVAILABLE"
	ReasonUnexpectedAnswer   HealthReason = "UNEXPECTED_ANSWER"
	ReasonAddressRefused     HealthReason = "ADDRESS_REFUSED"
	ReasonNoData             HealthReason = "NO_DATA"
	ReasonSignaturesFail     HealthReason = "SIGNATURES_FAIL"
	ReasonPausedByPerson     HealthReason = "PAUSED_BY_PERSON"
	ReasonBacklog            HealthReason = "BACKLOG"
	ReasonLosing             HealthReason = "LOSING"
)

// Sentence is the reason as an English sentence.
func (r HealthReason) Sentence() string {
	switch r {
	case ReasonCredentialsRefused:
		return "The vendor refuses the credentials."
	case ReasonConfigurationWrong:
		return "A setting is wrong."
	case ReasonRateLimited:
		return "The vendor throttles."
	case ReasonVendorUnavailable:
		return "The vendor answers with an error or not at all."
	case ReasonUnexpectedAnswer:
		return "The vendor answers something that is no audit log."
	case ReasonAddressRefused:
		return "The address may not be contacted."
	case ReasonNoData:
		return "Nothing arrives though something usually does."
	case ReasonSignaturesFail:
		return "Webhooks fail their check."
	case ReasonPausedByPerson:
		return "Someone paused it."
	case ReasonBacklog:
		return "Fetching is too slow."
	case ReasonLosing:
		return "The vendor's retention ends before fetching is through."
	}
	return ""
}

// Window is a half-open time.
type Window struct{ From, To time.Time }
