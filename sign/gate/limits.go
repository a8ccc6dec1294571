package gate

// maxDetailLength bounds what a verdict quotes from evidence, in bytes.
const maxDetailLength = 200
