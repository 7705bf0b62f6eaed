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
