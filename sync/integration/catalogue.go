package integration

import (
	"slices"
	"strings"

	"annals/audit"
	"annals/sync/connector"
)

// Catalogue is the connectors that there are. One without Open is built in: it has integrations of its own, and nobody
// creates one.
type Catalogue []connector.Registration

func (c Catalogue) find(name string) (connector.Registration, bool) {
	for _, registration := range c {
		if registration.Connector.Name == name {
			return registration, true
		}
	}
	return connector.Registration{}, false
}

// Connectors gives those that an integration can be created of, by label.
func (s *Service) Connectors() []*audit.Connector {
	var connectors []*audit.Connector
	for i := range s.catalogue {
		if s.catalogue[i].Open != nil {
			connectors = append(connectors, &s.catalogue[i].Connector)
		}
	}
	slices.SortFunc(connectors, func(a, b *audit.Connector) int { return strings.Compare(a.Label, b.Label) })
	return connectors
}

// Connector gives one by its name, nil when there is none.
func (s *Service) Connector(name string) *audit.Connector {
	registration, ok := s.catalogue.find(name)
	if !ok {
		return nil
	}
	return &registration.Connector
}
