#pragma once
// JSON of tokenizer files: large flat objects, read by simdjson; every complaint names file and
// key.

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace kindred::text {

/// A token as an error sentence shows it: quoted, escaped, cut after 60 bytes.
std::string shown(std::string_view token);

/// A value and where it stands ("tokenizer.json: model.vocab"). Lives as long as its document.
class JsonNode {
 public:
  JsonNode(simdjson::dom::element value, std::string where, const char* joint = ".")
      : value_(value), where_(std::move(where)), joint_(joint) {}

  const std::string& where() const { return where_; }
  bool is_object() const { return value_.is_object(); }
  bool is_array() const { return value_.is_array(); }
  bool is_text() const { return value_.is_string(); }

  /// The member, or nothing where it is absent or null. Throws `bad_data` where this is no object
  /// or has the key twice.
  std::optional<JsonNode> find(std::string_view key) const;
  /// The member; throws `bad_data` where it is absent or null.
  JsonNode at(std::string_view key) const;

  simdjson::dom::object object() const;
  simdjson::dom::array array() const;
  /// Throws `bad_data` where the value is no string of well-formed UTF-8.
  std::string_view text() const;
  int64_t integer() const;
  double number() const;
  bool boolean() const;

  bool flag(std::string_view key, bool otherwise) const;
  std::string_view text_or(std::string_view key, std::string_view otherwise) const;

  /// Calls `use(JsonNode)` for each element of an array.
  template <class Use>
  void each(Use&& use) const {
    size_t i = 0;
    for (const simdjson::dom::element element : array()) {
      use(JsonNode(element, where_ + "[" + std::to_string(i++) + "]"));
    }
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw Error(Exit::bad_data, where_, message);
  }
  [[noreturn]] void expected(std::string_view what) const;

 private:
  simdjson::dom::element value_;
  std::string where_;
  const char* joint_;  // between this place and a key: ": " after a file's name
};

/// Parsed JSON text.
class JsonDocument {
 public:
  /// Throws `bad_data` with the byte offset where the text is not one JSON value.
  JsonDocument(std::string_view json, const std::string& where);

  JsonNode root() const { return {root_, where_, ": "}; }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
  std::string where_;
};

}  // namespace kindred::text
