package db

import (
	"context"

	"annals/audit"
)

// Facet counts the values of one field. The field's own terms are not in f.Where.
func (db *DB) Facet(ctx context.Context, view audit.View, f audit.FacetQuery) (*audit.Facet, error) {
	if f.Field == audit.FacetTarget || f.Field == audit.FacetTargetType {
		return db.targetFacet(ctx, view, f)
	}
	q := &query{}
	value, label := facetColumns(f.Field)
	q.WriteString("WITH g AS MATERIALIZED (SELECT " + value + " AS v, count(*) AS n, " + label + " AS label FROM activities WHERE tenant_id = " +
		q.arg(view.Tenant()) + " AND " + q.where(view.Visible(f.Where)) + " GROUP BY 1), ")
	q.listed(f, "n")
	q.WriteString(`SELECT coalesce((SELECT sum(n) FROM g), 0)::bigint, coalesce((SELECT n FROM g WHERE v = ''), 0),
		(SELECT count(*) FROM g WHERE v <> ''),
		coalesce((SELECT sum(n) FROM g WHERE v <> '' AND v NOT IN (SELECT v FROM listed)), 0)::bigint,
		ARRAY(SELECT v FROM listed ORDER BY n DESC, v), ARRAY(SELECT n FROM listed ORDER BY n DESC, v),
		ARRAY(SELECT label FROM listed ORDER BY n DESC, v)`)
	return db.scanFacet(ctx, q, f)
}

// facetColumns are the value of a one-valued field as text, empty when absent, and its label as an aggregate.
func facetColumns(f audit.FacetField) (value, label string) {
	switch f {
	case audit.FacetIP:
		return "coalesce(host(ip), '') COLLATE \"C\"", "NULL::text"
	case audit.FacetIntegration:
		return "integration_id::text COLLATE \"C\"", `(SELECT i.name FROM integrations i
			WHERE i.tenant_id = min(activities.tenant_id) AND i.id = min(activities.integration_id))`
	case audit.FacetActor:
		return "actor_key", actorLabel
	}
	return column(f.Field()), "NULL::text"
}

// actorLabel is the actor's last name, or else e-mail: the greatest pair of padded seq and text.
const actorLabel = `(max(ARRAY[to_char(seq, 'FM0000000000000000000'), coalesce(nullif(actor_name, ''), actor_email)] COLLATE "C")
	FILTER (WHERE actor_name <> '' OR actor_email <> ''))[2]`

// listed defines the values to give: the first ones, and those asked for in any case, with 0 when none matches.
func (q *query) listed(f audit.FacetQuery, count string) {
	contains := "TRUE"
	if f.Contains != "" {
		pattern := q.arg(f.Contains)
		contains = "(strpos(lower(v), lower(" + pattern + ")) > 0 OR strpos(lower(coalesce(label, '')), lower(" + pattern + ")) > 0)"
	}
	also := q.arg(f.Also)
	q.WriteString("firsts AS (SELECT v, " + count + " AS n, label FROM g WHERE v <> '' AND " + contains +
		" ORDER BY n DESC, v LIMIT " + q.arg(f.First) + "), listed AS (SELECT * FROM firsts UNION ALL " +
		"SELECT a, coalesce(g." + count + ", 0), g.label FROM unnest(" + also + "::text[]) AS a LEFT JOIN g ON g.v = a COLLATE \"C\" " +
		"WHERE a NOT IN (SELECT v FROM firsts)) ")
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

// targetFacet counts an activity once for each of its values.
func (db *DB) targetFacet(ctx context.Context, view audit.View, f audit.FacetQuery) (*audit.Facet, error) {
	value, label := targetColumn(f.Field.Field()), "NULL::text"
	if f.Field == audit.FacetTarget {
		label = `(max(ARRAY[to_char(m.seq, 'FM0000000000000000000'), t.name] COLLATE "C") FILTER (WHERE t.name <> ''))[2]`
	}
	q := &query{}
	q.WriteString("WITH m AS MATERIALIZED (SELECT seq, targets FROM activities WHERE tenant_id = " +
		q.arg(view.Tenant()) + " AND " + q.where(view.Visible(f.Where)) + "), " +
		"p AS MATERIALIZED (SELECT m.seq, " + value + " AS v, " + label + " AS label FROM m, " + targetList +
		" WHERE " + q.targetConditions(rootTarget(f.Where)) + " GROUP BY 1, 2), " +
		"g AS MATERIALIZED (SELECT v, count(*) AS n, max(label COLLATE \"C\") AS label FROM p GROUP BY 1), ")
	q.listed(f, "n")
	q.WriteString(`SELECT (SELECT count(*) FROM m), (SELECT count(*) FROM m WHERE targets = ''),
		(SELECT count(*) FROM g WHERE v <> ''),
		(SELECT count(DISTINCT seq) FROM p WHERE v <> '' AND v NOT IN (SELECT v FROM listed)),
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
