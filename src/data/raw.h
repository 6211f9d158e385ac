#pragma once
// Raw data on its way in: what a reader of a format hands over.

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "data/bad_rows.h"
#include "data/prepare_options.h"
#include "data/records.h"

namespace kindred::data {

/// One interaction. Views live until the call that takes it returns.
struct RawRow {
  std::string_view user, item, review;
  float rating = 0, label = 0;
  int64_t time = 0;
  int part = -1;  ///< 0, 1, 2 where the source is split
};

/// What rows of a source have.
struct RawColumns {
  bool rating = false, label = false, time = false, review = false;
};

/// Takes interactions.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void row(const RawRow& row) = 0;
};

/// Takes texts of items or users; of those only that it wants.
class TextSink {
 public:
  virtual ~TextSink() = default;
  /// Whether the id's texts are wanted; the following `text` calls are about it.
  virtual bool begin(std::string_view id) = 0;
  virtual void text(std::string_view column, std::string_view text) = 0;
};

/// What reading a source met.
struct ReadReport {
  uint64_t replaced_bytes = 0, replaced_rows = 0;
};

/// Where a reader's rows go and what bounds it.
struct ReadContext {
  BadRows& bad;
  std::stop_token stop;
  ReadReport report;
};

/// A source of raw data in one of the formats.
class RawReader {
 public:
  virtual ~RawReader() = default;
  virtual RawColumns columns() const = 0;
  /// Whether rows come with a part.
  virtual bool split() const { return false; }
  virtual void interactions(RowSink& sink, ReadContext& context) = 0;
  /// Texts of items, when there is a file of them.
  virtual void item_texts(TextSink&, ReadContext&) {}
  virtual void user_texts(TextSink&, ReadContext&) {}
  /// Every file it reads.
  virtual std::vector<std::filesystem::path> files() const = 0;
};

/// Opens the files of `input` (a file or folder) in the format of the options. Throws `missing`,
/// `bad_data`, or `usage` for an unknown format or option.
std::unique_ptr<RawReader> open_raw(const std::filesystem::path& input, const RawOptions& options);

/// Which cells of a record are what; -1 where there is none.
struct RowMapping {
  int user = -1, item = -1, rating = -1, time = -1, review = -1, label = -1;
};

/// Reads records as interactions: numbers and dates are parsed, rows without ids or with impossible
/// ratings are bad.
void read_rows(Records& records, const RowMapping& mapping, const RawOptions& options,
               RowSink& sink, ReadContext& context, int part = -1);

/// Throws `interrupted` when a stop was asked for.
void check_stop(const std::stop_token& stop);

}  // namespace kindred::data
