package search

import "strings"

// longestValue is how much of a string Meilisearch looks at in a filter, in bytes. A longer one would match nothing.
const longestValue = 468

// exact gives the form in which a value is stored for filters, and in which a filter asks for it. Meilisearch folds
// case and trims what it compares; in this form values are equal only where the original bytes are: lower-case ASCII,
// digits and `._-/:@` stay, every other byte is `~` and two hex digits. whole is false when it had to be cut: then
// other values may have the same form.
func exact(value string) (form string, whole bool) {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range min(len(value), longestValue) {
		if c := value[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'~', digits[c>>4], digits[c&15]})
		}
	}
	form = b.String()
	if len(value) > longestValue || len(form) > longestValue {
		return form[:longestValue], false
	}
	return form, true
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._-/:@", c) >= 0
}

// quote is a value as it stands in a filter. The exact form has neither quotes nor backslashes, so that nothing in a
// value can end it.
func quote(form string) string { return "'" + form + "'" }
