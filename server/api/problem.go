package api

import "fmt"

// Problem is an error answer, application/problem+json (RFC 9457) with a code
// that programs can switch on and a hint for people.
type Problem struct {
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Code   string         `json:"code,omitempty" doc:"stable name of the reason"`
	Field  string         `json:"field,omitempty" doc:"which part of the input"`
	Hint   string         `json:"hint,omitempty" doc:"what to do next"`
	Errors []ProblemField `json:"errors,omitempty" doc:"schema violations"`
	Rules  []Rule         `json:"rules,omitempty" doc:"signing gate: every rule's verdict"`
}

// ProblemField is one violation of a request schema.
type ProblemField struct {
	Message  string `json:"message"`
	Location string `json:"location"`
}

// Error implements error: title and detail, with the field and the first
// schema violations where there are any.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Field != "" {
		text = p.Field + ": " + text
	}
	for _, e := range p.Errors {
		text += fmt.Sprintf("; %s: %s", e.Location, e.Message)
	}
	return text
}

// GetStatus returns the HTTP status code.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType names the media type of the answer.
func (p *Problem) ContentType(string) string { return "application/problem+json" }
