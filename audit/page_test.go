package audit_test

import (
	"encoding/json"
	"testing"

	"annals/audit"
)

func TestRaw(t *testing.T) {
	t.Parallel()
	text := &audit.Raw{Bytes: []byte("äb")}
	if got := text.Text(); got == nil || *got != "äb" || text.Base64() != "w6Ri" || text.Size() != 3 {
		t.Errorf("%v, %s, %d", got, text.Base64(), text.Size())
	}
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; (&audit.Raw{Bytes: []byte("abc")}).SHA256() != want {
		t.Errorf("the digest of abc is not %s", want)
	}
	if got := (&audit.Raw{Bytes: []byte{0xff, 'a'}}).Text(); got != nil {
		t.Errorf("invalid UTF-8 is the text %q", *got)
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	page := &audit.Page{Edges: []audit.Edge{{Node: &audit.Activity{Seq: 4}}, {Node: &audit.Activity{Seq: 2}}}}
	if nodes := page.Nodes(); len(nodes) != 2 || nodes[0].Seq != 4 || nodes[1].Seq != 2 {
		t.Errorf("%v", nodes)
	}
	if nodes := (&audit.Page{}).Nodes(); nodes == nil || len(nodes) != 0 {
		t.Errorf("an empty page has the nodes %v, want an empty list", nodes)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for want, document := range map[string]audit.JSON{`[null]`: nil, `[{"a":1}]`: audit.JSON(`{"a":1}`)} {
		if got, err := json.Marshal([]audit.JSON{document}); err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
