package ext

import "strings"

// Positions of Claim's and AssessmentRef's fields in the tree of richMark's first claim.
const (
	framework, track, level, levelID, properties, assessment = 0, 1, 2, 3, 4, 5

	payload, auditor, assessedAt, validUntil, logOrigin, logIndex = 0, 1, 2, 3, 4, 5
)

// breakage takes a good encoding and breaks exactly one thing in it.
type breakage struct {
	name   string
	change func(n *node)
	reason Reason
	field  string
}

// set replaces the content of the value at path.
func set(body string, path ...int) func(*node) {
	return func(n *node) { n.at(path...).body = []byte(body) }
}

// retag replaces the tag of the value at path.
func retag(tag byte, path ...int) func(*node) {
	return func(n *node) { n.at(path...).tag = tag }
}

// drop removes the last kid of the value at path.
func drop(path ...int) func(*node) {
	return func(n *node) { p := n.at(path...); p.kids = p.kids[:len(p.kids)-1] }
}

// add appends a kid to the value at path.
func add(kid node, path ...int) func(*node) {
	return func(n *node) { p := n.at(path...); p.kids = append(p.kids, &kid) }
}

// repeat makes the first kid of the value at path stand n times.
func repeat(times int, path ...int) func(*node) {
	return func(n *node) {
		p := n.at(path...)
		first := p.kids[0]
		p.kids = nil
		for range times {
			p.kids = append(p.kids, first)
		}
	}
}

// empty leaves the value at path without content.
func empty(path ...int) func(*node) {
	return func(n *node) { p := n.at(path...); p.kids, p.body = nil, nil }
}

// raw replaces the whole value at path by the given bytes.
func raw(s string, path ...int) func(*node) {
	return func(n *node) { n.at(path...).raw = []byte(s) }
}

// longForm prints the value at path with one length octet more than needed.
func longForm(path ...int) func(*node) {
	return func(n *node) {
		p := n.at(path...)
		der := p.der()
		if der[1] >= 0x80 {
			octets := int(der[1] & 0x7f)
			p.raw = append([]byte{der[0], der[1] + 1, 0}, der[2:2+octets+len(der[2+octets:])]...)
			return
		}
		p.raw = append([]byte{der[0], 0x81}, der[1:]...)
	}
}

// indefinite prints the value at path with an indefinite length.
func indefinite(path ...int) func(*node) {
	return func(n *node) {
		p := n.at(path...)
		der := []byte{p.tag, 0x80}
		for _, kid := range p.kids {
			der = append(der, kid.der()...)
		}
		p.raw = append(der, 0, 0)
	}
}

// whole turns a change of the printed bytes into one of the tree.
func whole(change func(der []byte) []byte) func(*node) {
	return func(n *node) { n.raw = change(n.der()) }
}

func assuranceBreakages() []breakage {
	return append([]breakage{
		{"nothing", whole(func([]byte) []byte { return []byte{} }), ReasonTruncated, "assurance"},
		{"cut", whole(func(der []byte) []byte { return der[:len(der)-1] }), ReasonTruncated, "assurance"},
		{"only a tag", whole(func(der []byte) []byte { return der[:1] }), ReasonTruncated, "assurance"},
		{"length cut", whole(func(der []byte) []byte { return der[:2] }), ReasonTruncated, "assurance"},
		{"byte behind", whole(func(der []byte) []byte { return append(der, 0) }), ReasonTrailing, "assurance"},
		{"twice", whole(func(der []byte) []byte { return append(der, der...) }), ReasonTrailing, "assurance"},
		{"too big", whole(func([]byte) []byte { return make([]byte, MaxAssuranceBytes+1) }), ReasonTooBig, "assurance"},
		{"SET", retag(0x31), ReasonWrongType, "assurance"},
		{"long length", longForm(), ReasonNotDER, "assurance"},
		{"indefinite length", indefinite(), ReasonNotDER, "assurance"},
		{"indefinite list", indefinite(1), ReasonNotDER, "claims"},
		{"field behind", add(node{tag: 5}), ReasonTrailing, "assurance"},
		{"no version", func(n *node) { n.kids = n.kids[1:] }, ReasonWrongType, "version"},
		{"nothing inside", empty(), ReasonTruncated, "version"},
		{"version 0", set("\x00", 0), ReasonVersion, "version"},
		{"version 2", set("\x02", 0), ReasonVersion, "version"},
		{"version -1", set("\xff", 0), ReasonNegative, "version"},
		{"version long form", set("\x00\x01", 0), ReasonNotDER, "version"},
		{"version enumerated", retag(0x0a, 0), ReasonWrongType, "version"},
		{"no claims", drop(), ReasonTruncated, "claims"},
		{"no claim", empty(1), ReasonEmpty, "claims"},
		{"17 claims", repeat(MaxClaims+1, 1), ReasonTooMany, "claims"},
		{"same claim twice", repeat(2, 1), ReasonDuplicateClaim, "claims[1]"},
		{"same ladder, other level", func(n *node) {
			n.at(1, 1, framework).body, n.at(1, 1, track).body = n.at(1, 0, framework).body, n.at(1, 0, track).body
		}, ReasonDuplicateClaim, "claims[1]"},
		{"claim is a SET", retag(0x31, 1, 1), ReasonWrongType, "claims[1]"},
		{"claim primitive", func(n *node) { p := n.at(1, 1); p.raw = append([]byte{}, p.der()...); p.raw[0] = 0x10 }, ReasonNotDER, "claims[1]"},
	}, append(claimBreakages(), refBreakages()...)...)
}

func claimBreakages() []breakage {
	const c = "claims[0]"
	return []breakage{
		{"framework empty", empty(1, 0, framework), ReasonEmpty, c + ".framework"},
		{"framework long", set(fill("https://a/", MaxURILength+1), 1, 0, framework), ReasonTooLong, c + ".framework"},
		{"framework relative", set("slsa.dev/spec", 1, 0, framework), ReasonNotURI, c + ".framework"},
		{"framework no rest", set("https:", 1, 0, framework), ReasonNotURI, c + ".framework"},
		{"framework user", set("https://me@slsa.dev/", 1, 0, framework), ReasonUserInfo, c + ".framework"},
		{"framework latin-1", set("https://slsa.dev/\xe9", 1, 0, framework), ReasonNotASCII, c + ".framework"},
		{"framework space", set("https://slsa.dev/a b", 1, 0, framework), ReasonCharacter, c + ".framework"},
		{"framework NUL", set("https://slsa.dev/\x00", 1, 0, framework), ReasonCharacter, c + ".framework"},
		{"framework quote", set(`https://slsa.dev/"`, 1, 0, framework), ReasonCharacter, c + ".framework"},
		{"framework percent", set("https://slsa.dev/%4", 1, 0, framework), ReasonCharacter, c + ".framework"},
		{"framework UTF8String", retag(0x0c, 1, 0, framework), ReasonWrongType, c + ".framework"},
		{"framework in pieces", retag(0x36, 1, 0, framework), ReasonNotDER, c + ".framework"},
		{"track empty", empty(1, 0, track), ReasonEmpty, c + ".track"},
		{"track long", set(fill("", MaxTokenLength+1), 1, 0, track), ReasonTooLong, c + ".track"},
		{"track UTF-8", set("sls\u0430", 1, 0, track), ReasonNotASCII, c + ".track"},
		{"track space", set("sl sa", 1, 0, track), ReasonCharacter, c + ".track"},
		{"track newline", set("slsa\n", 1, 0, track), ReasonCharacter, c + ".track"},
		{"track hyphen first", set("-slsa", 1, 0, track), ReasonCharacter, c + ".track"},
		{"track quote", set(`sl"sa`, 1, 0, track), ReasonCharacter, c + ".track"},
		{"track printable string", retag(0x13, 1, 0, track), ReasonWrongType, c + ".track"},
		{"level 0", set("\x00", 1, 0, level), ReasonLevelZero, c + ".level"},
		{"level -1", set("\xff", 1, 0, level), ReasonNegative, c + ".level"},
		{"level 10", set("\x0a", 1, 0, level), ReasonTooLarge, c + ".level"},
		{"level 2^64+3", set("\x01\x00\x00\x00\x00\x00\x00\x00\x03", 1, 0, level), ReasonTooLarge, c + ".level"},
		{"level without octets", empty(1, 0, level), ReasonNotDER, c + ".level"},
		{"level padded", set("\x00\x03", 1, 0, level), ReasonNotDER, c + ".level"},
		{"level padded negative", set("\xff\xff", 1, 0, level), ReasonNotDER, c + ".level"},
		{"level long length", longForm(1, 0, level), ReasonNotDER, c + ".level"},
		{"levelID empty", empty(1, 0, levelID), ReasonEmpty, c + ".levelID"},
		{"levelID long", set(fill("", MaxTokenLength+1), 1, 0, levelID), ReasonTooLong, c + ".levelID"},
		{"levelID not ASCII", set("L\x80", 1, 0, levelID), ReasonNotASCII, c + ".levelID"},
		{"levelID in pieces", retag(0xa0, 1, 0, levelID), ReasonWrongType, c + ".assessment"},
		{"properties none", empty(1, 0, properties), ReasonEmpty, c + ".properties"},
		{"properties 9", repeat(MaxProperties+1, 1, 0, properties), ReasonTooMany, c + ".properties"},
		{"property twice", repeat(2, 1, 0, properties), ReasonDuplicate, c + ".properties[1]"},
		{"property empty", empty(1, 0, properties, 1), ReasonEmpty, c + ".properties[1]"},
		{"property UTF8String", retag(0x0c, 1, 0, properties, 1), ReasonWrongType, c + ".properties[1]"},
		{"property space", set("A B", 1, 0, properties, 1), ReasonCharacter, c + ".properties[1]"},
		{"properties before levelID", func(n *node) {
			k := n.at(1, 0).kids
			k[levelID], k[properties] = k[properties], k[levelID]
		}, ReasonWrongType, c + ".assessment"},
		{"no assessment", drop(1, 0), ReasonTruncated, c + ".assessment"},
		{"unknown field", add(node{tag: 0x82, body: []byte("x")}, 1, 0), ReasonTrailing, c},
	}
}

func refBreakages() []breakage {
	const a = "claims[0].assessment"
	ref := func(field int) []int { return []int{1, 0, assessment, field} }
	return []breakage{
		{"payload short", set("short", ref(payload)...), ReasonDigest, a + ".payload"},
		{"payload SHA-512", set(fill("", 64), ref(payload)...), ReasonDigest, a + ".payload"},
		{"payload zero", set(string(make([]byte, 32)), ref(payload)...), ReasonDigest, a + ".payload"},
		{"payload BIT STRING", retag(0x03, ref(payload)...), ReasonWrongType, a + ".payload"},
		{"payload in pieces", retag(0x24, ref(payload)...), ReasonNotDER, a + ".payload"},
		{"auditor empty", empty(ref(auditor)...), ReasonDigest, a + ".auditor"},
		{"auditor zero", set(string(make([]byte, 32)), ref(auditor)...), ReasonDigest, a + ".auditor"},
		{"UTCTime", retag(0x17, ref(assessedAt)...), ReasonWrongType, a + ".assessedAt"},
		{"no seconds", set("202609011200Z", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"fraction", set("20260901120000.5Z", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"fraction of zero", set("20260901120000.0Z", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"fraction of zero, comma", set("20260901120000,000Z", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"fraction for a digit", set("2026090112000.Z", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"local time", set("20260901120000", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"offset", set("20260901120000+0000", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"30 February", set("20260230120000Z", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"hour 24", set("20260901240000Z", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"leap second", set("20261231235960Z", ref(validUntil)...), ReasonTime, a + ".validUntil"},
		{"before 1970", set("19691231235959Z", ref(assessedAt)...), ReasonTime, a + ".assessedAt"},
		{"not a time", set("\x00\n\x7f", ref(validUntil)...), ReasonTime, a + ".validUntil"},
		{"ends at once", set("20260901120000Z", ref(validUntil)...), ReasonPeriod, a + ".validUntil"},
		{"ends before", set("20260901115959Z", ref(validUntil)...), ReasonPeriod, a + ".validUntil"},
		{"origin empty", empty(ref(logOrigin)...), ReasonEmpty, a + ".logOrigin"},
		{"origin long", set(fill("", MaxOriginLength+1), ref(logOrigin)...), ReasonTooLong, a + ".logOrigin"},
		{"origin plus", set("log.example.com+1", ref(logOrigin)...), ReasonCharacter, a + ".logOrigin"},
		{"origin newline", set("log.example.com\n2", ref(logOrigin)...), ReasonCharacter, a + ".logOrigin"},
		{"origin not ASCII", set("log\xff", ref(logOrigin)...), ReasonNotASCII, a + ".logOrigin"},
		{"index -1", set("\xff", ref(logIndex)...), ReasonNegative, a + ".logIndex"},
		{"index 2^63", set("\x00\x80\x00\x00\x00\x00\x00\x00\x00", ref(logIndex)...), ReasonTooLarge, a + ".logIndex"},
		{"index cut", raw("\x02\x02\x01", ref(logIndex)...), ReasonTruncated, a + ".logIndex"},
		{"index absent", drop(1, 0, assessment), ReasonTruncated, a + ".logIndex"},
		{"unknown field", add(node{tag: 5}, 1, 0, assessment), ReasonTrailing, a},
		{"assessment is a SET", retag(0x31, 1, 0, assessment), ReasonWrongType, a},
	}
}

func repositoryBreakages() []breakage {
	all := []breakage{
		{"cut", whole(func(der []byte) []byte { return der[:len(der)-1] }), ReasonTruncated, "attestationRepository"},
		{"byte behind", whole(func(der []byte) []byte { return append(der, 0) }), ReasonTrailing, "attestationRepository"},
		{"field behind", add(node{tag: 5}), ReasonTrailing, "attestationRepository"},
		{"too big", whole(func([]byte) []byte { return make([]byte, MaxRepositoryBytes+1) }), ReasonTooBig, "attestationRepository"},
		{"version 2", set("\x02", 0), ReasonVersion, "version"},
		{"no URLs", drop(), ReasonTruncated, "urls"},
		{"no URL", empty(1), ReasonEmpty, "urls"},
		{"9 URLs", repeat(MaxURLs+1, 1), ReasonTooMany, "urls"},
		{"URL twice", repeat(2, 1), ReasonDuplicate, "urls[1]"},
		{"URL UTF8String", retag(0x0c, 1, 0), ReasonWrongType, "urls[0]"},
		{"URL in pieces", retag(0x36, 1, 0), ReasonNotDER, "urls[0]"},
		{"URL as GeneralName", retag(0x86, 1, 0), ReasonWrongType, "urls[0]"},
	}
	for _, u := range badURLs() {
		all = append(all, breakage{"URL " + quote(u.url), set(u.url, 1, 0), u.reason, "urls[0]"})
	}
	return all
}

type badURL struct {
	url    string
	reason Reason
}

func badURLs() []badURL {
	return []badURL{
		{"", ReasonEmpty},
		{fill("https://example.com/", MaxURLLength+1), ReasonTooLong},
		{"https://exämple.com/", ReasonNotASCII},
		{"https://example.com/\x80", ReasonNotASCII},
		{"https://example.com/a b", ReasonCharacter},
		{"https://example.com/\n", ReasonCharacter},
		{"https://example.com\\@evil.example.net/", ReasonCharacter},
		{"https://example.com/{digest}", ReasonCharacter},
		{"https://example.com/%zz", ReasonCharacter},
		{"https://example.com/%2", ReasonCharacter},
		{"http://example.com/", ReasonNotHTTPS},
		{"HTTPS://example.com/", ReasonNotHTTPS},
		{"https:/example.com/", ReasonNotHTTPS},
		{"https:example.com", ReasonNotHTTPS},
		{"//example.com/", ReasonNotHTTPS},
		{"example.com", ReasonNotHTTPS},
		{"file:///etc/passwd", ReasonNotHTTPS},
		{"ftp://example.com/", ReasonNotHTTPS},
		{"https://user@example.com/", ReasonUserInfo},
		{"https://user:secret@example.com/", ReasonUserInfo},
		{"https://@example.com/", ReasonUserInfo},
		{"https://example.com:443@evil.example.net/", ReasonUserInfo},
		{"https://[::1]@example.com/", ReasonUserInfo},
		{"https://", ReasonEmptyHost},
		{"https:///path", ReasonEmptyHost},
		{"https://:443/path", ReasonEmptyHost},
		{"https://:/path", ReasonEmptyHost},
		{"https://example.com:/", ReasonHost},
		{"https://example.com:0/", ReasonHost},
		{"https://example.com:0443/", ReasonHost},
		{"https://example.com:65536/", ReasonHost},
		{"https://example.com:https/", ReasonHost},
		{"https://a:1:2/", ReasonHost},
		{"https://example..com/", ReasonHost},
		{"https://example.com./", ReasonHost},
		{"https://-example.com/", ReasonHost},
		{"https://example-.com/", ReasonHost},
		{"https://exam_ple.com/", ReasonHost},
		{"https://ex%61mple.com/", ReasonHost},
		{"https://" + strings.Repeat("a", 64) + ".example.com/", ReasonHost},
		{"https://" + strings.Repeat("a.", 127) + "com/", ReasonHost},
		{"https://::1/", ReasonHost},
		{"https://[::1/", ReasonHost},
		{"https://[127.0.0.1]/", ReasonHost},
		{"https://[fe80::1%25eth0]/", ReasonHost},
		{"https://[]/", ReasonHost},
		{"https://[::1]x/", ReasonHost},
		{"https://example.com/?", ReasonQuery},
		{"https://example.com?a=b", ReasonQuery},
		{"https://example.com/#", ReasonFragment},
		{"https://example.com#a", ReasonFragment},
		{"https://example.com/a/../b", ReasonPath},
		{"https://example.com/.", ReasonPath},
		{"https://example.com/%2e%2E/b", ReasonPath},
		{"https://example.com/a%2fb", ReasonPath},
		{"https://example.com/..%5c", ReasonPath},
	}
}

func stapleBreakages() []breakage {
	const vsa, receipts, crls = 1, 2, 3
	return []breakage{
		{"cut", whole(func(der []byte) []byte { return der[:len(der)-1] }), ReasonTruncated, "staple"},
		{"byte behind", whole(func(der []byte) []byte { return append(der, 0) }), ReasonTrailing, "staple"},
		{"too big", whole(func([]byte) []byte { return make([]byte, MaxStapleBytes+1) }), ReasonTooBig, "staple"},
		{"version 2", set("\x02", 0), ReasonVersion, "version"},
		{"nothing stapled", func(n *node) { n.kids = n.kids[:1] }, ReasonEmpty, "staple"},
		{"unknown field", add(node{tag: 0x83}), ReasonTrailing, "staple"},
		{"out of order", func(n *node) { n.kids[receipts], n.kids[crls] = n.kids[crls], n.kids[receipts] }, ReasonTrailing, "staple"},
		{"VSA empty", empty(vsa), ReasonEmpty, "vsa"},
		{"VSA long", set(fill("", MaxVSABytes+1), vsa), ReasonTooLong, "vsa"},
		{"VSA in pieces", retag(0xa0, vsa), ReasonTrailing, "staple"},
		{"VSA length in long form", longForm(vsa), ReasonNotDER, "vsa"},
		{"receipts none", empty(receipts), ReasonEmpty, "receipts"},
		{"receipts 17", repeat(MaxReceipts+1, receipts), ReasonTooMany, "receipts"},
		{"receipt empty", empty(receipts, 1), ReasonEmpty, "receipts[1]"},
		{"receipt long", set(fill("", MaxReceiptBytes+1), receipts, 0), ReasonTooLong, "receipts[0]"},
		{"receipt UTF8String", retag(0x0c, receipts, 0), ReasonWrongType, "receipts[0]"},
		{"CRLs none", empty(crls), ReasonEmpty, "crls"},
		{"CRLs 9", repeat(MaxCRLs+1, crls), ReasonTooMany, "crls"},
		{"CRL empty", empty(crls, 0), ReasonEmpty, "crls[0]"},
		{"CRL long", set(fill("", MaxCRLBytes+1), crls, 0), ReasonTooLong, "crls[0]"},
		{"CRL not wrapped", retag(0x30, crls, 0), ReasonWrongType, "crls[0]"},
		{"CRL cut", raw("\x04\x05\x30", crls, 0), ReasonTruncated, "crls[0]"},
	}
}
