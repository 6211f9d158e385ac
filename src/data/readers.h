#pragma once
// The formats, one file each; open_raw chooses among them.

#include "data/raw.h"

namespace kindred::data {

/// Amazon reviews and metadata of 2014, 2018 and 2023 (`amazon-*`): JSON lines, or the published
/// tables of ratings (CSV).
std::unique_ptr<RawReader> open_amazon(const std::filesystem::path& input,
                                       const RawOptions& options);

/// RecBole atomic files: one `.inter`, or split ones, with `.item` and `.user` beside.
std::unique_ptr<RawReader> open_recbole(const std::filesystem::path& input,
                                        const RawOptions& options);

/// MovieLens: 100K (u.data, u.item, u.user), 1M and 10M (ratings.dat, movies.dat, users.dat), 20M
/// and later (ratings.csv, movies.csv).
std::unique_ptr<RawReader> open_movielens(const std::filesystem::path& input,
                                          const RawOptions& options);

/// Yelp: review, business and user JSON lines.
std::unique_ptr<RawReader> open_yelp(const std::filesystem::path& input, const RawOptions& options);

/// Text files of ids: `user item item…` a line (user-items) or `user item` a line (user-item); a
/// file, or a folder of train.txt, valid.txt and test.txt.
std::unique_ptr<RawReader> open_lists(const std::filesystem::path& input,
                                      const RawOptions& options);

/// A person's own CSV, TSV or JSON lines with the columns named by the options.
std::unique_ptr<RawReader> open_own_table(const std::filesystem::path& input,
                                          const RawOptions& options);

}  // namespace kindred::data
