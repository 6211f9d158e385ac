#pragma once
// Raw files to a prepared folder.

#include <filesystem>
#include <stop_token>
#include <string>

#include "core/json.h"
#include "data/prepare_options.h"

namespace kindred::data {

/// What `prepare` did: dataset.json, and as a table for people.
struct PrepareReport {
  Json info;  ///< as written to dataset.json
  /// Counts before and after each filter, the parts, the texts, as aligned plain text.
  std::string table() const;
};

/// Reads raw files, filters, splits and writes the prepared folder `options.output`, which appears
/// whole or not at all. A prepared folder already there is replaced; anything else there is refused
/// (`usage`). Throws `missing`, `bad_data` (also "empty after filter X"), `usage`, `io`,
/// `interrupted`.
PrepareReport prepare(const PrepareOptions& options, std::stop_token stop = {});

/// Checks what a struct of options cannot: ranges that depend on each other, names, dates. Throws
/// `usage`.
void check_options(const RawOptions& options);

}  // namespace kindred::data
