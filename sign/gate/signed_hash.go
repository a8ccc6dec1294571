package gate

import "fmt"

// statesSigned answers whether what will be signed is the artifact that the provenance is
// about, for formats that sign another hash than the artifact's SHA-256. That the two
// belong together is not the client's to say: it could pair a good file's evidence with
// another file's hash. The builder says it, by naming both in one subject, or the service
// took both from the file. A subject that gives the hash another value refuses in any
// case.
func (e *exhibit) statesSigned() finding {
	const about = "the provenance is about this artifact"
	want := e.build.Signed
	if want == (Hash{}) {
		return e.pass(about)
	}
	stated := false
	for _, s := range e.statement.Subject {
		switch value, ok := s.Digest[want.Algorithm]; {
		case !ok:
		case value == want.Hex:
			stated = true
		default:
			return e.fail(fmt.Sprintf("the provenance gives the artifact another %s than the one to be signed", want.Algorithm))
		}
	}
	switch {
	case stated:
		return e.pass(fmt.Sprintf("%s, and states its %s", about, want.Algorithm))
	case e.build.Also[want.Algorithm] == want.Hex && want.Hex != "":
		return e.pass(fmt.Sprintf("%s, and its %s was taken from the file itself", about, want.Algorithm))
	}
	return e.fail(fmt.Sprintf("the provenance does not state the artifact's %s, which is what will be signed", want.Algorithm))
}
