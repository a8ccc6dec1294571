package interchange

// Bounds. What is exported has passed the bounds of package audit, and what is
// imported those of package attest (an envelope of at most attest.MaxEnvelope bytes).

// maxQuoted bounds each text of others that goes into the name of imported evidence, in
// bytes. Package audit takes names of 256: the id of a key (64) and our own words fit
// beside two such texts. The whole text is in the file.
const maxQuoted = 72
