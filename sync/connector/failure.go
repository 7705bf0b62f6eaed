package connector

import (
	"errors"
	"time"

	"annals/audit"
)

// ErrSignature: a webhook's sender could not prove itself.
var ErrSignature = errors.New("the signature is missing or wrong")

// Class is what a failure asks of the engine.
type Class int

// The classes.
const (
	// TryLater: the vendor is away or answers 5xx; back off and try again.
	TryLater Class = iota
	// RateLimited: wait until Until, at least.
	RateLimited
	// CredentialsRefused: a person must give new ones; try again rarely.
	CredentialsRefused
	// ConfigurationWrong: a person must change a setting; try again rarely.
	ConfigurationWrong
	// Malformed: the answer is no audit log.
	Malformed
	// AddressRefused: the egress guard does not let the address be contacted.
	AddressRefused
	// StateRefused: the vendor no longer knows the position; begin the window, or the live feed's overlap, anew.
	StateRefused
)

// Failure is an error with its class. Its text may hold the vendor's words: it is logged, never shown.
type Failure struct {
	Class Class
	Until time.Time // of RateLimited and TryLater: when the vendor takes requests again; zero when it does not say
	Err   error
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Fail makes a failure of a class.
func Fail(class Class, err error) error { return &Failure{Class: class, Err: err} }

// Reason is the class as the health of a feed shows it.
func (c Class) Reason() audit.HealthReason {
	switch c {
	case RateLimited:
		return audit.ReasonRateLimited
	case CredentialsRefused:
		return audit.ReasonCredentialsRefused
	case ConfigurationWrong:
		return audit.ReasonConfigurationWrong
	case Malformed:
		return audit.ReasonUnexpectedAnswer
	case AddressRefused:
		return audit.ReasonAddressRefused
	case TryLater, StateRefused:
		return audit.ReasonVendorUnavailable
	}
	return audit.ReasonVendorUnavailable
}

// UntilOf is when the vendor takes requests again, zero when the error does not say.
func UntilOf(err error) time.Time {
	if failure, ok := errors.AsType[*Failure](err); ok {
		return failure.Until
	}
	return time.Time{}
}

// ClassOf finds the class of an error; an error without one is TryLater.
func ClassOf(err error) Class {
	if failure, ok := errors.AsType[*Failure](err); ok {
		return failure.Class
	}
	return TryLater
}
