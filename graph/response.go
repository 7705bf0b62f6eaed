package graph

import (
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
)

// envelope is what stands before and after the data of an answer. The data itself is finished JSON and is written as it
// is: to marshal it as a part of the answer would scan and copy it once more.
type envelope struct {
	head, tail []byte
}

// wrap makes the envelope of an answer. Answers to refused requests have no data at all.
func wrap(response *graphql.Response, executed bool) envelope {
	var e envelope
	e.head = append(e.head, '{')
	if len(response.Errors) > 0 {
		e.head = append(append(e.head, `"errors":`...), mustMarshal(response.Errors)...)
	}
	if executed {
		if len(response.Errors) > 0 {
			e.head = append(e.head, ',')
		}
		e.head = append(e.head, `"data":`...)
		if len(response.Data) == 0 {
			e.head = append(e.head, `null`...)
		}
	}
	if len(response.Extensions) > 0 {
		e.tail = append(append(e.tail, `,"extensions":`...), mustMarshal(response.Extensions)...)
	}
	e.tail = append(e.tail, '}')
	return e
}

// mustMarshal marshals values that this package made of texts and numbers.
func mustMarshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("marshalling %T: %v", v, err))
	}
	return text
}
