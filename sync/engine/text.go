package engine

import (
	"strings"
	"unicode/utf8"

	"annals/audit"
	"annals/sync/connector"
)

// Bounds of what is shown of an activity; raw is kept whole.
const (
	maxText = 8 << 10
	// maxTexts bounds all texts of an activity together; metadata has its own bound.
	maxTexts = 256 << 10
	// shortText is a length to which nothing is cut for the sake of maxTexts: names and ids are shorter.
	shortText = 256
)

// fitTexts makes every text of a draft valid UTF-8 without NUL, which Postgres cannot hold, and of bounded length. Where
// all of them together are too long, the longest are cut first, and then the last targets and changes are left out.
func fitTexts(d *audit.Draft) {
	d.Targets = d.Targets[:min(len(d.Targets), connector.MaxTargets)]
	d.Changes = d.Changes[:min(len(d.Changes), connector.MaxChanges)]
	size := cutTexts(d, maxText)
	for limit := maxText / 2; size > maxTexts && limit >= shortText; limit /= 2 {
		size = cutTexts(d, limit)
	}
	for size > maxTexts {
		size -= dropLast(d)
	}
	if l := d.Origin.Location; l != nil && (!within180(l.Latitude) || !within180(l.Longitude)) {
		l.Latitude, l.Longitude = nil, nil
	}
}

// cutTexts makes every text of a draft fit and no longer than limit, and gives the length of all of them.
func cutTexts(d *audit.Draft, limit int) (size int) {
	fit := func(text *string) {
		*text = fitText(*text, limit)
		size += len(*text)
	}
	eachText(d, fit)
	for i := range d.Targets {
		eachTextOfTarget(&d.Targets[i], fit)
	}
	for i := range d.Changes {
		eachTextOfChange(&d.Changes[i], fit)
	}
	return size
}

// dropLast leaves out the last of a draft's targets or changes, whichever are more, and gives the length of its texts.
func dropLast(d *audit.Draft) (size int) {
	count := func(text *string) { size += len(*text) }
	if last := len(d.Targets) - 1; last >= len(d.Changes) {
		eachTextOfTarget(&d.Targets[last], count)
		d.Targets = d.Targets[:last]
		return size
	}
	last := len(d.Changes) - 1
	eachTextOfChange(&d.Changes[last], count)
	d.Changes = d.Changes[:last]
	return size
}

// eachText calls do for every text of a draft that is shown, but for those of its lists and for metadata.
func eachText(d *audit.Draft, do func(*string)) {
	do(&d.Type)
	eachOf(do, &d.Description, &d.OutcomeReason, &d.SessionID, &d.RequestID, &d.VendorID, &d.Origin.UserAgent)
	for _, actor := range []*audit.Actor{d.Actor, d.OnBehalfOf} {
		if actor != nil {
			do(&actor.Key)
			eachOf(do, &actor.VendorID, &actor.Name, &actor.Email)
		}
	}
	if l := d.Origin.Location; l != nil {
		eachOf(do, &l.Country, &l.Region, &l.City, &l.ASOrganization)
	}
}

func eachTextOfTarget(t *audit.Target, do func(*string)) {
	do(&t.Key)
	do(&t.Type)
	eachOf(do, &t.VendorID, &t.Name)
}

func eachTextOfChange(c *audit.Change, do func(*string)) {
	do(&c.Field)
	for _, side := range []**string{&c.Before, &c.After} {
		if *side != nil {
			text := **side // which may be shared
			do(&text)
			*side = &text
		}
	}
}

func eachOf(do func(*string), texts ...*audit.Text) {
	for _, text := range texts {
		do((*string)(text))
	}
}

// within180 reports whether a coordinate is one, or absent. What is no number could not even be written as JSON.
func within180(degrees *float64) bool { return degrees == nil || *degrees >= -180 && *degrees <= 180 }

func fitText(text string, limit int) string {
	text = cut(text, limit)
	if strings.IndexByte(text, 0) < 0 && utf8.ValidString(text) {
		return text
	}
	return cut(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD"), limit)
}

// cut shortens a text to a bound, at a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for end := limit; end > limit-utf8.UTFMax; end-- {
		if utf8.RuneStart(text[end]) {
			return text[:end]
		}
	}
	return text[:limit]
}
