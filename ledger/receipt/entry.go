package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/plainjson"
)

// Types of entries. kinds.go says which fields each of them has.
const (
	AssessmentSubmitted  = "assessment.submitted"  // an auditor has handed it in; only a commitment
	AssessmentRejected   = "assessment.rejected"   // an officer will not rely on it; only a commitment
	AssessmentAccepted   = "assessment.accepted"   // in force from here on
	AssessmentReopened   = "assessment.reopened"   // an auditor of it was revoked; not in force until upheld
	AssessmentUpheld     = "assessment.upheld"     // in force again
	AssessmentSuperseded = "assessment.superseded" // by another of the same track
	AssessmentLowered    = "assessment.lowered"    // superseded by one of a lower level
	AssessmentExpired    = "assessment.expired"
	AssessmentWithdrawn  = "assessment.withdrawn"

	AuditorAccredited = "auditor.accredited" // for a framework, from Effective until Until
	AuditorKey        = "auditor.key"        // signs with this key from now on
	AuditorSuspended  = "auditor.suspended"  // for a framework: what is handed in from Effective on does not count
	AuditorRevoked    = "auditor.revoked"    // for cause: all that it signed is looked at again

	CertificateIssued  = "certificate.issued"
	CertificateRevoked = "certificate.revoked"
	CertificateHeld    = "certificate.held" // it would have been revoked by itself, and people made that wait

	OfficerEnrolled = "officer.enrolled" // may decide for the CA from now on; by whose invitation and consent

	SignatureMade  = "signature.made"  // the service used a vendor's key; only commitments
	ApprovalGiven  = "approval.given"  // somebody of a vendor agreed to a signature; only commitments
	ApprovalDenied = "approval.denied" // somebody of a vendor refused one; only commitments
	PolicyChanged  = "policy.changed"  // what a vendor asks for before it signs is another now; only commitments
)

const entryVersion = 1

// Entry is one fact that the CA answers for. Its bytes are the log's leaf. Which
// fields are set depends on the type; a field that the type does not have is refused.
type Entry struct {
	Type string
	At   time.Time // when it happened, whole seconds UTC

	Assessment        string // SHA-256 of the signed assessment payload, lower-case hex
	Vendor            string // the vendor's URI
	AuditorSPKI       string // SHA-256 of the auditor's SubjectPublicKeyInfo, lower-case hex
	SecondAuditorSPKI string // likewise, where two auditors signed
	Framework         string // the framework's URI
	Track             string // empty: a framework without tracks
	Level             int    // 1 or higher

	Commitment string // Commit of what is not public: the assessment's digest, or what was signed
	Auditor    string // Commit of the auditor's id: the same in all entries about this auditor
	Signer     string // Commit of the vendor's id: the same in all entries about this vendor's signing

	Certificate      string   // SHA-256 of the certificate's DER, lower-case hex
	Serial           string   // lower-case hex
	Tier             string   // the issuing CA
	Assessments      []string // those that the certificate relies on, as Assessment, sorted
	RevocationReason int      // RFC 5280 §5.3.1

	Reason     string    // why, in an officer's words
	Effective  time.Time // since when, or from when
	Invalidity time.Time // RFC 5280 §5.3.2
	Until      time.Time
}

// entryV1 is the encoding. Field order is part of the format.
type entryV1 struct {
	V                 int       `json:"v"`
	Type              string    `json:"type"`
	At                time.Time `json:"at"`
	Assessment        string    `json:"assessment,omitempty"`
	Vendor            string    `json:"vendor,omitempty"`
	AuditorSPKI       string    `json:"auditor_spki_sha256,omitempty"`
	SecondAuditorSPKI string    `json:"second_auditor_spki_sha256,omitempty"`
	Framework         string    `json:"framework,omitempty"`
	Track             string    `json:"track,omitempty"`
	Level             int       `json:"level,omitempty"`
	Commitment        string    `json:"commitment,omitempty"`
	Auditor           string    `json:"auditor,omitempty"`
	Signer            string    `json:"signer,omitempty"`
	Certificate       string    `json:"certificate_sha256,omitempty"`
	Serial            string    `json:"serial,omitempty"`
	Tier              string    `json:"tier,omitempty"`
	Assessments       []string  `json:"assessments,omitempty"`
	RevocationReason  int       `json:"revocation_reason,omitempty"`
	Reason            string    `json:"reason,omitempty"`
	Effective         time.Time `json:"effective,omitzero"`
	Invalidity        time.Time `json:"invalidity,omitzero"`
	Until             time.Time `json:"until,omitzero"`
}

// Commit names something without telling it: the SHA-256, in lower-case hex, of salt,
// a zero byte and the text. salt is SaltBytes random bytes, of one use; who is given it
// and the text can check them against the log (Opens).
func Commit(salt []byte, text string) string {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte{0})
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// Opens says whether a commitment was made of this text with this salt. A salt of
// another length than SaltBytes opens nothing: bytes could otherwise be moved between
// the salt and the text.
func Opens(commitment string, salt []byte, text string) bool {
	return len(salt) == SaltBytes && Commit(salt, text) == commitment
}

// Marshal writes the entry as one line of JSON, the only spelling ParseEntry takes.
// Times are cut to whole seconds. It refuses an entry whose fields break the rules of
// its type. Errors: *Error with BadEntry or TooLarge.
func (e Entry) Marshal() ([]byte, error) {
	for _, t := range []*time.Time{&e.At, &e.Effective, &e.Invalidity, &e.Until} {
		*t = second(*t)
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	return e.encode()
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func (e Entry) encode() ([]byte, error) {
	raw, ok := e.encodePlain()
	if !ok {
		var err error
		if raw, err = e.encodeJSON(); err != nil {
			return nil, &Error{Reason: BadEntry, Err: err}
		}
	}
	if len(raw) > MaxEntry {
		return nil, refuse(TooLarge, "entry")
	}
	return raw, nil
}

func (e Entry) encodeJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(entryV1{
		V: entryVersion, Type: e.Type, At: e.At, Assessment: e.Assessment, Vendor: e.Vendor,
		AuditorSPKI: e.AuditorSPKI, SecondAuditorSPKI: e.SecondAuditorSPKI, Framework: e.Framework, Track: e.Track, Level: e.Level,
		Commitment: e.Commitment, Auditor: e.Auditor, Signer: e.Signer, Certificate: e.Certificate, Serial: e.Serial, Tier: e.Tier,
		Assessments: e.Assessments, RevocationReason: e.RevocationReason,
		Reason: e.Reason, Effective: e.Effective, Invalidity: e.Invalidity, Until: e.Until,
	})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// plainRoom is about what an entry takes.
const plainRoom = 512

// encodePlain writes what encodeJSON does, without reflection; ok is false where
// something would have to be escaped.
func (e Entry) encodePlain() (raw []byte, ok bool) {
	w := plainjson.Writer{B: make([]byte, 0, plainRoom), OK: e.Level >= 0 && e.RevocationReason >= 0}
	w.Uint(`{"v":`, entryVersion)
	w.Member(`,"type":`, e.Type)
	w.Time(`,"at":`, e.At)
	w.Optional(`,"assessment":`, e.Assessment)
	w.Optional(`,"vendor":`, e.Vendor)
	w.Optional(`,"auditor_spki_sha256":`, e.AuditorSPKI)
	w.Optional(`,"second_auditor_spki_sha256":`, e.SecondAuditorSPKI)
	w.Optional(`,"framework":`, e.Framework)
	w.Optional(`,"track":`, e.Track)
	if e.Level != 0 {
		w.Uint(`,"level":`, uint64(e.Level))
	}
	w.Optional(`,"commitment":`, e.Commitment)
	w.Optional(`,"auditor":`, e.Auditor)
	w.Optional(`,"signer":`, e.Signer)
	w.Optional(`,"certificate_sha256":`, e.Certificate)
	w.Optional(`,"serial":`, e.Serial)
	w.Optional(`,"tier":`, e.Tier)
	if len(e.Assessments) > 0 {
		w.Texts(`,"assessments":`, e.Assessments)
	}
	if e.RevocationReason != 0 {
		w.Uint(`,"revocation_reason":`, uint64(e.RevocationReason))
	}
	w.Optional(`,"reason":`, e.Reason)
	w.OptionalTime(`,"effective":`, e.Effective)
	w.OptionalTime(`,"invalidity":`, e.Invalidity)
	w.OptionalTime(`,"until":`, e.Until)
	w.Raw(`}`)
	return w.B, w.OK
}

// ParseEntry reads an entry. Only the bytes that Marshal writes are taken: a second
// spelling of the same entry would be a second leaf. Errors: *Error with BadEntry,
// TooLarge, or UnknownVersion for an entry written by a later release.
func ParseEntry(raw []byte) (Entry, error) {
	if len(raw) > MaxEntry {
		return Entry{}, refuse(TooLarge, "entry")
	}
	var w entryV1
	if err := json.Unmarshal(raw, &w); err != nil {
		// A later version may have another form: what it is comes before what is wrong.
		var version struct {
			V int `json:"v"`
		}
		if json.Unmarshal(raw, &version) != nil || version.V <= entryVersion {
			return Entry{}, &Error{Reason: BadEntry, Err: err}
		}
		w.V = version.V
	}
	if w.V > entryVersion {
		return Entry{}, refuse(UnknownVersion, "entry of a later version")
	}
	e := Entry{
		Type: w.Type, At: w.At, Assessment: w.Assessment, Vendor: w.Vendor,
		AuditorSPKI: w.AuditorSPKI, SecondAuditorSPKI: w.SecondAuditorSPKI, Framework: w.Framework, Track: w.Track, Level: w.Level,
		Commitment: w.Commitment, Auditor: w.Auditor, Signer: w.Signer, Certificate: w.Certificate, Serial: w.Serial, Tier: w.Tier,
		Assessments: w.Assessments, RevocationReason: w.RevocationReason,
		Reason: w.Reason, Effective: w.Effective, Invalidity: w.Invalidity, Until: w.Until,
	}
	if err := e.check(); err != nil {
		return Entry{}, err
	}
	again, err := e.encode()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, raw) {
		return Entry{}, refuse(BadEntry, "not in its one spelling")
	}
	return e, nil
}

func isSecond(t time.Time) bool {
	return t.Location() == time.UTC && t.Nanosecond() == 0 && t.Year() >= 2000 && t.Year() <= 9999
}

func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func isURI(s string) bool {
	if s == "" || len(s) > MaxURI || !utf8.ValidString(s) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme != ""
}
