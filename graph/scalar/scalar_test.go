package scalar

import "testing"

func TestNullTextIsAbsent(t *testing.T) {
	t.Parallel()
	if text, err := UnmarshalText(nil); err != nil || text != "" {
		t.Errorf("null text: %q, %v", text, err)
	}
	if ip, err := UnmarshalIP(nil); err != nil || ip.IsValid() {
		t.Errorf("null address: %s, %v", ip, err)
	}
	if _, err := UnmarshalText(5); err == nil {
		t.Error("a number passes as text")
	}
}

func TestDateTimeReadsWhatExists(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-23T02:18:34Z":           "2026-11-23T02:18:34Z",
		"2026-11-23t02:18:34.123456z":    "2026-11-23T02:18:34.123456Z",
		"2026-11-23T02:18:34+14:00":      "2026-11-22T12:18:34Z",
		"2026-11-23T02:18:34-23:59":      "2026-11-24T02:17:34Z",
		"2026-11-23T02:18:34+24:00":      "",
		"2026-11-23T02:18:34+05:60":      "",
		"2026-11-23T02:18:34":            "",
		"2026-02-29T02:18:34Z":           "",
		"2026-11-23T02:18:34.1234567Z":   "",
		"2026-11-23 02:18:34Z":           "",
		" 2026-11-23T02:18:34Z":          "",
		"2026-11-23T24:00:00Z":           "",
		"2026-11-23T02:18:34.123456789Z": "",
	} {
		got, err := UnmarshalDateTime(text)
		if (err == nil) != (want != "") || err == nil && got.Format("2006-01-02T15:04:05.999999999Z07:00") != want {
			t.Errorf("%s is read as %v, %v, want %q", text, got, err, want)
		}
	}
}
