package simulator

import (
	"encoding/json"
	"maps"
	"testing"
)

func TestNilFaultsNeverHappen(t *testing.T) {
	t.Parallel()
	var faults *Faults
	for _, fault := range AllFaults() {
		if faults.Hits(fault) || faults.Happened(fault) != 0 {
			t.Errorf("%s happened", fault)
		}
	}
	if faults.Early() != 0 {
		t.Error("someone was early")
	}
}

func TestFaultsHappenAtTheirRate(t *testing.T) {
	t.Parallel()
	faults := NewFaults(1, testClock, map[Fault]float64{CutBody: 0.25, SlowBody: 1})
	for range 10_000 {
		faults.Hits(CutBody)
		faults.Hits(SlowBody)
		faults.Hits(ServerError)
	}
	if n := faults.Happened(CutBody); n < 2300 || n > 2700 {
		t.Errorf("a quarter of 10000 is %d", n)
	}
	if faults.Happened(SlowBody) != 10_000 || faults.Happened(ServerError) != 0 {
		t.Error("always or never is not so")
	}
}

func TestScriptedFaults(t *testing.T) {
	t.Parallel()
	faults := NewFaults(1, testClock, nil)
	faults.Script(CutBody, 2)
	for i, want := range []bool{true, true, false, false} {
		if got := faults.Hits(CutBody); got != want {
			t.Errorf("chance %d: %v", i, got)
		}
	}
}

// TestFaultsDoNotDisturbEachOther: with a second kind, the first happens at the same chances as without.
func TestFaultsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	alone := NewFaults(7, testClock, map[Fault]float64{CutBody: 0.5})
	beside := NewFaults(7, testClock, map[Fault]float64{CutBody: 0.5, SlowBody: 0.5})
	other := NewFaults(8, testClock, map[Fault]float64{CutBody: 0.5})
	differs := false
	for range 100 {
		beside.Hits(SlowBody)
		hit := alone.Hits(CutBody)
		if beside.Hits(CutBody) != hit {
			t.Fatal("they differ")
		}
		differs = differs || other.Hits(CutBody) != hit
	}
	if !differs {
		t.Error("two seeds are alike")
	}
}

func TestDisturb(t *testing.T) {
	t.Parallel()
	const record = ` { "id": "1", "n": 12345678901234567890, "a": [1], "o": {} }`
	if got := (*Faults)(nil).Disturb([]byte(record)); string(got) != record {
		t.Errorf("without faults it became %s", got)
	}
	faults := NewFaults(1, testClock, map[Fault]float64{UnknownFields: 0.5, WrongTypes: 0.5})
	var before map[string]json.RawMessage
	if err := json.Unmarshal([]byte(record), &before); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		fields, types := faults.Happened(UnknownFields), faults.Happened(WrongTypes)
		got := faults.Disturb([]byte(record), "id", "zz_unknown")
		var after map[string]json.RawMessage
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		_, extra := after["zz_unknown"]
		if extra != (faults.Happened(UnknownFields) > fields) {
			t.Errorf("an unknown field: %s", got)
		}
		delete(after, "zz_unknown")
		same := maps.EqualFunc(before, after, func(a, b json.RawMessage) bool { return string(a) == string(b) })
		if same == (faults.Happened(WrongTypes) > types) || string(after["id"]) != `"1"` || len(after) != len(before) {
			t.Errorf("wrong types: %s", got)
		}
	}
	for _, odd := range []string{`[]`, `{}`, `x`} {
		faults.Script(WrongTypes, 1)
		if got := faults.retype([]byte(odd), nil); string(got) != odd {
			t.Errorf("%s became %s", odd, got)
		}
	}
}
