package graph

import (
	"bytes"
	"encoding/json"

	"github.com/99designs/gqlgen/graphql"
)

// Why a request is no GraphQL request. Nothing of it is quoted: it may hold secrets.
const (
	batchRefused    = "batches are not offered: send one object per request"
	noObject        = "the request is no JSON object with query, operationName, variables and extensions alone"
	queryWrong      = "query must be a string with a document"
	nameWrong       = "operationName must be a string"
	variablesWrong  = "variables must be an object"
	extensionsWrong = "extensions must be an object"
)

// readParams reads a request, from the body of a POST or the payload of a subscribe message. Members that are null are
// absent; a member that the protocol does not know is refused.
func readParams(text []byte) (*graphql.RawParams, *failure) {
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return nil, badInput(batchRefused)
	}
	// A map, since struct fields would match names in any case.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, badInput(noObject)
	}
	var params graphql.RawParams
	for name, value := range members {
		if wrong := readMember(&params, name, value); wrong != "" {
			return nil, badInput(wrong)
		}
	}
	_, persisted := params.Extensions["persistedQuery"]
	if _, byID := members["documentId"]; byID || persisted {
		// Clients that try this first look for exactly this message.
		return nil, &failure{code: codePersisted, message: "PersistedQueryNotSupported"}
	}
	if params.Query == "" {
		return nil, badInput(queryWrong)
	}
	return &params, nil
}

// readMember reads one member, or says what is wrong with it.
func readMember(params *graphql.RawParams, name string, value json.RawMessage) (wrong string) {
	var into any
	switch name {
	case "query":
		into, wrong = &params.Query, queryWrong
	case "operationName":
		into, wrong = &params.OperationName, nameWrong
	case "variables":
		into, wrong = &params.Variables, variablesWrong
	case "extensions":
		into, wrong = &params.Extensions, extensionsWrong
	case "documentId":
		return ""
	default:
		return noObject
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber() // long numbers stay exact
	if decoder.Decode(into) != nil {
		return wrong
	}
	return ""
}
