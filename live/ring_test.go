package live

import (
	"reflect"
	"strings"
	"testing"

	"annals/audit"
)

// TestWeightCountsEveryText walks over an activity by reflection, so that a field which is added is not forgotten.
func TestWeightCountsEveryText(t *testing.T) {
	t.Parallel()
	a := &audit.Activity{}
	empty := weight(a)
	texts := fill(reflect.ValueOf(a).Elem(), strings.Repeat("x", 1<<20))
	if texts < 40 || weight(a) < empty+texts<<20 || weight(a) > empty+texts<<20+16<<10 {
		t.Errorf("%d texts of 1 MiB weigh %d more than none", texts, weight(a)-empty)
	}
}

// fill sets every text to one, with three elements in every list, and gives their number.
func fill(v reflect.Value, text string) (texts int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return 1
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), text)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(text))
			return 1
		}
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			texts += fill(v.Index(i), text)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				texts += fill(field, text)
			}
		}
	}
	return texts
}

// TestRingBytes: however heavy activities are, a ring holds no more bytes than it may, and the newest that it can.
func TestRingBytes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 8<<10)
	heavy := func(seq int64, changes int) *audit.Activity {
		a := &audit.Activity{Seq: seq}
		for range changes {
			a.Changes = append(a.Changes, audit.Change{Field: "f", Before: &long, After: &long})
		}
		return a
	}
	tests := map[string]struct{ changes, held int }{
		"light": {0, 300}, "1 MiB each": {64, 63}, "most of a ring": {4000, 1}, "more than a ring": {5000, 0},
	}
	for name, test := range tests {
		r := &ring{grown: make(chan struct{})}
		for n := range int64(3) {
			var batch []*audit.Activity
			for i := range int64(100) {
				batch = append(batch, heavy(n*100+i, test.changes))
			}
			r.add(batch)
		}
		held := 0
		for _, a := range r.activities {
			for _, change := range a.Changes {
				held += len(*change.Before) + len(*change.After)
			}
		}
		if len(r.activities) != test.held || held > ringBytes || r.bytes > ringBytes || r.next() != 300 {
			t.Errorf("%s: %d activities with %d bytes up to %d, want %d with at most %d", name, len(r.activities), held, r.next(), test.held, ringBytes)
		}
		if rest, _, ok := r.from(300); !ok || len(rest) > 0 {
			t.Errorf("%s: %d activities at the end, held: %v", name, len(rest), ok)
		}
	}
}
