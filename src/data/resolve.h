#pragma once
// A recipe's `data:` section: from a name to a dataset, prepared when it is not yet.

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/prepare_options.h"
#include "data/published.h"

namespace kindred::data {

/// The `data:` section of a recipe.
struct DataOptions : RawOptions {
  std::string path;
  std::optional<PublishedCounts> published;

  template <class V>
  void visit(V& v) {
    v("path", path,
      "a prepared folder, or raw files: a path relative to --data-dir, else $KINDRED_DATA, else "
      "data/");
    RawOptions::visit(v);
    v("published", published,
      "what a paper prints about this data; training prints it beside what was counted");
  }
};

/// Where data is looked for and where prepared data is kept.
struct DataPlaces {
  std::vector<std::filesystem::path> search;
  std::filesystem::path cache;

  /// `--data-dir` (or $KINDRED_DATA) and then data/; `--cache-dir`, else $KINDRED_CACHE, else
  /// .kindred. Empty arguments stand for options that were not given.
  static DataPlaces from_environment(const std::string& data_dir, const std::string& cache_dir);
};

/// The existing file or folder a recipe's `data.path` means. Throws `missing` naming every place
/// looked in.
std::filesystem::path find_data(const std::string& path, const DataPlaces& places);

/// The dataset of a recipe. A prepared folder or split RecBole files are loaded as they are
/// (filters and split options are then refused: `config`); raw files are prepared into the cache
/// once, under the fingerprint of the options and the files. The format is guessed where it is not
/// given.
std::shared_ptr<const Dataset> resolve(const DataOptions& options, const DataPlaces& places,
                                       std::stop_token stop = {});

/// The folder that `resolve` reads: the path itself, or the cache's.
std::filesystem::path resolve_folder(const DataOptions& options, const DataPlaces& places,
                                     std::stop_token stop = {});

}  // namespace kindred::data
