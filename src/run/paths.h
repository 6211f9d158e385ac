#pragma once
// Where data, Hugging Face folders and caches are looked for.

#include <filesystem>
#include <string>

namespace kindred::run {

namespace fs = std::filesystem;

/// The folders a run looks into. Empty members mean "not given": then the environment
/// ($KINDRED_DATA, $KINDRED_MODELS, $KINDRED_CACHE), then data/, models/, .kindred/.
struct Paths {
  std::string data_dir, model_dir, cache_dir;

  fs::path data_root() const;
  fs::path model_root() const;
  fs::path cache_root() const;

  /// An existing file or folder of data: as given when absolute, else under data_root(), else under
  /// data/ (so that the shipped sample is found whatever $KINDRED_DATA says). Throws `missing` with
  /// every place that was tried.
  fs::path find_data(const std::string& path) const;
  /// The same for Hugging Face folders.
  fs::path find_model(const std::string& path) const;
};

}  // namespace kindred::run
