package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"annals/audit"
)

// builtInNumber is the number of the integration that each tenant has of a connector by itself, 0 for none. A fixed
// number finds it whatever it is called by now; random numbers are 1<<32 or more, so none is one of these.
func builtInNumber(connectorName string) audit.IntegrationID {
	switch connectorName {
	case "annals":
		return 1
	case "push":
		return 2
	}
	return 0
}

func builtIn(i audit.Integration) bool { return i.Number == builtInNumber(i.ConnectorName) }

// BuiltIn gives the tenant's integration of a connector that has one by itself, and makes it at its first use.
func (s *Service) BuiltIn(ctx context.Context, tenant audit.TenantID, c audit.Connector) (*audit.Integration, error) {
	number := builtInNumber(c.Name)
	if number == 0 {
		return nil, fmt.Errorf("the connector %q has no integration by itself", c.Name)
	}
	for range 2 {
		stored, err := s.store.StoredIntegration(ctx, tenant, number)
		if !errors.Is(err, audit.ErrNotFound) {
			return &stored.Integration, err
		}
		now := s.now()
		err = s.store.CreateIntegration(ctx, audit.NewIntegration{FeedNames: feedNames(c), StoredIntegration: audit.StoredIntegration{
			Integration: audit.Integration{
				Tenant: tenant, Number: number, Name: c.Label, ConnectorName: c.Name, CreatedAt: now, UpdatedAt: now,
			},
		}})
		// Taken: another operation was faster, and the next look finds what it made.
		if err != nil && !errors.Is(err, audit.ErrTaken) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("making the integration %q: %w", c.Label, audit.ErrTaken)
}

// reserved reports whether a name belongs to an integration that is built in. They keep theirs even before their first
// use, in all letter cases, so that nobody is taken for one of them.
func (s *Service) reserved(i audit.Integration) bool {
	for _, registration := range s.catalogue {
		number := builtInNumber(registration.Connector.Name)
		if number != 0 && number != i.Number && strings.EqualFold(i.Name, registration.Connector.Label) {
			return true
		}
	}
	return false
}

// now is the present as the database keeps it.
func (s *Service) now() time.Time { return s.options.Now().UTC().Truncate(time.Microsecond) }
