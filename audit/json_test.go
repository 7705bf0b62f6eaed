package audit_test

import (
	"strings"
	"testing"

	"annals/audit"
)

func TestTooDeep(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
	}
	for document, want := range map[string]bool{
		"":                             false,
		"{}":                           false,
		nested(audit.MaxJSONDepth):     false,
		nested(audit.MaxJSONDepth + 1): true,
		`{"a":[` + strings.Repeat("[],{},", 100) + `0]}`:  false,
		`{"a":"` + strings.Repeat("[", 100) + `"}`:        false,
		`{"a":"\"` + strings.Repeat("[", 100) + `"}`:      false,
		`{"a":"\\",` + nested(audit.MaxJSONDepth)[1:]:     false,
		`{"a":"\\",` + nested(audit.MaxJSONDepth + 1)[1:]: true,
		`{"[\"{":1,` + nested(audit.MaxJSONDepth + 1)[1:]: true,
		`{"a`:                          false, // what is no JSON does no harm
		`{"a\`:                         false,
		strings.Repeat("[", 1_000_000): true,
	} {
		if got := audit.JSON(document).TooDeep(); got != want {
			t.Errorf("%.40s: %v, want %v", document, got, want)
		}
	}
}

func TestExactNumber(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]bool{
		"0": true, "-0": true, "1": true, "-17": true, "1.0": true, "1E2": true, "1e+2": true, "0.1": true, "1.5e-7": true,
		"9007199254740991": true, "9007199254740992": true, "9007199254740993": false, "-9007199254740993": false,
		"9223372036854775807": false, "9223372036854775808": false, // a double has 2^63, and prints it as 9223372036854776000
		"9223372036854776000": true, "123456789012345680000": true, "123456789012345678901234567890": false,
		"999999999999999": true, "1764000000000": true,
		"1e308": true, "1e309": false, "1e400": false, "1e131071": false, "-1e131071": false, "5e-324": true, "1e-400": false,
		"1e99999999999999999999": false, "1e-99999999999999999999": false, "1e-2147483647": false, "0e99999999999999999999": true,
		"0.30000000000000004": true, "0.30000000000000001": false, "3.141592653589793238462643": false,
		"0.1000000000000000000000000000000000": true, "1" + strings.Repeat("0", 63): true, strings.Repeat("9", 100): false,
	} {
		if got := audit.ExactNumber(number); got != want {
			t.Errorf("%.40s: %v, want %v", number, got, want)
		}
	}
}
