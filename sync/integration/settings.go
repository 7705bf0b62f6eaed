package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"annals/audit"
	"annals/sync/connector"
)

// What is sealed, as the sealer tells it apart.
const (
	settingsPurpose = "integration settings"
	webhookPurpose  = "webhook secret"
)

func place(tenant audit.TenantID, id audit.IntegrationID) []string {
	return []string{strconv.FormatInt(int64(tenant), 10), id.String()}
}

func mistake(message string, field ...string) *audit.UserError {
	return &audit.UserError{Field: append([]string{"input"}, field...), Message: message, Code: audit.CodeInvalid}
}

// checkName says what is wrong with an integration's name.
func (s *Service) checkName(i audit.Integration) audit.UserErrors {
	switch {
	case i.Name == "" || len(i.Name) > 200:
		return audit.UserErrors{mistake("Must have 1 to 200 bytes.", "name")}
	case !utf8.ValidString(i.Name) || strings.ContainsFunc(i.Name, unicode.IsControl):
		return audit.UserErrors{mistake("Must be text without control characters.", "name")}
	case s.reserved(i):
		problem := mistake("An integration that is built in has this name.", "name")
		problem.Code = audit.CodeTaken
		return audit.UserErrors{problem}
	}
	return nil
}

// overlay lays given settings over the present values of a form and checks all of them. Where an address or account
// changes, present secrets do not count: they must be among the given ones.
func (s *Service) overlay(c audit.Connector, present map[string]json.RawMessage, given []*audit.SettingInput) (map[string]json.RawMessage, audit.UserErrors) {
	values := maps.Clone(present)
	if values == nil {
		values = map[string]json.RawMessage{}
	}
	var problems audit.UserErrors
	sent := map[string]bool{}
	for _, setting := range given {
		field, ok := c.Setting(setting.Name)
		if !ok {
			problems = append(problems, mistake("The connector has no setting of this name.", "settings", setting.Name))
			continue
		}
		sent[setting.Name] = true
		if len(setting.Value) == 0 || bytes.Equal(setting.Value, []byte("null")) || field.Secret && bytes.Equal(setting.Value, []byte(`""`)) {
			delete(values, setting.Name)
			continue
		}
		values[setting.Name] = json.RawMessage(setting.Value)
		if problem := s.checkValue(field, setting.Value); problem != nil {
			problems = append(problems, problem)
		}
	}
	if len(present) > 0 && moved(c, present, values) {
		problems = append(problems, secretsAgain(c, values, sent)...)
	}
	for _, field := range c.Settings {
		if _, ok := values[field.Name]; !ok && field.Required && len(field.Default) == 0 {
			problems = append(problems, mistake("Is required.", "settings", field.Name))
		}
	}
	return values, problems
}

func (s *Service) checkValue(field audit.SettingField, value audit.JSON) *audit.UserError {
	if problem := field.Check(json.RawMessage(value)); problem != "" {
		return mistake("The value "+problem+".", "settings", field.Name)
	}
	if field.Kind != audit.SettingURL {
		return nil
	}
	var address string
	_ = json.Unmarshal(value, &address) // Check has read it
	if err := s.options.Guard.CheckURL(address); err != nil {
		problem := mistake("The address "+err.Error()+".", "settings", field.Name)
		if connector.ClassOf(err) == connector.AddressRefused {
			problem.Code = audit.CodeAddressRefused
		}
		return problem
	}
	return nil
}

// moved reports whether the vendor's address or account differs.
func moved(c audit.Connector, before, after map[string]json.RawMessage) bool {
	return slices.ContainsFunc(c.Settings, func(field audit.SettingField) bool {
		return (field.Account || field.Kind == audit.SettingURL) && !field.Secret &&
			!sameValue(effective(field, before), effective(field, after))
	})
}

func effective(field audit.SettingField, values map[string]json.RawMessage) []byte {
	if value, ok := values[field.Name]; ok {
		return value
	}
	return field.Default
}

// sameValue reports whether two texts of JSON say the same: the database need not give back the spelling that was sent.
func sameValue(a, b []byte) bool { return connector.ContentOrBytes(a) == connector.ContentOrBytes(b) }

func secretsAgain(c audit.Connector, values map[string]json.RawMessage, sent map[string]bool) audit.UserErrors {
	var problems audit.UserErrors
	for _, field := range c.Settings {
		if _, set := values[field.Name]; field.Secret && set && !sent[field.Name] {
			problems = append(problems, mistake("Must be given again, since the address or account changes.", "settings", field.Name))
		}
	}
	return problems
}

// refusal shows what opening the vendor's code says of the settings.
func refusal(err error) error {
	if failure, ok := errors.AsType[*connector.Failure](err); ok && failure.Class == connector.ConfigurationWrong {
		return audit.UserErrors{{Field: []string{"input", "settings"}, Message: sentence(failure.Error()), Code: audit.CodeInvalid}}
	}
	return err
}

func sentence(text string) string {
	if text == "" {
		return "The settings do not fit together."
	}
	return string(bytes.ToUpper([]byte(text[:1]))) + text[1:] + "."
}
