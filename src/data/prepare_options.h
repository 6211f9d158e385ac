#pragma once
// Options of preparing data: of `kindred prepare` and of a recipe's `data:` section.

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/options.h"

namespace kindred::data {

inline const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names{
      "recbole",    "amazon-2014", "amazon-2018", "amazon-2023", "movielens", "yelp",
      "user-items", "user-item",   "csv",         "tsv",         "jsonl"};
  return names;
}

/// How interactions are divided into train, valid and test.
struct SplitOptions {
  std::optional<std::string> kind;
  std::vector<double> ratios{0.8, 0.1, 0.1};
  uint64_t seed = 1;
  std::string valid_from, test_from;
  std::vector<int> months;

  /// The kind that counts, once the source is known to be split or not.
  std::string resolved_kind(bool source_is_split) const {
    return kind.value_or(source_is_split ? "given" : "random");
  }

  template <class V>
  void visit(V& v) {
    v("kind", kind,
      "random (a user's interactions by chance), leave-one-out (the last is test, the one before "
      "validation), temporal (by time, for everybody at once) or given (as the files are split); "
      "default: given where the files are split, else random",
      Choices{{"random", "leave-one-out", "temporal", "given"}});
    v("ratios", ratios, "shares of train, valid and test (random and temporal)", Bounds{0, 1});
    v("seed", seed, "seed of the random split; apart from the training seed");
    v("valid_from", valid_from, "temporal: the first date of validation (instead of ratios)");
    v("test_from", test_from, "temporal: the first date of test (instead of ratios)");
    v("months", months,
      "temporal: months of train, valid and test counted back from the last interaction (instead "
      "of "
      "ratios); 0 for train keeps everything before",
      Bounds{0, 12000});
  }
};

/// What is read from raw files, what is kept of it, and how it is split. Filters are applied in the
/// order: rating, dates, duplicates, counts (one pass), k-core (until nothing changes).
struct RawOptions {
  std::string format;
  Json columns, item_columns, user_columns;
  std::string items, users;
  std::string field_separator, sequence_separator;

  std::optional<double> min_rating;
  std::string from, to;
  std::optional<std::string> duplicates;
  int min_user_events = 0, min_item_events = 0;
  int k_core = 0;

  Json max_bad_rows = "0.1%";  // text or a number
  std::optional<std::string> replace_id_spaces;
  std::vector<double> rating_range{0, 1e30};
  int64_t max_text_bytes = 131072;
  bool reviews = true;
  SplitOptions split;

  template <class V>
  void visit(V& v) {
    v("format", format,
      "format of the raw files (default: guessed, and none for a prepared folder)",
      Choices{format_names()});
    v("columns", columns,
      "csv, tsv, jsonl: columns by role, {user: , item: , rating: , time: , "
      "review: , title: } or \"user=…,item=…\"");
    v("items", items, "file of item texts (default: found beside the interactions by known names)");
    v("item_columns", item_columns, "columns of `items` by role: item and any text columns");
    v("users", users, "file of user texts");
    v("user_columns", user_columns, "columns of `users` by role: user and any text columns");
    v("field_separator", field_separator, "recbole, csv: the character between fields");
    v("sequence_separator", sequence_separator,
      "recbole: the character between a sequence's parts");
    v("min_rating", min_rating, "keep ratings of at least this (4 keeps 4 and 5)");
    v("from", from, "keep interactions from this date on (2014-05-31, or with a time; UTC)");
    v("to", to, "keep interactions up to this date, the day included");
    v("duplicates", duplicates,
      "of a pair's repeated interactions keep the first, the last or all "
      "(keep); default: last, and keep where the split is given",
      Choices{{"first", "last", "keep"}});
    v("min_user_events", min_user_events, "drop users with fewer interactions, counted once",
      Bounds{0});
    v("min_item_events", min_item_events, "drop items with fewer interactions, counted once",
      Bounds{0});
    v("k_core", k_core, "drop users and items with fewer interactions until none is left to drop",
      Bounds{0});
    v("max_bad_rows", max_bad_rows,
      "rows that cannot be read are skipped up to this number or share "
      "(a share always allows ten)");
    v("replace_id_spaces", replace_id_spaces,
      "put this in place of blanks in ids (they are refused "
      "otherwise)");
    v("rating_range", rating_range, "least and greatest possible rating; others are bad rows");
    v("max_text_bytes", max_text_bytes,
      "texts are cut at this length (RecBole's reader takes no "
      "longer fields than 131072)",
      Bounds{1, 1e9});
    v("reviews", reviews, "read the texts of reviews");
    v("split", split, "how interactions are split");
  }
};

/// `kindred prepare`.
struct PrepareOptions : RawOptions {
  std::string input, output;

  template <class V>
  void visit(V& v) {
    v("input", input, "a file or a folder of raw files");
    v("output", output, "the prepared folder to write");
    RawOptions::visit(v);
  }
};

}  // namespace kindred::data
