package main

import (
	"fmt"
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
)

// fixture lets the bench use what test/pki makes for tests. The embedded interface is
// nil: a method that is not overridden here would panic, and inFixture reports that too.
type fixture struct{ testing.TB }

func (fixture) Helper()                   {}
func (fixture) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (fixture) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (fixture) Error(args ...any)         { panic(fmt.Sprint(args...)) }
func (fixture) Errorf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// inFixture runs fn and turns what a test would have failed with into an error.
func inFixture(fn func(testing.TB)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("make a fixture: %v", r)
		}
	}()
	fn(fixture{})
	return nil
}

func newPKI() (p *pki.PKI, err error) {
	err = inFixture(func(t testing.TB) { p = pki.New(t) })
	return p, err
}
