#include "text/json_node.h"

#include <nlohmann/json.hpp>

#include "core/strings.h"
#include "core/utf8.h"

namespace kindred::text {
namespace {

/// Accepts every value and remembers where the text stops being JSON.
struct OffsetFinder : nlohmann::json::json_sax_t {
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    offset = position;
    return false;
  }

  std::size_t offset = 0;
};

std::string kind_name(simdjson::dom::element value) {
  switch (value.type()) {
    case simdjson::dom::element_type::ARRAY:
      return "an array";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::STRING:
      return "the string " + shown(value.get_string().value());
    case simdjson::dom::element_type::BOOL:
      return value.get_bool().value() ? "true" : "false";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    default:
      return cat("the number ", simdjson::to_string(value));
  }
}

}  // namespace

std::string shown(std::string_view token) {
  constexpr size_t kShown = 60;
  std::string text = "\"";
  const std::string valid = sanitize_utf8(token);
  for (size_t at = 0; at < valid.size();) {
    if (at >= kShown) return text + "...\"";
    const CodePoint next = code_point_at(valid, at);
    if (next.value < 0x20 || next.value == 0x7F) {
      constexpr char kDigits[] = "0123456789abcdef";
      text += cat("\\u00", kDigits[next.value >> 4], kDigits[next.value & 15]);
    } else {
      text.append(valid, at, next.length);
    }
    at += next.length;
  }
  return text + "\"";
}

void JsonNode::expected(std::string_view what) const {
  fail(cat("got ", kind_name(value_), ", expected ", what));
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  std::optional<JsonNode> found;
  bool seen = false;
  for (const auto member : object()) {
    if (member.key != key) continue;
    if (seen) fail(cat("the key ", shown(key), " is there twice"));
    seen = true;
    if (!member.value.is_null()) found.emplace(member.value, cat(where_, joint_, key));
  }
  return found;
}

JsonNode JsonNode::at(std::string_view key) const {
  if (auto found = find(key)) return *std::move(found);
  fail(cat("the key ", shown(key), " is missing"));
}

simdjson::dom::object JsonNode::object() const {
  if (!value_.is_object()) expected("an object");
  return value_.get_object().value();
}

simdjson::dom::array JsonNode::array() const {
  if (!value_.is_array()) expected("an array");
  return value_.get_array().value();
}

std::string_view JsonNode::text() const {
  if (!value_.is_string()) expected("a string");
  const std::string_view text = value_.get_string().value();
  // An escaped lone surrogate passes the parser and leaves ill-formed bytes.
  if (!is_utf8(text)) fail(cat("the string ", shown(text), " is not well-formed Unicode"));
  return text;
}

int64_t JsonNode::integer() const {
  if (!value_.is_int64()) expected("an integer");
  return value_.get_int64().value();
}

double JsonNode::number() const {
  if (!value_.is_number()) expected("a number");
  return value_.get_double().value();
}

bool JsonNode::boolean() const {
  if (!value_.is_bool()) expected("true or false");
  return value_.get_bool().value();
}

bool JsonNode::flag(std::string_view key, bool otherwise) const {
  const auto found = find(key);
  return found ? found->boolean() : otherwise;
}

std::string_view JsonNode::text_or(std::string_view key, std::string_view otherwise) const {
  const auto found = find(key);
  return found ? found->text() : otherwise;
}

JsonDocument::JsonDocument(std::string_view json, const std::string& where) : where_(where) {
  const auto result = parser_.parse(json.data(), json.size());
  if (!result.error()) {
    root_ = result.value_unsafe();
    return;
  }
  OffsetFinder finder;
  const bool accepted = nlohmann::json::sax_parse(json.begin(), json.end(), &finder);
  const std::string place = accepted ? "" : cat(" at byte ", finder.offset, " of ", json.size());
  throw Error(Exit::bad_data, where,
              cat("not valid JSON", place, " (", simdjson::error_message(result.error()),
                  "); the file may be damaged or incomplete"));
}

}  // namespace kindred::text
