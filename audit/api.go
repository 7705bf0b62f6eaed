package audit

import "time"

// Node is anything that has a global id.
type Node interface{ ID() string }

// Tenant is an isolation boundary.
type Tenant struct {
	Number TenantID
	Name   string
}

// ID is the tenant's global id.
func (t *Tenant) ID() string { return ID{Kind: KindTenant, Tenant: t.Number}.String() }

// SettingInput is one setting to write; a nil value takes it away.
type SettingInput struct {
	Name  string
	Value JSON
}

// Setting is one setting as it is shown: a secret only says whether it is set.
type Setting struct {
	Name  string
	Value JSON
	IsSet bool
}

// IntegrationPage is a page of integrations.
type IntegrationPage struct {
	Edges      []*IntegrationEdge
	PageInfo   PageInfo
	TotalCount int64
}

// IntegrationEdge is one integration of a page.
type IntegrationEdge struct {
	Cursor string
	Node   *Integration
}

// IntegrationCheck is what trying one feed of an integration gave.
type IntegrationCheck struct {
	Feed             string
	OK               bool
	Reason           HealthReason // why not, empty when it works
	NewestOccurredAt *time.Time
}

// DraftInput is an activity that a client records through the API.
type DraftInput struct {
	IdempotencyKey string        `json:"idempotencyKey"`
	Type           string        `json:"type"`
	Action         Action        `json:"action"`
	Category       Category      `json:"category"`
	Description    Text          `json:"description,omitempty"`
	Actor          ActorInput    `json:"actor"`
	OnBehalfOf     *ActorInput   `json:"onBehalfOf,omitempty"`
	Targets        []TargetInput `json:"targets,omitempty"`
	Outcome        Outcome       `json:"outcome"`
	OutcomeReason  Text          `json:"outcomeReason,omitempty"`
	IP             Text          `json:"ip,omitempty"`
	UserAgent      Text          `json:"userAgent,omitempty"`
	SessionID      Text          `json:"sessionId,omitempty"`
	RequestID      Text          `json:"requestId,omitempty"`
	OccurredAt     time.Time     `json:"occurredAt"`
	Metadata       JSON          `json:"metadata,omitempty"`
}

// ActorInput is an actor that a client names.
type ActorInput struct {
	Type     ActorType `json:"type"`
	VendorID Text      `json:"vendorId,omitempty"`
	Name     Text      `json:"name,omitempty"`
	Email    Text      `json:"email,omitempty"`
}

// TargetInput is a target that a client names.
type TargetInput struct {
	Type     string `json:"type"`
	VendorID Text   `json:"vendorId,omitempty"`
	Name     Text   `json:"name,omitempty"`
}

// RecordStatus is what became of one draft that a client sent.
type RecordStatus string

// The ends of a draft.
const (
	RecordRecorded RecordStatus = "RECORDED"
	RecordRepeated RecordStatus = "REPEATED"
	RecordRefused  RecordStatus = "REFUSED"
)

// RecordResult is what became of one draft that a client sent.
type RecordResult struct {
	IdempotencyKey string
	Status         RecordStatus
	Activity       *Activity // nil when refused
	Seq            *int64    // nil when refused
	Error          *UserError
}

// StreamPhase says where a live feed stands.
type StreamPhase string

// The phases.
const (
	PhaseHistory StreamPhase = "HISTORY"
	PhaseLive    StreamPhase = "LIVE"
)

// LiveMessage is one message of the live feed: 0 to 100 activities.
type LiveMessage struct {
	Edges       []*LiveEdge
	Cursor      string // resume here
	Phase       StreamPhase
	BehindCount int64 // activities still to be read before it is live
}

// LiveEdge is one activity of the live feed.
type LiveEdge struct {
	Cursor string
	Node   *Activity
}

// Nodes are the page's activities without their cursors.
func (p *Page) Nodes() []*Activity {
	nodes := make([]*Activity, len(p.Edges))
	for i := range p.Edges {
		nodes[i] = p.Edges[i].Node
	}
	return nodes
}

// Nodes are the page's integrations without their cursors.
func (p *IntegrationPage) Nodes() []*Integration {
	nodes := make([]*Integration, len(p.Edges))
	for i, edge := range p.Edges {
		nodes[i] = edge.Node
	}
	return nodes
}
