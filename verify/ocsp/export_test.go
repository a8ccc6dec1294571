package ocsp

// WithSHA1 is for test data of the time when responders signed with SHA-1.
func (c Checker) WithSHA1() Checker { c.sha1Unsafe = true; return c }
