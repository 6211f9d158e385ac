#pragma once
// JSON values and their strict parsing. Objects keep the order of their keys.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace kindred {

using Json = nlohmann::ordered_json;

/// Parses JSON text; throws `bad_data` with `where` and the byte offset on a syntax error, a repeated
/// key, text after the value, or nesting deeper than 200.
Json parse_json(std::string_view text, const std::string& where);

/// Reads and parses a file; throws as read_file and parse_json do.
Json read_json(const std::string& path);

}  // namespace kindred
