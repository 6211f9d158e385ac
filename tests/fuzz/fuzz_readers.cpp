// Every parser of raw data, chosen by the first byte. Beside not crashing, what is accepted must
// hold together: a converted literal is JSON, a written field reads back.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/utf8.h"
#include "data/atomic.h"
#include "data/bad_rows.h"
#include "data/delimited.h"
#include "data/lines.h"
#include "data/numbers.h"
#include "data/python_literal.h"
#include "data/raw.h"
#include "data/records.h"
#include "data/source.h"
#include "fuzz/fuzz.h"

namespace {

using namespace kindred;
using namespace kindred::data;
using kindred::fuzz::require;

LineReader lines_of(std::string_view text) {
  return LineReader(memory_source(std::string(text)), "fuzz", 4096);
}

void python_literal(std::string_view text) {
  std::string json;
  if (!python_to_json(text, json) || !is_utf8(text)) return;
  // A lone surrogate is passed on and repaired later; strict JSON has none.
  if (json.find("\\ud") == std::string::npos && json.find("\\uD") == std::string::npos)
    require(Json::accept(json));
}

class Swallow : public RowSink {
 public:
  void row(const RawRow& row) override {
    require(is_utf8(row.review) && is_utf8(row.user));
    seen += row.user.size() + row.item.size() + row.review.size();
  }
  size_t seen = 0;
};

void read_all(Records& records, BadRows& bad) {
  Swallow sink;
  ReadContext context{bad, {}, {}};
  RawOptions options;
  read_rows(records, {.user = 0, .item = 1, .rating = 2, .time = 3, .review = 4}, options, sink,
            context);
  bad.finish();
}

void json_lines(std::string_view text) {
  BadRows bad("100%");
  const std::vector<std::string> items{"parent_asin", "asin"};
  read_all(*open_json_lines(lines_of(text),
                            {"reviewerID", items, "overall", "unixReviewTime", "reviewText"}, bad),
           bad);
}

void delimited(std::string_view text, int variant) {
  BadRows bad("100%");
  Delimited syntax;
  syntax.separator = variant & 1 ? "::" : ",";
  syntax.quotes = static_cast<Delimited::Quotes>((variant >> 1) % 3);
  syntax.header = variant & 8 ? Delimited::Header::none : Delimited::Header::names;
  syntax.latin1 = variant & 16;
  const ColumnNames named{{"u", false}, {"i", false}, {"r", false}, {"t", false}, {"x", false}};
  const ColumnNames numbered{"1", "2", {"3", false}, {"4", false}, {"5", false}};
  read_all(*open_delimited(lines_of(text), syntax, variant & 8 ? numbered : named, bad), bad);
}

void atomic_line(std::string_view text) {
  std::vector<std::string_view> fields;
  split_fields(text, '\t', fields);
  size_t size = fields.size() - 1;
  for (const std::string_view field : fields) size += field.size();
  require(size == text.size());
  std::string line;
  append_field(line, text);
  line += '\t';
  append_field(line, "next");
  split_fields(line, '\t', fields);
  require(fields.size() == 2 && fields[1] == "next");
  std::string wanted(text);
  for (char& c : wanted)
    if (c == '\t' || c == '\n' || c == '\r' || c == '\0') c = ' ';
  require(unquoted(fields[0]) == wanted);
  parse_header(text, "fuzz");
}

void scalars(std::string_view text) {
  parse_number(text);
  parse_date(text);
  std::string valid;
  append_sanitized(valid, text);
  require(is_utf8(valid) && is_utf8(shown(text)));
}

void compressed(std::string_view text) {
  const auto source = decompress(memory_source(std::string(text)), "fuzz");
  char buffer[1024];
  for (int i = 0; i < 1024 && source->read(buffer, sizeof buffer) > 0; ++i) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  fuzz::parse([&] {
    switch (bytes[0] % 6) {
      case 0:
        return python_literal(text);
      case 1:
        return json_lines(text);
      case 2:
        return delimited(text, bytes[0] / 6);
      case 3:
        return atomic_line(text);
      case 4:
        return scalars(text);
      default:
        compressed(text);
    }
  });
  return 0;
}
