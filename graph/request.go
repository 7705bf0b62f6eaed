package graph

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/99designs/gqlgen/graphql"
)

// Reasons to refuse a request that is no GraphQL request. Nothing of the request is quoted: it may hold secrets.
var (
	errBatch     = errors.New("batches are not offered: send one object per request")
	errNoObject  = errors.New("the request is no JSON object with query, operationName, variables and extensions")
	errQuery     = errors.New("query must be a string with a document")
	errName      = errors.New("operationName must be a string")
	errVariables = errors.New("variables must be an object")
	errExtension = errors.New("extensions must be an object")
)

// readParams reads a request, from the body of a POST or the payload of a subscribe message. Members that are null are
// absent; a member that the protocol does not know is refused.
func readParams(text []byte) (*graphql.RawParams, *failure) {
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return nil, badInput(errBatch.Error())
	}
	// A map, since struct fields would match names in any case.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, badInput(errNoObject.Error())
	}
	var params graphql.RawParams
	for name, value := range members {
		if err := readMember(&params, name, value); err != nil {
			return nil, badInput(err.Error())
		}
	}
	_, persisted := params.Extensions["persistedQuery"]
	if _, byID := members["documentId"]; byID || persisted {
		// Clients that try this first look for exactly this message.
		return nil, &failure{code: codePersisted, message: "PersistedQueryNotSupported"}
	}
	if params.Query == "" {
		return nil, badInput(errQuery.Error())
	}
	return &params, nil
}

func readMember(params *graphql.RawParams, name string, value json.RawMessage) error {
	switch name {
	case "query":
		return read(value, &params.Query, errQuery)
	case "operationName":
		return read(value, &params.OperationName, errName)
	case "variables":
		return read(value, &params.Variables, errVariables)
	case "extensions":
		return read(value, &params.Extensions, errExtension)
	case "documentId":
		return nil
	}
	return errNoObject
}

// read keeps numbers as they are written, so that long ones stay exact.
func read(value json.RawMessage, into any, otherwise error) error {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if decoder.Decode(into) != nil {
		return otherwise
	}
	return nil
}
