#pragma once
// Where data, Hugging Face folders and caches are looked for.

#include <filesystem>
#include <string>

#include "data/resolve.h"

namespace kindred::run {

namespace fs = std::filesystem;

/// The folders a run looks into. Empty members mean "not given": then the environment
/// ($KINDRED_DATA, $KINDRED_MODELS, $KINDRED_CACHE), then data/, models/, .kindred/.
struct Paths {
  std::string data_dir, model_dir, cache_dir;

  fs::path data_root() const;
  fs::path model_root() const;
  fs::path cache_root() const;

  /// Where data is looked for and kept: data_root(), then the shipped data/.
  data::DataPlaces data_places() const;
  /// An existing Hugging Face folder: as given when absolute, else under model_root(), else under
  /// the shipped models/, else from the working folder. Throws `missing` with every place that was
  /// tried.
  fs::path find_model(const std::string& path) const;
};

}  // namespace kindred::run
