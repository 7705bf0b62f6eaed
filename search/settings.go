package search

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"annals/audit"
)

// settingsVersion changes with the settings and with what documents hold: a new number fills a new index.
const settingsVersion = "2"

const namePrefix = "annals-activities-"

// indexName is the index of this version of settings and words.
func indexName() string {
	return namePrefix + settingsVersion + "-" + strings.ReplaceAll(audit.WordsVersion, ".", "_")
}

// maxCandidates is the most that one question gets.
const maxCandidates = 1000

func settings() *meilisearch.Settings {
	return &meilisearch.Settings{
		DisplayedAttributes: []string{attributeID, attributeSeq},
		SortableAttributes:  []string{attributeOccurred, attributeSeq},
		RankingRules:        []string{"sort", "words"},
		TypoTolerance: &meilisearch.TypoTolerance{
			MinWordSizeForTypos: meilisearch.MinWordSizeForTypos{OneTypo: 5, TwoTypos: 9}, // the server's own; 0 is refused
			DisableOnWords:      []string{},
			DisableOnAttributes: []string{},
		},
		ProximityPrecision: meilisearch.ByAttribute,
		PrefixSearch:       new("indexingTime"),
		Pagination:         &meilisearch.Pagination{MaxTotalHits: maxCandidates + 1},
		// At the cut-off the server answers with what it has, in no order. Our own deadline comes first.
		SearchCutoffMs: (10 * askTimeout).Milliseconds(),
	}
}

// filterable allows equality on what the filter knows, and comparison on times and seq, where it costs little.
func filterable() []any {
	exactly := []string{attributeTenant}
	for _, field := range []audit.Field{
		audit.FieldType, audit.FieldAction, audit.FieldCategory, audit.FieldIntegration, audit.FieldConnector,
		audit.FieldActor, audit.FieldActorType, audit.FieldActorID, audit.FieldActorName, audit.FieldActorEmail,
		audit.FieldBehalf, audit.FieldBehalfType, audit.FieldBehalfID, audit.FieldBehalfName, audit.FieldBehalfEmail,
		audit.FieldTarget, audit.FieldTargetType, audit.FieldTargetID, audit.FieldTargetName, audit.FieldOutcome,
		audit.FieldIP, audit.FieldCountry, audit.FieldCity, audit.FieldUserAgent, audit.FieldSession,
		audit.FieldRequest, audit.FieldVendorID, audit.FieldPath,
	} {
		exactly = append(exactly, attribute(field))
	}
	return []any{
		rule(false, exactly),
		rule(true, []string{attributeOccurred, attributeRecorded, attributeSeq}),
	}
}

func rule(comparison bool, names []string) meilisearch.AttributeRule {
	return meilisearch.AttributeRule{
		AttributePatterns: names,
		Features: meilisearch.AttributeFeatures{
			Filter: meilisearch.FilterFeatures{Equality: true, Comparison: comparison},
		},
	}
}

// create makes the index with its settings. The searchable attributes come last: an index that has them is complete.
func (x *Index) create(ctx context.Context) error {
	index, words := x.client.Index(x.uid), wordAttributes()
	steps := []struct {
		doing   string
		allowed string // the error that means it is done already
		enqueue func(context.Context) (*meilisearch.TaskInfo, error)
	}{
		{"deleting the old index", "index_not_found", func(ctx context.Context) (*meilisearch.TaskInfo, error) {
			return x.client.DeleteIndexWithContext(ctx, x.uid)
		}},
		{"creating the index", "index_already_exists", func(ctx context.Context) (*meilisearch.TaskInfo, error) {
			return x.client.CreateIndexWithContext(ctx, &meilisearch.IndexConfig{Uid: x.uid, PrimaryKey: attributeID})
		}},
		{"switching facet search off", "", func(ctx context.Context) (*meilisearch.TaskInfo, error) {
			return index.UpdateFacetSearchWithContext(ctx, false) // Settings leaves a false one out
		}},
		{"setting filterable attributes", "", func(ctx context.Context) (*meilisearch.TaskInfo, error) {
			return index.UpdateFilterableAttributesWithContext(ctx, new(filterable()))
		}},
		{"setting the index up", "", func(ctx context.Context) (*meilisearch.TaskInfo, error) {
			return index.UpdateSettingsWithContext(ctx, settings())
		}},
		{"setting searchable attributes", "", func(ctx context.Context) (*meilisearch.TaskInfo, error) {
			return index.UpdateSearchableAttributesWithContext(ctx, &words)
		}},
	}
	for _, step := range steps {
		err := x.finish(ctx, step.enqueue)
		if err != nil && (step.allowed == "" || errorCode(err) != step.allowed) {
			return fmt.Errorf("%s: %w", step.doing, reason(err))
		}
	}
	return nil
}

// find looks for the index and gives when it was made, which tells it from a later one of the same name. ok is false
// when there is none, or one that a document made: the server then chose the settings.
func (x *Index) find(ctx context.Context) (born time.Time, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, manageTimeout)
	defer cancel()
	info, err := x.client.GetIndexWithContext(ctx, x.uid)
	switch {
	case errorCode(err) == "index_not_found":
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, fmt.Errorf("looking for the index: %w", reason(err))
	}
	words, err := x.client.Index(x.uid).GetSearchableAttributesWithContext(ctx)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("reading the index's settings: %w", reason(err))
	}
	return info.CreatedAt, slices.Equal(*words, wordAttributes()), nil
}

// count is the number of documents.
func (x *Index) count(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, manageTimeout)
	defer cancel()
	stats, err := x.client.Index(x.uid).GetStatsWithContext(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("counting documents: %w", reason(err))
	}
	return stats.NumberOfDocuments, nil
}

// retire deletes the indexes of other versions, once this one has caught up.
func (x *Index) retire(ctx context.Context) error {
	found, err := x.client.ListIndexesWithContext(ctx, &meilisearch.IndexesQuery{Limit: 1000})
	if err != nil {
		return fmt.Errorf("listing indexes: %w", reason(err))
	}
	for _, other := range found.Results {
		if other.UID == x.uid || !strings.HasPrefix(other.UID, namePrefix) {
			continue
		}
		x.log.InfoContext(ctx, "deleting the search index of another version", "index", other.UID)
		if _, err := x.client.DeleteIndexWithContext(ctx, other.UID); err != nil {
			return fmt.Errorf("deleting index %s: %w", other.UID, reason(err))
		}
	}
	return nil
}
