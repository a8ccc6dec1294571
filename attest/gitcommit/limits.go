package gitcommit

// MaxObject bounds a commit object, in bytes. Messages have some KB; a merge of signed
// tags carries each of them, and the largest in Linux has under 64 KB. A guess with room,
// that leaves an envelope's bound alone.
const MaxObject = 256 << 10
