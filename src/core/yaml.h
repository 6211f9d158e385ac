#pragma once
// YAML recipes as JSON values. Scalars follow YAML 1.2's core schema; quoted scalars are strings.

#include <string>
#include <string_view>

#include "core/json.h"

namespace kindred {

/// Parses one YAML document (empty text is null); throws `config` with line and column on a syntax
/// error, a repeated key, a key that is no scalar, a tag outside the core schema, aliases that
/// expand beyond 10,000 nodes or 1 MiB, nesting deeper than 64 or text above 1 MiB.
Json parse_yaml(std::string_view text, const std::string& where);

/// What an unquoted YAML scalar means: null, bool, integer, number or text. Throws `config` where a
/// number is too large.
Json yaml_scalar(std::string_view text, const std::string& where = "");

/// Block-style YAML of a JSON value; parse_yaml reads it back equal.
std::string to_yaml(const Json& value);

}  // namespace kindred
