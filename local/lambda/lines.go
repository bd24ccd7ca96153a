package lambda

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// longestLine bounds one line of a function's output, in bytes; a longer one is
// cut in pieces.
const longestLine = 64 << 10

// lines writes what functions print, a whole line at a time, each marked with
// its function.
type lines struct {
	mu            sync.Mutex
	out           io.Writer
	subscriptions *Subscriptions
}

// copy writes the lines of one process until its output ends.
func (l *lines) copy(function string, from io.Reader) {
	r := bufio.NewReaderSize(from, longestLine)
	for {
		line, err := r.ReadSlice('\n')
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			l.write(function, line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (l *lines) write(function string, line []byte) {
	l.subscriptions.match(line)
	text := readable(line)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, "%s | %s\n", function, text) // there is nowhere else to say that it failed
}

// readable turns a JSON log record into a line that a person reads at a glance:
// level, message, then the other members in their order. What is not a record
// stays as it is, but for control characters, which could move the cursor of a
// terminal or forge a line.
func readable(line []byte) string {
	if members, ok := record(line); ok {
		var level, message string
		var rest strings.Builder
		for _, m := range members {
			switch m.name {
			case "level":
				level = m.text()
			case "msg", "message":
				message = m.text()
			case "time", "timestamp": // the reader has a clock
			default:
				fmt.Fprintf(&rest, " %s=%s", m.name, m.value)
			}
		}
		if message != "" {
			line = []byte(strings.TrimSpace(fmt.Sprintf("%-5s %s%s", level, message, rest.String())))
		}
	}
	return strings.Map(func(r rune) rune {
		if (r < ' ' && r != '\t') || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '\uFFFD'
		}
		return r
	}, string(line))
}

type member struct {
	name  string
	value json.RawMessage
}

// text is a string's text, and any other value as it is written.
func (m member) text() string {
	var s string
	if json.Unmarshal(m.value, &s) == nil {
		return s
	}
	return string(m.value)
}

// record reads the members of a JSON object in their order.
func record(line []byte) ([]member, bool) {
	d := json.NewDecoder(bytes.NewReader(line))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	var members []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		m := member{name: fmt.Sprint(name)}
		if d.Decode(&m.value) != nil {
			return nil, false
		}
		members = append(members, m)
	}
	end, err := d.Token()
	return members, err == nil && end == json.Delim('}') && !d.More()
}
