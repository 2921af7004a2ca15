package report

// Document is a text to follow by hand, such as a runbook.
type Document struct {
	Title string
	Facts []string // what it is about and as of when, a line each
	Parts []Part
}

// Part is a chapter of a Document.
type Part struct {
	Heading string
	Text    []string // paragraphs
	Shell   string   // what to type before anything else in it, "" for nothing
	Steps   []Instruction
}

// Instruction is one step of a Document.
type Instruction struct {
	Number int // from 1, over the whole document
	Title  string
	Why    string
	By     string   // the lifeboat command that does the same, "" where there is none
	Shell  string   // commands to be typed; "" where a person does something else
	Text   []string // what to do besides, paragraphs
	Shows  string   // what is seen when it is done
	Look   string   // the command that shows it
	Back   string   // how it is undone, in words
	Undo   string   // the commands for that
	Final  bool     // it can not be undone
}
