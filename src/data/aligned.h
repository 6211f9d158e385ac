#pragma once
// Plain-text tables of the data room's reports.

#include <string>
#include <vector>

namespace kindred::data {

/// Rows of equally many cells as lines: the first column flush left, the others flush right; no
/// line ends in a blank.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

}  // namespace kindred::data
