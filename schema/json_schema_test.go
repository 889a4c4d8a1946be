package schema_test

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"wpre-relay/schema"
)

// TestJSONSchemaAgreesWithDecode compares event.schema.json with Decode on every file of testdata, except files that
// are not JSON, which no schema can validate.
func TestJSONSchemaAgreesWithDecode(t *testing.T) {
	compiled, err := jsonschema.NewCompiler().Compile("event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, dir := range []string{"valid", "invalid", "torn"} {
		for name, file := range files(t, dir) {
			ev, _, decodeErr := schema.Decode(file, 0)
			doc := bytes.TrimSpace(file)
			if decodeErr == nil {
				doc = ev.Document
			}
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
			if err != nil || name == "not-utf8.json" {
				if decodeErr == nil {
					t.Errorf("%s/%s: Decode accepts it, the JSON reader returns %v", dir, name, err)
				}
				continue
			}
			compared++
			if schemaErr := compiled.Validate(value); (schemaErr == nil) != (decodeErr == nil) {
				t.Errorf("%s/%s: Decode returns %v, the schema %v", dir, name, decodeErr, schemaErr)
			}
		}
	}
	if compared < 40 {
		t.Errorf("only %d files were compared", compared)
	}
}
