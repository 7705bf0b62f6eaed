package db

import (
	"context"
	"strconv"
	"strings"
	"unicode"

	"annals/audit"
)

// Facet counts the values of one field. The field's own terms are not in f.Where.
func (db *DB) Facet(ctx context.Context, view audit.View, f audit.FacetQuery) (*audit.Facet, error) {
	give, err := db.shares.take(ctx, view.Tenant())
	if err != nil {
		return nil, err
	}
	defer give()
	if f.Field == audit.FacetTarget || f.Field == audit.FacetTargetType {
		return db.targetFacet(ctx, view, f)
	}
	q := &query{}
	value, label := facetColumns(f.Field)
	q.WriteString("WITH g AS MATERIALIZED (SELECT " + value + " AS v, count(*) AS n, (" + label + ")[2] AS label FROM activities WHERE tenant_id = " +
		q.arg(view.Tenant()) + " AND " + q.where(view.Visible(f.Where)) + " GROUP BY 1), ")
	q.listed(f)
	q.WriteString(`SELECT coalesce((SELECT sum(n) FROM g), 0)::bigint, coalesce((SELECT n FROM g WHERE v = ''), 0),
		(SELECT count(*) FROM g WHERE v <> ''),
		coalesce((SELECT sum(n) FROM g WHERE v <> '' AND v NOT IN (SELECT v FROM listed)), 0)::bigint,
		ARRAY(SELECT v FROM listed ORDER BY n DESC, v), ARRAY(SELECT n FROM listed ORDER BY n DESC, v),
		ARRAY(SELECT label FROM listed ORDER BY n DESC, v)`)
	facet, err := db.scanFacet(ctx, q, f)
	if err != nil || f.Field != audit.FacetIntegration {
		return facet, err
	}
	return facet, db.nameIntegrations(ctx, view, facet)
}

// nameIntegrations labels the values that nothing was counted of, as far as the view sees them.
func (db *DB) nameIntegrations(ctx context.Context, view audit.View, facet *audit.Facet) error {
	values := map[string]*audit.FacetValue{}
	var ids []audit.IntegrationID
	for _, value := range facet.Values {
		if id, err := strconv.ParseInt(value.Value, 10, 64); err == nil && value.Count == 0 {
			values[value.Value], ids = value, append(ids, audit.IntegrationID(id))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := db.IntegrationsByID(ctx, view, ids)
	for _, i := range found {
		values[i.Number.String()].Label = i.Name
	}
	return err
}

// facetColumns are the value of a one-valued field as text, empty when absent, and its label as an aggregate like that
// of lastText.
func facetColumns(f audit.FacetField) (value, label string) {
	switch f {
	case audit.FacetIP:
		return "coalesce(host(ip), '') COLLATE \"C\"", noLabel
	case audit.FacetIntegration:
		return "integration_id::text COLLATE \"C\"", `ARRAY['', (SELECT i.name FROM integrations i
			WHERE i.tenant_id = min(activities.tenant_id) AND i.id = min(activities.integration_id))]`
	case audit.FacetActor:
		return "actor_key", lastText("seq", "coalesce(nullif(actor_name, ''), actor_email)")
	}
	return column(f.Field()), noLabel
}

const noLabel = "NULL::text[]"

// lastText is an aggregate that gives the newest text that is not empty: the greatest pair of padded seq and text. The
// text is its second element; the greatest of several pairs is the newest of all.
func lastText(seq, text string) string {
	return "max(ARRAY[to_char(" + seq + ", 'FM0000000000000000000'), " + text + "] COLLATE \"C\") FILTER (WHERE " + text + " <> '')"
}

// listed defines the values to give: the first ones, and those asked for in any case, with 0 when none matches.
func (q *query) listed(f audit.FacetQuery) {
	contains := "TRUE"
	switch {
	case !isStorable(f.Contains):
		contains = "FALSE"
	case f.Contains != "":
		pattern := q.arg(foldedPattern(f.Contains))
		if contains = "label ~ " + pattern; f.Field != audit.FacetIntegration { // whose numbers are shown to nobody
			contains = "(v ~ " + pattern + " OR " + contains + ")"
		}
	}
	q.WriteString("firsts AS (SELECT v, n, label FROM g WHERE v <> '' AND " + contains +
		" ORDER BY n DESC, v LIMIT " + q.arg(f.First) + "), listed AS (SELECT * FROM firsts UNION ALL " +
		"SELECT a, coalesce(g.n, 0), g.label FROM unnest(" + q.arg(storable(f.Also)) + "::text[]) AS a LEFT JOIN g ON g.v = a COLLATE \"C\" " +
		"WHERE a NOT IN (SELECT v FROM firsts)) ")
}

// foldedPattern is a regular expression that finds a text without regard to case. Which letters are the same is said
// here, since the database's own idea of it is that of its locale.
func foldedPattern(text string) string {
	var pattern strings.Builder
	for _, r := range text {
		switch other := unicode.SimpleFold(r); {
		case other != r:
			pattern.WriteString("[" + string(r))
			for ; other != r; other = unicode.SimpleFold(other) {
				pattern.WriteRune(other)
			}
			pattern.WriteByte(']')
		case r < unicode.MaxASCII && !unicode.IsDigit(r):
			pattern.WriteString(`\` + string(r))
		default:
			pattern.WriteRune(r)
		}
	}
	return pattern.String()
}

func (db *DB) scanFacet(ctx context.Context, q *query, f audit.FacetQuery) (*audit.Facet, error) {
	facet := &audit.Facet{Field: f.Field}
	var values []string
	var counts []int64
	var labels []*string
	err := db.pool.QueryRow(ctx, q.String(), q.args...).
		Scan(&facet.Total, &facet.MissingCount, &facet.DistinctCount, &facet.OtherCount, &values, &counts, &labels)
	if err != nil {
		return nil, translate("counting values", err)
	}
	for i, value := range values {
		entry := &audit.FacetValue{Value: value, Label: value, Count: counts[i]}
		if labels[i] != nil && *labels[i] != "" {
			entry.Label = *labels[i]
		}
		facet.Values = append(facet.Values, entry)
	}
	return facet, nil
}

// targetFacet counts an activity once for each of its values. Many activities have the same targets, so that each text
// of them is read once; it goes by the newest of their positions.
func (db *DB) targetFacet(ctx context.Context, view audit.View, f audit.FacetQuery) (*audit.Facet, error) {
	value, label := targetColumn(f.Field.Field()), noLabel
	if f.Field == audit.FacetTarget {
		label = lastText("m.seq", "t.name")
	}
	q := &query{}
	q.WriteString("WITH m AS MATERIALIZED (SELECT targets, max(seq) AS seq, count(*) AS n FROM activities WHERE tenant_id = " +
		q.arg(view.Tenant()) + " AND " + q.where(view.Visible(f.Where)) + " GROUP BY targets), " +
		"p AS MATERIALIZED (SELECT m.seq, min(m.n) AS n, " + value + " AS v, " + label + " AS label FROM m, " + targetList +
		" WHERE " + q.targetConditions(rootTarget(f.Where)) + " GROUP BY m.seq, v), " +
		"g AS MATERIALIZED (SELECT v, sum(n)::bigint AS n, (max(label COLLATE \"C\"))[2] AS label FROM p GROUP BY v), ")
	q.listed(f)
	q.WriteString(`SELECT (SELECT coalesce(sum(n), 0)::bigint FROM m),
		(SELECT coalesce(sum(n), 0)::bigint FROM m WHERE targets = '' OR seq IN (SELECT seq FROM p WHERE v = '')),
		(SELECT count(*) FROM g WHERE v <> ''),
		(SELECT coalesce(sum(n), 0)::bigint FROM m WHERE seq IN (SELECT seq FROM p WHERE v <> '' AND v NOT IN (SELECT v FROM listed))),
		ARRAY(SELECT v FROM listed ORDER BY n DESC, v), ARRAY(SELECT n FROM listed ORDER BY n DESC, v),
		ARRAY(SELECT label FROM listed ORDER BY n DESC, v)`)
	return db.scanFacet(ctx, q, f)
}

// rootTarget is what the filter's own target must fulfil. A value added to the filter joins that condition, so only
// targets that fulfil it are counted.
func rootTarget(where audit.All) audit.All {
	for _, part := range where {
		if target, ok := part.(audit.SomeTarget); ok && target.Root {
			return target.Of
		}
	}
	return nil
}
