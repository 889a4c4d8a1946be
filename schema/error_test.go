package schema_test

import (
	"errors"
	"strings"
	"testing"

	"wpre-relay/schema"
)

func TestErrorNamesTheFieldOrTheOffset(t *testing.T) {
	for _, tc := range []struct {
		file, want string
		max        int
	}{
		{file: "", want: "the file is empty (at byte 0)"},
		{file: " \n", want: "the file is empty (at byte 0)"},
		{file: "[]", want: "the document is an array, not an object (at byte 0)"},
		{file: "  42", want: "the document is a number, not an object (at byte 2)"},
		{file: "null", want: "the file does not begin with a JSON object (at byte 0)"},
		{file: "\xef\xbb\xbf{}", want: "the file does not begin with a JSON object (at byte 0)"},
		{file: "{}", want: `field "timestamp": missing`},
		{file: `{"timestamp":null}`, want: `field "timestamp": null`},
		{file: `{"timestamp":1`, want: "the document is incomplete (at byte 14)"},
		{file: `{"timestamp":1,"a":tru}`,
			want: "not valid JSON: invalid character '}' in literal true (expecting 'e') (at byte 22)"},
		{file: `  {"timestamp":1,`, want: "the document is incomplete (at byte 17)"},
		{file: `  {"timestamp":1,]`,
			want: "not valid JSON: invalid character ']' looking for beginning of object key string (at byte 17)"},
		{file: "{\"timestamp\":\"\xff\"}", want: "the text is not valid UTF-8 (at byte 14)"},
		{file: `{"timestamp":1,"a":"123456"}`, max: 20, want: "the document is larger than 20 bytes (at byte 20)"},
		{file: strings.Repeat(" ", 30) + "{}", max: 20, want: "the document is larger than 20 bytes (at byte 20)"},
		{file: strings.Repeat("[", 30), max: 20, want: "the document is an array, not an object (at byte 0)"},
		{file: `{"timestamp":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}",
			want: "not valid JSON: invalid character '[' exceeded max depth (at byte "},
	} {
		_, _, err := schema.Decode([]byte(tc.file), tc.max)
		var schemaErr *schema.Error
		if !errors.As(err, &schemaErr) {
			t.Errorf("Decode(%.40q) = %v, want an *Error", tc.file, err)
		} else if !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("Decode(%.40q):\n got %s\nwant %s", tc.file, err, tc.want)
		}
	}
}
