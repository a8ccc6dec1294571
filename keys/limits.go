package keys

import "time"

// Bounds on what people, files, tokens and agents hand in.
const (
	// maxURI is the length of a key's name in bytes. Paths end at 4096 on the systems
	// we know, and a URI names two of them.
	maxURI = 16 << 10
	// maxKeyFile is the size of a file with a key: an encrypted RSA key of 8192 bits
	// has 7 KB.
	maxKeyFile = 64 << 10
	// maxPINFile is the size of a file with a PIN: tokens take up to 255 bytes, and
	// whoever names another file by mistake should hear of it before the token does.
	maxPINFile = 1 << 10
	// maxSlots is how many slots of a module are looked at. p11-kit's proxy joins all
	// modules of a machine, with some dozens; network HSMs have hundreds of partitions.
	maxSlots = 1024
	// maxObjects is how many objects one search may find. A guess: a person chooses
	// among what is listed.
	maxObjects = 1024
	// maxShown is how many tokens or keys an error lists.
	maxShown = 8
	// maxAgentKeys is how many keys of an agent are looked at. OpenSSH's client gives
	// up after six tries; a guess with room.
	maxAgentKeys = 256
	// agentPatience is how long an agent may take to list its keys. It asks nobody for
	// that. A signature has no such bound, since a person may have to confirm it.
	agentPatience = 10 * time.Second
)
