package audit

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
