// Package faults answers: what does a client hold, and what is on record, after the
// process was killed or the disk failed in the middle of an issuance?
//
// A child process, this test binary started again, works on real files: the CA's keys,
// the store, the transparency log. Its parent kills it at a random moment, or the
// kernel fails one of its system calls for it, and then holds what the child had
// acknowledged against what the files say.
package faults
