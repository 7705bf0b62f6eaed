package simulator

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Disturb lets UnknownFields and WrongTypes happen to a record, a JSON object, while it is generated: a field that no
// documentation names, and a null or a value of another type in place of a member. The members named in keep are
// spared: those that the record's key and time come from.
func (f *Faults) Disturb(record []byte, keep ...string) []byte {
	if f.Hits(UnknownFields) {
		record = append([]byte(`{"zz_unknown":{"list":[1,"two",null],"n":9007199254740993},`), bytes.TrimLeft(record, "{ \n\t")...)
	}
	if f.Hits(WrongTypes) {
		record = f.retype(record, keep)
	}
	return record
}

// retype gives one member another type.
func (f *Faults) retype(record []byte, keep []string) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(record, &members) != nil {
		return record
	}
	var names []string
	for name := range members {
		if !slices.Contains(keep, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return record
	}
	slices.Sort(names)
	strange := []string{`null`, `42`, `"text"`, `["a",["b"]]`, `{"deep":{"er":true}}`, `false`, `-0.5e3`}
	members[names[f.below(WrongTypes, len(names))]] = json.RawMessage(strange[f.below(WrongTypes, len(strange))])
	changed, err := json.Marshal(members)
	if err != nil {
		return record
	}
	return changed
}
