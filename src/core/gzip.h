#pragma once
// Gzip streams in memory.

#include <string>
#include <string_view>

namespace kindred {

/// The bytes as one gzip member: the same bytes give the same stream (no name, no time).
std::string gzipped(std::string_view bytes);

}  // namespace kindred
