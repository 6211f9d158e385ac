// JSON lines as records.

// Every processor of the baseline has carry-less multiplication, but x86-64-v3 does not name it,
// and without it simdjson compiles its plain string code.
#if defined(__GNUC__) && !defined(__clang__) && defined(__AVX2__)
#pragma GCC target("pclmul")
#endif

#include <simdjson.h>

#include <algorithm>

#include "core/json.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/lines.h"
#include "data/python_literal.h"
#include "data/records.h"

namespace kindred::data {
namespace {

namespace ondemand = simdjson::ondemand;

/// A wanted key: which cell it fills, and how preferred it is among the alternatives of that cell.
struct Key {
  std::string name;
  size_t cell;
  int rank;
};

bool is_hexadecimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

/// The code unit of a `\uXXXX` at `at`, or 0.
uint32_t code_unit(std::string_view text, size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return 0;
  const std::string digits(text.substr(at + 2, 4));
  return is_hexadecimal(digits) ? static_cast<uint32_t>(std::stoul(digits, nullptr, 16)) : 0;
}

/// Replaces ill-formed UTF-8 and lone surrogate escapes of a JSON text by U+FFFD.
uint64_t repair_json(std::string_view line, std::string& out) {
  std::string valid;
  uint64_t replaced = append_sanitized(valid, line).bytes;
  out.clear();
  for (size_t at = 0; at < valid.size();) {
    if (valid[at] != '\\') {
      out += valid[at++];
      continue;
    }
    const uint32_t unit = code_unit(valid, at);
    const uint32_t next = code_unit(valid, at + 6);
    const bool pair = unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000;
    if (unit >= 0xd800 && unit < 0xe000 && !pair) {
      out += "\\ufffd";
      replaced += 6;
      at += 6;
    } else {
      const size_t length = pair ? 12 : 2;
      out.append(valid, at, length);
      at += length;
    }
  }
  return replaced;
}

class JsonRecords : public Records {
 public:
  JsonRecords(LineReader lines, const ColumnNames& columns, BadRows& bad)
      : lines_(std::move(lines)), bad_(bad), cells_(columns.size()), ranks_(columns.size()) {
    for (size_t cell = 0; cell < columns.size(); ++cell) {
      int rank = 0;
      for (const std::string& name : columns[cell].names) keys_.push_back({name, cell, rank++});
    }
  }

  bool next() override {
    std::string_view line;
    while (lines_.next(line)) {
      if (lines_.too_long()) {
        bad_.bad(where(), cat("line above ", LineReader::default_max_line, " bytes"));
        continue;
      }
      if (trim(line).empty()) continue;
      if (read(line.data(), line.size())) return true;
      if (read_again(line)) return true;
      bad_.bad(where(),
               trim(line).starts_with('[')
                   ? "a JSON list, expected one object a line (jq -c '.[]' makes lines of it)"
               : trim(line).starts_with('{')
                   ? cat("not a JSON object: ", problem_)
                   : cat("'", shown(trim(line), 20), "' is no JSON object"));
    }
    return false;
  }

  Cell cell(size_t column) const override { return cells_[column]; }
  std::string where() const override { return lines_.where(); }

 private:
  /// Reads one object; the bytes must be followed by simdjson's padding.
  bool read(const char* data, size_t size) {
    std::fill(cells_.begin(), cells_.end(), Cell{});
    const simdjson::error_code error = walk(data, size);
    if (error) problem_ = simdjson::error_message(error);
    return !error;
  }

  simdjson::error_code walk(const char* data, size_t size) {
    ondemand::document document;
    if (auto error = parser_.iterate(data, size, size + simdjson::SIMDJSON_PADDING).get(document))
      return error;
    ondemand::object object;
    if (auto error = document.get_object().get(object)) return error;
    for (auto field : object) {
      ondemand::raw_json_string name;
      if (auto error = field.key().get(name)) return error;
      const Key* key = find(name);
      if (!key) continue;
      ondemand::value value;
      if (auto error = field.value().get(value)) return error;
      if (auto error = take(*key, value)) return error;
    }
    const bool more = document.current_location().error() != simdjson::OUT_OF_BOUNDS;
    return more ? simdjson::TRAILING_CONTENT : simdjson::SUCCESS;
  }

  const Key* find(ondemand::raw_json_string name) const {
    for (const Key& key : keys_)
      if (name.unsafe_is_equal(key.name)) return &key;
    return nullptr;
  }

  simdjson::error_code take(const Key& key, ondemand::value value) {
    Cell cell;
    ondemand::json_type type;
    if (auto error = value.type().get(type)) return error;
    switch (type) {
      case ondemand::json_type::string:
        cell.kind = Cell::Kind::text;
        if (auto error = value.get_string().get(cell.text)) return error;
        break;
      case ondemand::json_type::number: {
        double number = 0;
        cell.kind = Cell::Kind::number;
        cell.text = trim(value.raw_json_token());
        if (auto error = value.get_double().get(number)) return error;
        break;
      }
      case ondemand::json_type::null:
        if (auto error = value.is_null().error()) return error;
        return simdjson::SUCCESS;
      case ondemand::json_type::boolean: {
        bool truth = false;
        if (auto error = value.get_bool().get(truth)) return error;
        cell = {Cell::Kind::number, truth ? "1" : "0"};
        break;
      }
      default:
        cell.kind = Cell::Kind::compound;
        if (auto error = raw_json(value, type).get(cell.text)) return error;
    }
    Cell& place = cells_[key.cell];
    if (place.present() && ranks_[key.cell] <= key.rank) return simdjson::SUCCESS;
    place = cell;
    ranks_[key.cell] = key.rank;
    return simdjson::SUCCESS;
  }

  static simdjson::simdjson_result<std::string_view> raw_json(ondemand::value value,
                                                              ondemand::json_type type) {
    if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (auto error = value.get_array().get(array)) return error;
      return array.raw_json();
    }
    ondemand::object object;
    if (auto error = value.get_object().get(object)) return error;
    return object.raw_json();
  }

  /// A second try, for lines that are Python literals or hold ill-formed text.
  bool read_again(std::string_view line) {
    const std::string first_problem = problem_;
    uint64_t replaced = repair_json(line, repaired_);
    if (!read_padded(repaired_)) {
      if (!python_to_json(repaired_, literal_)) {
        problem_ = first_problem;
        return false;
      }
      replaced += repair_json(literal_, repaired_);
      if (!read_padded(repaired_)) return false;
    }
    repairs_.bytes += replaced;
    repairs_.rows += replaced > 0;
    return true;
  }

  bool read_padded(std::string& text) {
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    return read(text.data(), text.size());
  }

  LineReader lines_;
  BadRows& bad_;
  ondemand::parser parser_;
  std::vector<Key> keys_;
  std::vector<Cell> cells_;
  std::vector<int> ranks_;
  std::string problem_, repaired_, literal_;
};

void flatten(const Json& value, std::vector<std::string>& texts) {
  if (value.is_string()) texts.push_back(value.get<std::string>());
  if (value.is_array())
    for (const Json& part : value) flatten(part, texts);
}

}  // namespace

std::unique_ptr<Records> open_json_lines(LineReader lines, const ColumnNames& columns,
                                         BadRows& bad) {
  return std::make_unique<JsonRecords>(std::move(lines), columns, bad);
}

std::vector<std::string> list_of_texts(const Cell& cell) {
  std::vector<std::string> texts;
  if (cell.kind == Cell::Kind::compound)
    flatten(Json::parse(cell.text, nullptr, false), texts);
  else if (cell.present())
    texts.emplace_back(cell.text);
  return texts;
}

}  // namespace kindred::data
