package attest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seeds adds the files of testdata/<folder> and fails when there are none.
func seeds(f *testing.F, folder string) {
	f.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join("testdata", folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		f.Add(bytes.TrimSuffix(raw, []byte("\n")))
		n++
		return err
	})
	if err != nil || n == 0 {
		f.Fatalf("%d seeds in testdata/%s: %v", n, folder, err)
	}
}

func fuzzKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

// FuzzParseEnvelope: what is read, written by another DSSE library's rules and read
// again, is the same; and nothing opens that our test key has not signed.
func FuzzParseEnvelope(f *testing.F) {
	seeds(f, "envelopes")
	f.Fuzz(func(t *testing.T, raw []byte) {
		u, err := ParseEnvelope(raw)
		if err != nil {
			if u.Payload != nil || u.KeyIDs != nil || u.PayloadType != "" {
				t.Fatal("half a result with an error")
			}
			return
		}
		if len(raw) > MaxEnvelope || len(u.KeyIDs) == 0 || len(u.KeyIDs) > MaxSignatures || len(u.Payload) == 0 {
			t.Fatal("a bound was passed over")
		}
		sigs := []map[string]string{}
		for _, id := range u.KeyIDs {
			sigs = append(sigs, map[string]string{"keyid": id, "sig": "AAAA"})
		}
		again, err := json.Marshal(map[string]any{
			"payload": base64.StdEncoding.EncodeToString(u.Payload), "payloadType": u.PayloadType, "signatures": sigs,
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > MaxEnvelope {
			return // json escapes may lengthen it
		}
		v, err := ParseEnvelope(again)
		if err != nil {
			t.Fatalf("written again, refused: %v", err)
		}
		if d := cmp.Diff(u, v); d != "" {
			t.Fatal(d)
		}
		if o, err := OpenPayload(raw, u.PayloadType, fuzzKey().Public()); err == nil {
			want, err := Sign(context.Background(), o.PayloadType, o.Payload, fuzzKey())
			if err != nil || !bytes.Contains(raw, signatureOf(t, want)) {
				t.Fatal("opened without our signature")
			}
		}
	})
}

// signatureOf is the one signature of an envelope of ours; Ed25519 has one
// signature for one message.
func signatureOf(t *testing.T, raw []byte) []byte {
	t.Helper()
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return []byte(e.Signatures[0]["sig"].(string))[:20]
}

// FuzzParseStatement: a statement that is read can be written (as v1) and read again
// with the same content.
func FuzzParseStatement(f *testing.F) {
	seeds(f, "statements")
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := ParseStatement(raw)
		if err != nil {
			return
		}
		s.Type = StatementType
		again, err := s.Marshal()
		if Is(err, TooLarge) {
			return // escapes may lengthen it past the bound
		}
		if err != nil {
			t.Fatalf("written again, refused: %v", err)
		}
		v, err := ParseStatement(again)
		if err != nil {
			t.Fatalf("written again, refused: %v", err)
		}
		s.Predicate, v.Predicate = compact(t, s.Predicate), compact(t, v.Predicate)
		if d := cmp.Diff(s, v); d != "" {
			t.Fatal(d)
		}
	})
}

func compact(t *testing.T, raw json.RawMessage) json.RawMessage {
	t.Helper()
	out, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzParseProvenance: what comes out obeys the promises of the type, and the same
// bytes give the same view again. Summaries go the same way.
func FuzzParseProvenance(f *testing.F) {
	seeds(f, "statements")
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := ParseStatement(raw)
		if err != nil {
			return
		}
		p, err := ParseProvenance(s)
		if err == nil {
			if p.BuilderID == "" || p.BuildType == "" || (p.Version != "0.1" && p.Version != "0.2" && p.Version != "1") {
				t.Fatalf("a required field is empty: %+v", p)
			}
			for _, src := range p.Sources {
				if src.URI == "" {
					t.Fatal("a source without URI")
				}
			}
			q, err := ParseProvenance(s)
			if d := cmp.Diff(p, q); err != nil || d != "" {
				t.Fatal("two readings differ", err, d)
			}
		}
		v, err := ParseVSA(s)
		if err != nil || v.TimeVerified.IsZero() {
			return
		}
		w, err := NewVSA(v)
		if Is(err, TooLarge) {
			return
		}
		if err != nil {
			t.Fatalf("summary written again, refused: %v", err)
		}
		again, err := ParseVSA(w)
		if err != nil {
			t.Fatal(err)
		}
		if v.VerifiedLevels == nil {
			v.VerifiedLevels = again.VerifiedLevels
		}
		v.Policy.Annotations, again.Policy.Annotations = nil, nil // white space may differ
		for i := range v.InputAttestations {
			v.InputAttestations[i].Annotations, again.InputAttestations[i].Annotations = nil, nil
		}
		if d := cmp.Diff(v, again); d != "" {
			t.Fatal(d)
		}
	})
}
