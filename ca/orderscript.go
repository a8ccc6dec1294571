package ca

import (
	"bytes"
	"fmt"
	"text/template"
	"time"
)

// script is the ceremony in words: every step, who does it, what is read aloud.
func (o order) script(sum string) []byte {
	data := struct {
		order
		Sum, Until string
		Offline    []string // keys that are made
		Requests   []scriptRow
		Rows       []OrderedCertificate
	}{order: o, Sum: GroupDigest(sum), Until: o.CreatedAt.Add(orderLife).Format(time.DateOnly), Rows: o.rows()}
	for _, c := range o.Certificates {
		if len(c.Request) > 0 {
			data.Requests = append(data.Requests, scriptRow{c.Name, GroupDigest(digestHex(c.Request))})
		} else if c.key() == c.Name {
			data.Offline = append(data.Offline, c.Name)
		}
	}
	var out bytes.Buffer
	if err := scriptTemplate().Execute(&out, data); err != nil {
		return fmt.Appendf(nil, "the script could not be written: %v\n", err) // order.json is what counts
	}
	return out.Bytes()
}

type scriptRow struct{ Name, Digest string }

// OrderedCertificate describes one certificate of an order to a person.
type OrderedCertificate struct {
	Name          string   `json:"name"`
	CommonName    string   `json:"common_name"`
	Profile       string   `json:"profile"`
	Issuer        string   `json:"issuer"`
	Policies      []string `json:"policies"`
	RequestSHA256 string   `json:"request_sha256,omitempty"` // of the request's DER; none: the key is the signer's
}

func (o order) rows() []OrderedCertificate {
	var rows []OrderedCertificate
	for _, c := range o.Certificates {
		row := OrderedCertificate{Name: c.Name, CommonName: o.Name + " " + c.Title, Profile: string(c.Profile), Issuer: c.Issuer, Policies: append([]string{}, c.Policies...)}
		if len(c.Request) > 0 {
			row.RequestSHA256 = digestHex(c.Request)
		}
		rows = append(rows, row)
	}
	return rows
}

func scriptTemplate() *template.Template {
	return template.Must(template.New("script").Parse(scriptText))
}

const scriptText = `# Key ceremony: {{.Name}}

Order {{.ID}}, purpose "{{.Purpose}}", made {{.CreatedAt.Format "2006-01-02 15:04:05 UTC"}}; it holds until {{.Until}}.

People: **administrator** (runs the server), **custodian** (holds the medium with the vault, or the token),
**witness** (of neither's department; keeps the record). Each step is ticked and initialled by who does it
and by the witness. If a digest differs or a program refuses, stop, write down what was seen, and begin
again with a new order.

## What is ordered

For {{.Organization}}, {{.Country}}. Certificates say that lists and issuers are found at {{.PublicURL}}; the arc is {{.Arc}}.

| certificate | for | profile | signed by | policies |
|---|---|---|---|---|
{{range .Rows}}| {{.Name}} | {{.CommonName}} | {{.Profile}} | {{.Issuer}} | {{len .Policies}} |
{{end}}
Revocation lists: {{range .Lists}}{{.Issuer}} (after number {{.After}}) {{else}}none{{end}}

SHA-256 of order.json, to be read aloud:

    {{.Sum}}
{{if .Requests}}
SHA-256 of each request (DER):
{{range .Requests}}
    {{.Name}}
    {{.Digest}}
{{end}}{{end}}
## On the server

1. [ ] Administrator: copies order.json and this script to a new, empty medium. Prints this script for all.
2. [ ] Administrator: 'hallmark ceremony show order.json' and reads the SHA-256 aloud; custodian and witness
       compare with their printed script.

## On the offline machine

It has no network, was set up by two people, and its clock is right: the witness compares it with a watch.

3. [ ] Custodian: brings the vault ({{if .Offline}}made now, if this is the first ceremony; keys made in this ceremony: {{range .Offline}}{{.}} {{end}}{{else}}no key is made in this ceremony{{end}}).
4. [ ] Custodian: 'hallmark ceremony show order.json' on this machine. The administrator reads the SHA-256 from
       the printed script, group by group; the custodian compares with the screen; so does the witness.
5. [ ] Witness: reads name, common name and number of policies of each certificate above; the custodian compares.
6. [ ] Custodian: 'hallmark ceremony sign --vault VAULT --out answer.json order.json', types the first two groups
       of the SHA-256 when asked for them, and the passphrase or PIN.
7. [ ] All: read answer.json.txt, the transcript on the screen; the witness writes the answer's SHA-256 down.
8. [ ] Custodian: copies answer.json and answer.json.txt to the medium; takes the vault away to where it is kept.

## On the server

9. [ ] Administrator: 'hallmark ceremony check --order order.json answer.json', on any machine.
10. [ ] Administrator: 'hallmark ceremony import --dir DIR answer.json'; the witness reads the answer's SHA-256
        from the record, the administrator confirms it.
11. [ ] Administrator: restarts the server and looks at 'hallmark status'.
12. [ ] Witness: files script, transcript and record.

Date ____________  Administrator ____________  Custodian ____________  Witness ____________
`
