package audit

import "time"

// View is what one operation may see: a tenant, a restriction, the newest seq and the clock. Every read of tenant data
// takes one, so that no path can forget the restriction, and all parts of one answer add up. Only package auth makes
// views.
type View struct {
	tenant      TenantID
	restriction All
	asOf        int64
	now         time.Time
}

// NewView makes a view. restriction is the normalised restriction of the token, empty for none; asOf the newest seq
// that is visible, -1 of an empty ledger.
func NewView(tenant TenantID, restriction All, asOf int64, now time.Time) View {
	return View{tenant: tenant, restriction: restriction, asOf: asOf, now: now.UTC().Truncate(time.Microsecond)}
}

// Tenant is the tenant that is seen.
func (v View) Tenant() TenantID { return v.tenant }

// AsOf is the newest seq that is seen, -1 of an empty ledger.
func (v View) AsOf() int64 { return v.asOf }

// Now is the clock of the operation.
func (v View) Now() time.Time { return v.now }

// At is the same view by another clock: a later page keeps the first page's.
func (v View) At(now time.Time) View {
	v.now = now
	return v
}

// Until is the same view with another newest seq, for followers that see the ledger grow.
func (v View) Until(asOf int64) View {
	v.asOf = asOf
	return v
}

// Restricted reports whether the view sees only a part of its tenant.
func (v View) Restricted() bool { return len(v.restriction) > 0 }

// Visible adds the restriction and the newest seq to a filter: the whole condition that a backend evaluates.
func (v View) Visible(where All) All {
	visible := make(All, 0, len(where)+len(v.restriction)+1)
	visible = append(visible, where...)
	visible = append(visible, v.restriction...)
	return append(visible, SeqBetween{Max: &v.asOf})
}

// Sees reports whether one activity is visible.
func (v View) Sees(a *Activity) bool {
	return a.Tenant == v.tenant && a.Seq <= v.asOf && Match(v.restriction, a)
}

// SeesIntegration reports whether the restriction leaves room for any activity of an integration.
func (v View) SeesIntegration(id IntegrationID, connector string) bool {
	return judge(v.restriction, func(e Expr) chance {
		switch e := e.(type) {
		case InIntegrations:
			return known(Match(e, &Activity{IntegrationID: id}))
		case In, Prefix, Has:
			if field(e) == FieldConnector {
				return known(Match(e, &Activity{Connector: connector}))
			}
		}
		return maybe
	}) != never
}
