// Package audit is the domain of Annals: activities and the drafts they are made of, the one filter, the view under
// which everything is read, integrations with their feeds and fetches, and the errors that callers may see.
//
// It knows no database, no network and no other package of the project. Types that cross a package border live here.
package audit
