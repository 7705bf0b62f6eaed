package resolvers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"annals/audit"
)

// shelf has one object of each kind, and notes what is asked for.
type shelf struct {
	Activities
	TokenStore

	asked []string
	fail  error
}

func (s *shelf) ask(format string, args ...any) error {
	s.asked = append(s.asked, fmt.Sprintf(format, args...))
	return s.fail
}

func (s *shelf) Get(_ context.Context, view audit.View, id audit.ID) (*audit.Activity, error) {
	if err := s.ask("activity %d of %d", id.Number, id.Tenant); err != nil || id.Tenant != view.Tenant() || id.Number != 3 {
		return nil, missing(err)
	}
	return &audit.Activity{Tenant: id.Tenant, Seq: id.Number}, nil
}

func (s *shelf) Token(_ context.Context, tenant audit.TenantID, jti string) (*audit.APIToken, error) {
	if err := s.ask("token %s of %d", jti, tenant); err != nil || jti != "jti" {
		return nil, missing(err)
	}
	return &audit.APIToken{Tenant: tenant, JTI: jti}, nil
}

// directory is the shelf of integrations: both have a Get.
type directory struct {
	Integrations
	*shelf
}

func (d directory) Get(_ context.Context, _ audit.View, id audit.ID) (*audit.Integration, error) {
	if err := d.ask("integration %d of %d", id.Number, id.Tenant); err != nil || id.Number != 3 {
		return nil, missing(err)
	}
	return &audit.Integration{Tenant: id.Tenant, Number: audit.IntegrationID(id.Number)}, nil
}

func (d directory) Backfill(_ context.Context, _ audit.View, id audit.ID) (*audit.Backfill, error) {
	if err := d.ask("backfill %d of %d", id.Number, id.Tenant); err != nil || id.Number != 3 {
		return nil, missing(err)
	}
	return &audit.Backfill{Tenant: id.Tenant, Number: id.Number}, nil
}

func (d directory) Connector(name string) *audit.Connector {
	if d.asked = append(d.asked, "connector"); name != "github" {
		return nil
	}
	return &audit.Connector{Name: name}
}

// missing is why an object cannot be given.
func missing(err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("reading: %w", audit.ErrNotFound)
}

func withShelf(types ...string) (*rig, *shelf) {
	r, s := newRig(types...), &shelf{}
	r.Explorer, r.TokenStore, r.Directory = s, s, directory{shelf: s}
	return r, s
}

var everyType = []string{"Activity", "Integration", "Backfill", "ApiToken", "Tenant", "Connector"}

func ids(tenant audit.TenantID) map[string]audit.ID {
	return map[string]audit.ID{
		"Activity": {Kind: audit.KindActivity, Tenant: tenant, Number: 3}, "Integration": {Kind: audit.KindIntegration, Tenant: tenant, Number: 3},
		"Backfill": {Kind: audit.KindBackfill, Tenant: tenant, Number: 3}, "ApiToken": {Kind: audit.KindAPIToken, Tenant: tenant, Name: "jti"},
		"Tenant": {Kind: audit.KindTenant, Tenant: tenant},
	}
}

func TestNodeGivesEveryKindUnderItsOwnID(t *testing.T) {
	t.Parallel()
	objects := ids(ours)
	objects["Connector"] = audit.ID{Kind: audit.KindConnector, Name: "github"}
	for kind, id := range objects {
		r, _ := withShelf(kind)
		node, err := r.Query().Node(caller(t), id.String())
		if err != nil || node == nil || node.ID() != id.String() {
			t.Errorf("%s: %v, %v, want the object of this id", kind, node, err)
		}
	}
}

// TestNodeMissesAllLookAlike asks for what may not be seen: the answer is a bare nil each time, and the database is
// asked the same single question, so that neither words nor time tell one miss from another.
func TestNodeMissesAllLookAlike(t *testing.T) {
	t.Parallel()
	misses := map[string]string{"malformed": "x", "empty": ""}
	for kind, id := range ids(theirs) {
		misses["another tenant's "+kind] = id.String()
	}
	for what, text := range misses {
		r, s := withShelf(everyType...)
		node, err := r.Query().Node(caller(t), text)
		if err != nil || node != nil || !slices.Equal(s.asked, []string{"activity -1 of 7"}) {
			t.Errorf("%s: %v, %v after asking for %v, want nil after one question", what, node, err, s.asked)
		}
	}
	for kind, id := range ids(ours) { // a type that the token does not cover
		r, s := withShelf(slices.DeleteFunc(slices.Clone(everyType), func(name string) bool { return name == kind })...)
		node, err := r.Query().Node(caller(t), id.String())
		if err != nil || node != nil || !slices.Equal(s.asked, []string{"activity -1 of 7"}) {
			t.Errorf("uncovered %s: %v, %v after asking for %v, want nil after one question", kind, node, err, s.asked)
		}
	}
}

// TestNodeOfNothingIsNil guards against a nil pointer in an interface, which a client would see as an object.
func TestNodeOfNothingIsNil(t *testing.T) {
	t.Parallel()
	for kind, id := range ids(ours) {
		if kind == "Tenant" {
			continue // is always there
		}
		if id.Number++; id.Name != "" {
			id.Number, id.Name = 0, "other"
		}
		r, s := withShelf(everyType...)
		if node, err := r.Query().Node(caller(t), id.String()); err != nil || node != nil || len(s.asked) != 1 {
			t.Errorf("%s that is not there: %#v, %v after %v", kind, node, err, s.asked)
		}
		s.fail = errBroken
		if node, err := r.Query().Node(caller(t), id.String()); !errors.Is(err, errBroken) || node != nil {
			t.Errorf("%s without a database: %#v, %v, want the error", kind, node, err)
		}
	}
	r, _ := withShelf(everyType...)
	if node, err := r.Query().Node(caller(t), audit.ID{Kind: audit.KindConnector, Name: "none"}.String()); err != nil || node != nil {
		t.Errorf("an unknown connector: %#v, %v", node, err)
	}
}

func TestNodesKeepTheOrderAndTheHoles(t *testing.T) {
	t.Parallel()
	r, _ := withShelf(everyType...)
	good, foreign := ids(ours), ids(theirs)
	asked := []string{good["Backfill"].String(), "x", good["Activity"].String(), foreign["Activity"].String(), good["Backfill"].String()}
	nodes, err := r.Query().Nodes(caller(t), asked)
	if err != nil || len(nodes) != len(asked) {
		t.Fatalf("%d nodes, %v", len(nodes), err)
	}
	for n, node := range nodes {
		if hole := n == 1 || n == 3; (node == nil) != hole || !hole && node.ID() != asked[n] {
			t.Errorf("node %d is %v", n, node)
		}
	}
	if _, err := r.Query().Nodes(caller(t), make([]string, maxNodes)); err != nil {
		t.Errorf("%d ids: %v", maxNodes, err)
	}
	_, err = r.Query().Nodes(caller(t), make([]string, maxNodes+1))
	if wrong, ok := errors.AsType[*audit.ArgumentError](err); !ok || wrong.Argument != "nodes.ids" {
		t.Errorf("%d ids: %v, want an error of nodes.ids", maxNodes+1, err)
	}
}

func TestOneObjectByIDIsNullWhenItIsNotThere(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", ids(theirs)["Activity"].String()} {
		r, _ := withShelf(everyType...)
		if found, err := r.Query().Activity(caller(t), text); err != nil || found != nil {
			t.Errorf("activity %q: %v, %v, want null", text, found, err)
		}
	}
	r, s := withShelf(everyType...)
	s.fail = errBroken
	if _, err := r.Query().Integration(caller(t), ids(ours)["Integration"].String()); !errors.Is(err, errBroken) {
		t.Errorf("without a database: %v", err)
	}
}
