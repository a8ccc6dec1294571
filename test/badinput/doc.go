// Package badinput answers: what does the service do with everything that other
// projects collected to break programs like it?
//
// Its test puts every certificate, key, list, request and fuzz seed of the corpora
// through each of our paths that take bytes from outside. For each it demands: no
// panic; no acceptance of what must be refused, with the exceptions listed by name and
// reason; a bounded amount of work. How often each path gave each answer is on record in
// testdata/answers.json, so a changed path shows as a diff of numbers.
package badinput
