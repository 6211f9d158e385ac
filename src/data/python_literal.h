#pragma once
// Python literals, such as the dict lines of the 2014 Amazon files: parsed, never evaluated.

#include <string>
#include <string_view>

namespace kindred::data {

/// Rewrites a Python literal (dict, list, tuple, string, number, None, True, False; also JSON with
/// the NaN that Python writes into it, which becomes null) as JSON in
/// `json`. False where the text is no such literal (or nests deeper than 100): `json` is then
/// meaningless.
bool python_to_json(std::string_view literal, std::string& json);

}  // namespace kindred::data
