#pragma once
// JSON values and their strict parsing. Objects keep the order of their keys, and look a key up by
// going through them: put a large one (a vocabulary) into a map of your own before searching it.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace kindred {

using Json = nlohmann::ordered_json;

/// Parses JSON text; throws `bad_data` with `where` and the byte offset on a syntax error, a
/// repeated key, text after the value, or nesting deeper than 200.
Json parse_json(std::string_view text, const std::string& where);

/// Reads and parses a file of at most 1 GiB; throws as read_file and parse_json do.
Json read_json(const std::string& path);

/// Appends a member to an object without searching it for the key, which the caller knows to be
/// new.
void append_member(Json& object, std::string key, Json value);

}  // namespace kindred
