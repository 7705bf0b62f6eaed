package audit

import "strings"

// UserErrorCode says for programs what a caller can mend.
type UserErrorCode string

// The codes.
const (
	CodeInvalid            UserErrorCode = "INVALID"
	CodeTaken              UserErrorCode = "TAKEN"
	CodeNotFound           UserErrorCode = "NOT_FOUND"
	CodeConflict           UserErrorCode = "CONFLICT"
	CodeWiderThanCaller    UserErrorCode = "WIDER_THAN_CALLER"
	CodeCredentialsRefused UserErrorCode = "CREDENTIALS_REFUSED"
	CodeUnreachable        UserErrorCode = "UNREACHABLE"
	CodeAddressRefused     UserErrorCode = "ADDRESS_REFUSED"
	CodeLimit              UserErrorCode = "LIMIT"
	CodeKeyReused          UserErrorCode = "KEY_REUSED"
)

// UserError is a failure of a mutation that the caller can mend.
type UserError struct {
	Field   []string // way to the input field: input, settings, baseUrl; none for the whole
	Message string   // one English sentence that says what would be right
	Code    UserErrorCode
}

func (e *UserError) Error() string { return e.Message }

// UserErrors are all that a caller has to mend before a mutation does anything.
type UserErrors []*UserError

func (e UserErrors) Error() string {
	messages := make([]string, len(e))
	for i, problem := range e {
		messages[i] = problem.Message
	}
	return strings.Join(messages, " ")
}

// Refuse makes the error of one mistake. field is the way to it below `input`, none for the whole.
func Refuse(code UserErrorCode, message string, field ...string) error {
	problem := &UserError{Message: message, Code: code}
	if len(field) > 0 {
		problem.Field = append([]string{"input"}, field...)
	}
	return UserErrors{problem}
}
