#pragma once
// The formats, one file each; open_raw chooses among them.

#include "data/raw.h"

namespace kindred::data {

/// Amazon reviews and metadata of 2014, 2018 and 2023 (`amazon-*`).
std::unique_ptr<RawReader> open_amazon(const std::filesystem::path& input,
                                       const RawOptions& options);

}  // namespace kindred::data
