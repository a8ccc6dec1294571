// Package assessments holds complete assessments to read, to start from and to test
// with: what does a good one look like? README.md tells the story of each. Nothing in
// it is real, and nobody has the private keys.
package assessments
