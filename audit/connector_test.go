package audit_test

import (
	"encoding/json"
	"strings"
	"testing"

	"annals/audit"
)

func TestSettingFieldCheck(t *testing.T) {
	t.Parallel()
	choices := []audit.SettingChoice{{Value: "a", Label: "A"}, {Value: "b", Label: "B"}}
	for _, tc := range []struct {
		field audit.SettingField
		right []string
		wrong []string
	}{
		{
			audit.SettingField{Kind: audit.SettingText},
			[]string{`"x"`, `""`, `"` + strings.Repeat("x", 64<<10) + `"`},
			[]string{`1`, `true`, `["x"]`, `{}`, `"` + strings.Repeat("x", 64<<10+1) + `"`, ``, `"x\n"`, `" x"`},
		},
		{audit.SettingField{Kind: audit.SettingText, Required: true}, []string{`"x"`}, []string{`""`, `null`}},
		{
			audit.SettingField{Kind: audit.SettingText, Pattern: "[a-z]+|[0-9]+"},
			[]string{`"abc"`, `"12"`},
			[]string{`"abc1"`, `"1abc"`, `"a b"`, `""`},
		},
		{audit.SettingField{Kind: audit.SettingBoolean}, []string{`true`, `false`}, []string{`"true"`, `0`, `[]`}},
		{audit.SettingField{Kind: audit.SettingInteger}, []string{`0`, `-7`, `9007199254740993`}, []string{`1.5`, `"1"`, `1e30`}},
		{audit.SettingField{Kind: audit.SettingDuration}, []string{`"PT15M"`}, []string{`"15m"`, `15`, `""`}},
		{audit.SettingField{Kind: audit.SettingChoiceOne, Choices: choices}, []string{`"a"`, `"b"`}, []string{`"A"`, `""`, `["a"]`}},
		{audit.SettingField{Kind: audit.SettingChoices, Choices: choices}, []string{`[]`, `["a"]`, `["b","a"]`}, []string{`["c"]`, `["a","c"]`, `"a"`, `[1]`}},
		{audit.SettingField{Kind: audit.SettingChoices, Pattern: "[0-9]+"}, []string{`["1","22"]`}, []string{`["1","x"]`}},
	} {
		for _, value := range tc.right {
			if problem := tc.field.Check(json.RawMessage(value)); problem != "" {
				t.Errorf("%s %.40s: %s", tc.field.Kind, value, problem)
			}
		}
		for _, value := range tc.wrong {
			if tc.field.Check(json.RawMessage(value)) == "" {
				t.Errorf("%s %.40s is taken", tc.field.Kind, value)
			}
		}
	}
}

func TestConnectorFinds(t *testing.T) {
	t.Parallel()
	c := &audit.Connector{
		Feeds:    []audit.ConnectorFeed{{Name: "web"}, {Name: "git"}},
		Settings: []audit.SettingField{{Name: "baseUrl"}, {Name: "token"}},
	}
	feed, hasFeed := c.Feed("git")
	setting, hasSetting := c.Setting("token")
	if !hasFeed || feed.Name != "git" || !hasSetting || setting.Name != "token" {
		t.Errorf("found %v %v, %v %v", feed, hasFeed, setting, hasSetting)
	}
	_, hasFeed = c.Feed("token")
	_, hasSetting = c.Setting("git")
	if hasFeed || hasSetting {
		t.Error("found what is not there")
	}
}
