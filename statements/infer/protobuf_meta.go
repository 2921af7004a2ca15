package infer

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// meta is what the option (confluent.field_meta) of a field says.
type meta struct {
	doc    string
	params map[string]string
}

func (m meta) number(name string, def int) int {
	if n, err := strconv.Atoi(m.params[name]); err == nil && n >= 0 {
		return n
	}
	return def
}

// fieldMeta is the number of confluent.field_meta among the options of a field.
const fieldMeta = 1088

// metaOf reads the option from its bytes: which Go type it has depends on how the file was compiled.
func metaOf(f protoreflect.FieldDescriptor) meta {
	out := meta{params: map[string]string{}}
	options, err := proto.Marshal(f.Options())
	if err != nil {
		return out
	}
	fields(options, func(n protowire.Number, b []byte) {
		if n != fieldMeta {
			return
		}
		fields(b, func(n protowire.Number, b []byte) {
			switch n {
			case 1:
				out.doc = string(b)
			case 2:
				var pair [3]string
				fields(b, func(n protowire.Number, b []byte) {
					if n < 3 {
						pair[n] = string(b)
					}
				})
				out.params[pair[1]] = pair[2]
			}
		})
	})
	return out
}

// fields calls f for every field of a message that has a length.
func fields(b []byte, f func(protowire.Number, []byte)) {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return
		}
		b = b[size:]
		if kind == protowire.BytesType {
			v, size := protowire.ConsumeBytes(b)
			if size < 0 {
				return
			}
			f(n, v)
			b = b[size:]
			continue
		}
		if size = protowire.ConsumeFieldValue(n, kind, b); size < 0 {
			return
		}
		b = b[size:]
	}
}

// knownProtos are the files that schemas import without a reference, because the registry's clients have them built in. They hold the messages'
// fields, no more.
var knownProtos = map[string]string{
	"confluent/meta.proto": `syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }`,
	"confluent/type/decimal.proto": `syntax = "proto3";
package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`,
	"google/type/calendar_period.proto": `syntax = "proto3";
package google.type;
enum CalendarPeriod { CALENDAR_PERIOD_UNSPECIFIED = 0; DAY = 1; WEEK = 2; FORTNIGHT = 3; MONTH = 4; QUARTER = 5; HALF = 6; YEAR = 7; }`,
	"google/type/date.proto": `syntax = "proto3";
package google.type;
message Date { int32 year = 1; int32 month = 2; int32 day = 3; }`,
	"google/type/dayofweek.proto": `syntax = "proto3";
package google.type;
enum DayOfWeek { DAY_OF_WEEK_UNSPECIFIED = 0; MONDAY = 1; TUESDAY = 2; WEDNESDAY = 3; THURSDAY = 4; FRIDAY = 5; SATURDAY = 6; SUNDAY = 7; }`,
	"google/type/latlng.proto": `syntax = "proto3";
package google.type;
message LatLng { double latitude = 1; double longitude = 2; }`,
	"google/type/money.proto": `syntax = "proto3";
package google.type;
message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }`,
	"google/type/timeofday.proto": `syntax = "proto3";
package google.type;
message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }`,
}
