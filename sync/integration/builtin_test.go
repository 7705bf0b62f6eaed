package integration_test

import (
	"context"
	"sync"
	"testing"

	"annals/audit"
	"annals/sync/journal"
	"annals/sync/push"
)

func TestBuiltInIntegrationsAreFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var first sync.WaitGroup
	for range 8 {
		first.Go(func() {
			for number, c := range map[audit.IntegrationID]audit.Connector{1: journal.Connector(), 2: push.Registration().Connector} {
				i, err := r.BuiltIn(context.Background(), r.view.Tenant(), c)
				if err != nil || i.Number != number || i.ConnectorName != c.Name || i.Tenant != r.view.Tenant() {
					t.Errorf("%s is %+v, %v, want number %d", c.Name, i, err, number)
				}
			}
		})
	}
	first.Wait()
	all, err := r.All(t.Context(), r.view)
	if err != nil || len(all) != 2 {
		t.Errorf("integrations %v, %v, want the two that are built in", all, err)
	}
	if _, err := r.BuiltIn(t.Context(), r.view.Tenant(), audit.Connector{Name: "example"}); err == nil {
		t.Error("a connector that is not built in has an integration by itself")
	}
}

func TestNamesOfBuiltInIntegrationsAreTheirs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.create("mine")
	for _, name := range []string{"Annals", "aNNALS", " Push ", "push"} {
		_, _, err := r.Create(t.Context(), r.view, name, "example", valid(), nil)
		r.expect("creating "+name, err, "name TAKEN")
		_, err = r.Update(t.Context(), r.view, mine.ID(), &name, nil)
		r.expect("renaming to "+name, err, "name TAKEN")
	}
	for _, c := range []audit.Connector{journal.Connector(), push.Registration().Connector} {
		if _, err := r.BuiltIn(t.Context(), r.view.Tenant(), c); err != nil {
			t.Errorf("then %s: %v", c.Name, err)
		}
	}
}

func TestWhatABuiltInIntegrationLetsPeopleDo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	own, err := r.BuiltIn(t.Context(), r.view.Tenant(), journal.Connector())
	if err != nil {
		t.Fatal(err)
	}
	apps, err := r.BuiltIn(t.Context(), r.view.Tenant(), push.Registration().Connector)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what string
		do   func(i *audit.Integration) error
		push []string // refused of Push; Annals lets nobody do anything
	}{
		{"pausing", func(i *audit.Integration) error {
			_, err := r.Pause(t.Context(), r.view, i.ID())
			return err
		}, nil},
		{"resuming", func(i *audit.Integration) error {
			_, err := r.Resume(t.Context(), r.view, i.ID())
			return err
		}, nil},
		{"deleting", func(i *audit.Integration) error {
			_, err := r.Delete(t.Context(), r.view, i.ID(), i.Name)
			return err
		}, []string{"id CONFLICT"}},
		{"renaming", func(i *audit.Integration) error {
			_, err := r.Update(t.Context(), r.view, i.ID(), new("Our apps"), nil)
			return err
		}, nil},
	} {
		r.expect(step.what+" Annals", step.do(own), "id CONFLICT")
		r.expect(step.what+" Push", step.do(apps), step.push...)
	}
	again, err := r.BuiltIn(t.Context(), r.view.Tenant(), push.Registration().Connector)
	if err != nil || again.Number != apps.Number || again.Name != "Our apps" {
		t.Errorf("after its renaming Push is %+v, %v", again, err)
	}
	_, err = r.Update(t.Context(), r.view, apps.ID(), new("Push"), nil)
	if err != nil {
		t.Errorf("giving Push its name back: %v", err)
	}
}
