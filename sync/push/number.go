package push

import (
	"bytes"
	"encoding/json"

	"annals/audit"
)

// exactNumbers reports whether all numbers of a JSON text survive RFC 8785, which writes them as doubles: an id of 64
// bits would come out as another one. It says nothing about a text that is no JSON.
func exactNumbers(text []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return true // the end, or no JSON
		}
		if number, ok := token.(json.Number); ok && !audit.ExactNumber(string(number)) {
			return false
		}
	}
}
